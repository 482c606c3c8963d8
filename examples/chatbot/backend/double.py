"""A stand-in for all four services on this machine, for tests and for trying the page.

It checks what the services would check (path, header, key) and remembers what it saw; it can be
told to fail.
"""

import hmac
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Double:
    """Listens on a loopback port; `overrides()` gives settings that lead there."""

    def __init__(self, settings, port=0):
        self.seen = []
        self.failing = set()
        self._settings = settings
        self._server = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def overrides(self):
        """The base URLs to replace."""
        return {
            "openai_base_url": f"{self.url}/openai/v1",
            "cohere_base_url": f"{self.url}/cohere",
            "gemini_base_url": f"{self.url}/gemini",
            "qdrant_url": f"{self.url}/qdrant",
        }

    def close(self):
        self._server.shutdown()
        self._server.server_close()

    def answer(self, path, headers, body):
        """Status and body for a request."""
        service = path.split("/")[1]
        s = self._settings
        expected = {
            "openai": ("/openai/v1/chat/completions", "Authorization", f"Bearer {s.openai_api_key.expose()}"),
            "cohere": ("/cohere/v2/embed", "Authorization", f"Bearer {s.cohere_api_key.expose()}"),
            "gemini": (f"/gemini/v1beta/models/{s.gemini_model}:generateContent", "x-goog-api-key", s.gemini_api_key.expose()),
            "qdrant": (f"/qdrant/collections/{s.qdrant_collection}/points/query", "api-key", s.qdrant_api_key.expose()),
        }.get(service)
        if expected is None or path != expected[0]:
            return 404, {"error": "no such path"}
        if not hmac.compare_digest(headers.get(expected[1], "").encode(), expected[2].encode()):
            return 401, {"error": "wrong key"}
        self.seen.append(service)
        if service in self.failing:
            return 503, {"error": "told to fail"}
        return 200, self._canned(service, body)

    def _canned(self, service, body):
        if service == "cohere":
            return {"embeddings": {"float": [[0.1, 0.2, 0.3]]}}
        if service == "qdrant":
            return {"result": {"points": [{"id": 1, "payload": {"text": "Keys belong on the server."}}]}}
        if service == "openai":
            question = body["messages"][-1]["content"]
            return {"choices": [{"message": {"content": f"(stand-in) You asked: {question}"}}]}
        return {"candidates": [{"content": {"parts": [{"text": "(stand-in) Gemini answers."}]}}]}

    def _handler(double):
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                length = int(self.headers.get("Content-Length", "0"))
                status, answer = double.answer(self.path, self.headers, json.loads(self.rfile.read(length)))
                data = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_):
                pass

        return Handler
