"""Keys for visitors' browsers, made by keyward.

The page asks the model by itself, at keyward's gateway, with a key of minutes that can do nothing
else: this page's origin, this model, so many questions a minute, so much money. The gateway adds
OpenAI's key, which is neither here nor in the browser.
"""

import json
import threading
import urllib.error
import urllib.request

TIMEOUT = 10


class GatewayError(Exception):
    """keyward gave no key. The message holds no token."""


class Gateway:
    """One key a session at a time: whoever asks again before its end gets the same one, so that
    nobody has a second allowance by asking twice."""

    def __init__(self, settings):
        self._settings = settings
        self._keys = {}
        self._lock = threading.Lock()
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def visit(self, session, now):
        """What a page needs: the key of this visit, and where to use it."""
        with self._lock:
            self._keys = {id: kept for id, kept in self._keys.items() if kept[1] > now}
            if session not in self._keys:
                self._keys[session] = (self._mint(session), now + self._settings.gateway_visit_seconds)
            return {"key": self._keys[session][0], "url": self._settings.gateway_url}

    def _mint(self, session):
        s = self._settings
        body = {
            "seconds": s.gateway_visit_seconds,
            "subject": session,
            "rules": {"rpm": s.gateway_visit_rpm, "budgets": [s.gateway_visit_budget]},
        }
        url = f"{s.gateway_api}/api/v1/virtual-keys/{s.gateway_key}/children"
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {s.gateway_token.expose()}"}
        request = urllib.request.Request(url, data=json.dumps(body).encode(), headers=headers, method="POST")
        try:
            with self._opener.open(request, timeout=TIMEOUT) as answer:
                return json.loads(answer.read())["text"]
        except urllib.error.HTTPError as error:
            raise GatewayError(f"keyward answered {error.code}") from None
        except (OSError, ValueError, KeyError):
            raise GatewayError("keyward cannot be reached or understood") from None
