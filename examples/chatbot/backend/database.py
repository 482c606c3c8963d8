"""Where conversations are kept: PostgreSQL where psycopg is installed, memory where not.

What is true is said: without the driver nothing is stored, and the page and the summary say so.
"""

import threading
from urllib.parse import parse_qs, unquote, urlsplit


class DatabaseError(Exception):
    """The URL cannot be used. The message never holds it."""


class Database:
    """Conversations by session."""

    def __init__(self, settings):
        self.target = Target(settings.database_url)
        self._url = settings.database_url
        self._memory = {}
        self._lock = threading.Lock()
        self._driver = driver() if settings.provider_mode == "live" else None

    def describe(self):
        """One line without the password."""
        if self._driver:
            return f"PostgreSQL at {self.target}"
        return f"in memory only (PostgreSQL would be {self.target}; {self.why_not()})"

    def why_not(self):
        return "psycopg is not installed" if driver() is None else "PROVIDER_MODE=double does not connect"

    def append(self, session, role, text):
        if self._driver:
            with self._driver.connect(self._url.expose(), connect_timeout=10) as connection:
                connection.execute(
                    "CREATE TABLE IF NOT EXISTS messages"
                    " (id bigserial PRIMARY KEY, session text, role text, body text, at timestamptz DEFAULT now())"
                )
                connection.execute("INSERT INTO messages (session, role, body) VALUES (%s, %s, %s)", (session, role, text))
            return
        with self._lock:
            self._memory.setdefault(session, []).append((role, text))

    def count(self, session):
        if self._driver:
            with self._driver.connect(self._url.expose(), connect_timeout=10) as connection:
                return connection.execute("SELECT count(*) FROM messages WHERE session = %s", (session,)).fetchone()[0]
        with self._lock:
            return len(self._memory.get(session, []))


class Target:
    """A PostgreSQL URL taken apart; prints without its password."""

    def __init__(self, url):
        try:
            parts = urlsplit(url.expose())
            port = parts.port
        except ValueError:
            raise DatabaseError("DATABASE_URL is no URL") from None
        if parts.scheme.split("+")[0] not in ("postgresql", "postgres"):
            raise DatabaseError("DATABASE_URL is no PostgreSQL URL")
        if not parts.hostname or not parts.path.strip("/"):
            raise DatabaseError("DATABASE_URL names no host or no database")
        self.host = parts.hostname
        self.port = port or 5432
        self.name = unquote(parts.path.strip("/"))
        self.user = unquote(parts.username or "")
        self.has_password = bool(parts.password)
        self.sslmode = parse_qs(parts.query).get("sslmode", ["prefer"])[0]

    def __str__(self):
        return f"{self.user}@{self.host}:{self.port}/{self.name}, sslmode={self.sslmode}"


def driver():
    try:
        import psycopg  # the only dependency, and optional
    except ImportError:
        return None
    return psycopg
