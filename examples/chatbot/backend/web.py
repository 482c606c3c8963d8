"""The web side: three files for the browser, three calls for them.

The browser talks to this server and never holds a service's key; where there is a gateway it talks to
that, too, with a key of its own for this visit. A session is a signed cookie that scripts cannot read and
other sites cannot send.
"""

import json
import pathlib
import threading
import time
from http.cookies import CookieError, SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from gateway import GatewayError
from providers import ProviderError
from sessions import COOKIE

FRONTEND = pathlib.Path(__file__).resolve().parent.parent / "frontend"
FILES = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/app.js": ("app.js", "text/javascript; charset=utf-8"),
    "/style.css": ("style.css", "text/css; charset=utf-8"),
}
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
# Scripts of this server alone, calls to this server and its gateway alone.
POLICY = "default-src 'self'; connect-src {}; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
LONGEST_BODY = 16 * 1024
LONGEST_QUESTION = 2000


class Limiter:
    """At most so many questions a minute and session."""

    def __init__(self, most):
        self._most = most
        self._times = {}
        self._lock = threading.Lock()

    def allows(self, session, now):
        with self._lock:
            recent = [at for at in self._times.get(session, []) if at > now - 60]
            allowed = len(recent) < self._most
            self._times[session] = recent + [now] if allowed else recent
            return allowed


def server(settings, sessions, providers, database, port, gateway=None):
    """A server on the loopback interface, not started yet. Port 0 takes a free one."""
    limiter = Limiter(settings.questions_a_minute)
    targets = ["'self'"]
    if gateway:
        url = urlsplit(settings.gateway_url)
        targets.append(f"{url.scheme}://{url.netloc}")
    headers = {"Content-Security-Policy": POLICY.format(" ".join(targets)), **HEADERS}

    class Handler(BaseHTTPRequestHandler):
        server_version = "chatbot"
        sys_version = ""
        timeout = 30

        def do_GET(self):
            if self.path == "/api/health":
                return self.reply(200, {"status": "ok", "environment": settings.app_env, "history": database.describe()})
            if self.path not in FILES:
                return self.reply(404, {"error": "no such page"})
            name, kind = FILES[self.path]
            cookie = None if self.session() else sessions.create(time.time())
            return self.send(200, (FRONTEND / name).read_bytes(), kind, cookie)

        def do_POST(self):
            if self.path != "/api/chat" and (self.path != "/api/visit" or gateway is None):
                return self.reply(404, {"error": "no such call"})
            body = self.body()
            if not self.same_origin():
                return self.reply(403, {"error": "wrong origin"})
            session = self.session()
            if session is None:
                return self.reply(401, {"error": "no session: load the page again"})
            if self.path == "/api/visit":
                return self.visit(session)
            if not isinstance(body, dict) or not isinstance(body.get("message"), str) or not body["message"].strip():
                return self.reply(400, {"error": "a message is needed"})
            if not limiter.allows(session, time.time()):
                return self.reply(429, {"error": "too many questions, wait a minute"})
            return self.chat(session, body["message"].strip()[:LONGEST_QUESTION])

        def chat(self, session, question):
            try:
                context = providers.search(providers.embed(question))
                if gateway:
                    # The page asks the model by itself.
                    database.append(session, "user", question)
                    return self.reply(200, {"request": providers.openai_body(question, context)})
                answer, source = providers.answer(question, context)
            except ProviderError as error:
                self.log_error("%s", error)
                return self.reply(502, {"error": "a service did not answer"})
            database.append(session, "user", question)
            database.append(session, "assistant", answer)
            return self.reply(200, {"answer": answer, "source": source, "messages": database.count(session)})

        def visit(self, session):
            try:
                return self.reply(200, gateway.visit(session, time.time()))
            except GatewayError as error:
                self.log_error("%s", error)
                return self.reply(502, {"error": "no key can be had just now"})

        def session(self):
            try:
                morsel = SimpleCookie(self.headers.get("Cookie", "")).get(COOKIE)
            except CookieError:
                return None
            return sessions.verify(morsel.value, time.time()) if morsel else None

        def same_origin(self):
            origin = self.headers.get("Origin")
            return origin is None or origin.split("://")[-1] == self.headers.get("Host")

        def body(self):
            length = self.headers.get("Content-Length", "")
            if not length.isdigit() or int(length) > LONGEST_BODY:
                self.close_connection = True
                return None
            try:
                return json.loads(self.rfile.read(int(length)))
            except ValueError:
                return None

        def reply(self, status, value):
            self.send(status, json.dumps(value).encode(), "application/json", None)

        def send(self, status, data, kind, cookie):
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if cookie:
                self.send_header("Set-Cookie", sessions.header(cookie, secure=settings.app_env != "development"))
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, form, *arguments):
            if settings.log_level == "debug":
                super().log_message(form, *arguments)

    return ThreadingHTTPServer(("127.0.0.1", port), Handler)
