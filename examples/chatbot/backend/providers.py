"""The four services: how a request to each is built and its answer read.

The keys are used here and nowhere else: each goes into one header of one request to its own
service. Redirects are not followed, so that no key is carried to another host.
"""

import json
import urllib.error
import urllib.request

TIMEOUT = 20
LONGEST_ANSWER = 4 * 1024 * 1024
LONGEST_REPLY = 300  # tokens


class ProviderError(Exception):
    """A service did not answer as it should. The message holds no key and no answer body."""


class Providers:
    """Clients of all services the chatbot uses."""

    def __init__(self, settings):
        self._settings = settings
        self._opener = urllib.request.build_opener(NoRedirects, urllib.request.ProxyHandler({}))

    def embed(self, text):
        """Cohere: the vector of a question."""
        request = self.embed_request(text)
        return dig(self._send("cohere", request), "embeddings", "float", 0)

    def search(self, vector):
        """Qdrant: texts near a vector."""
        points = dig(self._send("qdrant", self.search_request(vector)), "result", "points")
        return [str(dig(point, "payload", "text")) for point in points]

    def answer(self, question, context):
        """OpenAI, and Gemini when OpenAI fails: an answer from the context, and whose it is."""
        try:
            answer = self._send("openai", self.openai_request(question, context))
            return dig(answer, "choices", 0, "message", "content"), "openai"
        except ProviderError:
            answer = self._send("gemini", self.gemini_request(question, context))
            return dig(answer, "candidates", 0, "content", "parts", 0, "text"), "gemini"

    def embed_request(self, text):
        s = self._settings
        body = {"model": s.cohere_model, "texts": [text], "input_type": "search_query", "embedding_types": ["float"]}
        return post(f"{s.cohere_base_url}/v2/embed", body, "Authorization", f"Bearer {s.cohere_api_key.expose()}")

    def search_request(self, vector):
        s = self._settings
        url = f"{s.qdrant_url}/collections/{s.qdrant_collection}/points/query"
        return post(url, {"query": vector, "limit": 3, "with_payload": True}, "api-key", s.qdrant_api_key.expose())

    def openai_body(self, question, context):
        return {
            "model": self._settings.openai_model,
            "max_tokens": LONGEST_REPLY,
            "messages": [
                {"role": "system", "content": "Answer from these notes:\n" + "\n".join(context)},
                {"role": "user", "content": question},
            ],
        }

    def openai_request(self, question, context):
        s = self._settings
        body = self.openai_body(question, context)
        url = f"{s.openai_base_url}/chat/completions"
        return post(url, body, "Authorization", f"Bearer {s.openai_api_key.expose()}")

    def gemini_request(self, question, context):
        s = self._settings
        text = "Answer from these notes:\n" + "\n".join(context) + "\n\n" + question
        url = f"{s.gemini_base_url}/v1beta/models/{s.gemini_model}:generateContent"
        # In a header, not in the URL: URLs end up in logs.
        return post(url, {"contents": [{"parts": [{"text": text}]}]}, "x-goog-api-key", s.gemini_api_key.expose())

    def _send(self, service, request):
        try:
            with self._opener.open(request, timeout=TIMEOUT) as answer:
                return json.loads(answer.read(LONGEST_ANSWER))
        except urllib.error.HTTPError as error:
            raise ProviderError(f"{service} answered {error.code}") from None
        except (OSError, ValueError):
            raise ProviderError(f"{service} cannot be reached or understood") from None


class NoRedirects(urllib.request.HTTPRedirectHandler):
    """Takes a redirect as the error it is for an API."""

    def redirect_request(self, *_):
        return None


def post(url, body, header, credential):
    headers = {"Content-Type": "application/json", header: credential}
    return urllib.request.Request(url, data=json.dumps(body).encode(), headers=headers, method="POST")


def dig(value, *path):
    """Follows names and indexes into an answer."""
    for step in path:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            raise ProviderError("an answer does not have the expected form") from None
    return value
