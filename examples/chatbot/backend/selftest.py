"""`app.py --self-test`: proves that the application can do its work with the variables it got,
without leaving this machine and without showing a secret.
"""

import dataclasses
import json
import threading
import time
import urllib.error
import urllib.request

from database import Database
from double import Double
from providers import ProviderError, Providers
from settings import Secret
from sessions import COOKIE, Sessions
from web import server


class Failed(Exception):
    """A check did not hold."""


def run(settings):
    """Runs every check and gives a line for each; raises `Failed` at the first that fails."""
    double = Double(settings)
    try:
        local = dataclasses.replace(settings, provider_mode="double", log_level="info", port=0, **double.overrides())
        lines = [signing(local), *requests(local, double), page(local)]
        lines.append("database    " + Database(local).describe())
    finally:
        double.close()
    summary = [f"chatbot self-test, environment {settings.app_env}", *("  ok " + line for line in lines)]
    for secret in settings.secrets():
        check(secret.expose() not in "\n".join(summary), "a secret would have been printed")
    return summary


def check(holds, otherwise):
    if not holds:
        raise Failed(otherwise)


def signing(settings):
    sessions = Sessions(settings.session_signing_secret, settings.session_ttl_minutes)
    now = time.time()
    value = sessions.create(now)
    check(sessions.verify(value, now), "a fresh session is not accepted")
    check(sessions.verify(value, now + sessions.ttl + 1) is None, "an old session is accepted")
    identity, rest = value.split(".", 1)
    check(sessions.verify(f"{identity}x.{rest}", now) is None, "a forged session is accepted")
    other = Sessions(Secret("x" * 40), settings.session_ttl_minutes)
    check(sessions.verify(other.create(now), now) is None, "a session of another secret is accepted")
    return "sessions    signed, verified, forged ones refused"


def requests(settings, double):
    """One line a service: where its request goes, and by which header it carries its key."""
    providers = Providers(settings)
    vector = providers.embed("Where do keys belong?")
    context = providers.search(vector)
    answer, source = providers.answer("Where do keys belong?", context)
    check(source == "openai" and answer, "no answer from OpenAI's double")
    double.failing.add("openai")
    _, source = providers.answer("Where do keys belong?", context)
    double.failing.clear()
    check(source == "gemini", "Gemini does not step in")
    check(set(double.seen) == {"openai", "cohere", "qdrant", "gemini"}, "a service was not asked")
    wrong = Providers(dataclasses.replace(settings, cohere_api_key=Secret("wrong")))
    try:
        wrong.embed("x")
    except ProviderError:
        pass
    else:
        raise Failed("the double takes any key, so it proves nothing")
    return [
        "openai      POST /v1/chat/completions, Authorization: Bearer ****",
        "cohere      POST /v2/embed, Authorization: Bearer ****",
        "gemini      POST /v1beta/models/…:generateContent, x-goog-api-key: ****",
        "qdrant      POST /collections/…/points/query, api-key: ****",
    ]


def page(settings):
    """Loads the page and asks a question as a browser does."""
    sessions = Sessions(settings.session_signing_secret, settings.session_ttl_minutes)
    web = server(settings, sessions, Providers(settings), Database(settings), 0)
    threading.Thread(target=web.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{web.server_address[1]}"
    try:
        with fetch(base + "/") as answer:
            text, cookie = answer.read().decode(), answer.headers["Set-Cookie"]
        with fetch(base + "/app.js") as answer:
            text += answer.read().decode()
        check("HttpOnly" in cookie and "SameSite=Strict" in cookie, "the cookie is within reach of scripts")
        check(all(secret.expose() not in text for secret in settings.secrets()), "the page holds a key")
        message = json.dumps({"message": "Where do keys belong?"}).encode()
        check(status(base + "/api/chat", message, "") == 401, "a question without a session is answered")
        check(status(base + "/api/chat", message, f"{COOKIE}=a.9999999999.b") == 401, "a forged session is answered")
        check(status(base + "/api/chat", message, cookie, "https://evil.invalid") == 403, "another site may ask")
        check(status(base + "/api/chat", message, cookie) == 200, "a question with a session is not answered")
        check(status(base + "/../backend/app.py", None, cookie) == 404, "files outside the frontend are served")
    finally:
        web.shutdown()
        web.server_close()
    return "page        served without a key, asks with a session only"


def fetch(url, data=None, headers=None):
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    return opener.open(urllib.request.Request(url, data=data, headers=headers or {}), timeout=10)


def status(url, data, cookie, origin=None):
    headers = {"Content-Type": "application/json", "Cookie": cookie.split(";")[0]}
    if origin:
        headers["Origin"] = origin
    try:
        with fetch(url, data, headers) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code
