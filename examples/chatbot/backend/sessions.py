"""Sessions in a signed cookie: `<id>.<expires>.<HMAC-SHA256>`.

The cookie holds no secret; the signature keeps visitors from making up sessions of others.
"""

import base64
import hashlib
import hmac
import secrets

COOKIE = "chat_session"


class Sessions:
    """Signs and verifies session cookies with one secret."""

    def __init__(self, signing_secret, ttl_minutes):
        self._key = hashlib.sha256(b"chatbot session v1:" + signing_secret.expose().encode()).digest()
        self.ttl = ttl_minutes * 60

    def create(self, now):
        """A new session: its cookie's value."""
        body = f"{secrets.token_urlsafe(16)}.{int(now) + self.ttl}"
        return f"{body}.{self._sign(body)}"

    def verify(self, value, now):
        """The session's id, or None when the value is forged, damaged or too old."""
        body, _, signature = value.rpartition(".")
        if not body or not hmac.compare_digest(signature.encode(), self._sign(body).encode()):
            return None
        identity, _, expires = body.partition(".")
        return identity if int(expires) > now else None

    def header(self, value, secure):
        """The Set-Cookie header: out of reach for scripts, not sent from other sites."""
        flags = "; HttpOnly; SameSite=Strict; Path=/" + ("; Secure" if secure else "")
        return f"{COOKIE}={value}; Max-Age={self.ttl}{flags}"

    def _sign(self, body):
        tag = hmac.new(self._key, body.encode(), hashlib.sha256).digest()
        return base64.urlsafe_b64encode(tag).rstrip(b"=").decode()
