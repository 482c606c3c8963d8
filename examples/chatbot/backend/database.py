"""Where conversations are kept: PostgreSQL where psycopg is installed, memory where not.

What is true is said: without the driver nothing is stored, and the page and the summary say so.

Passwords are replaced while the page is in use. With `DATABASE_ENV_FILE` the URL is read from that
file for each connection, and `keyward rotate` writes its successor there: the next connection is
the new role's. One that the database ends, because its role was replaced, is made once more.
"""

import pathlib
import threading
from urllib.parse import parse_qs, unquote, urlsplit

from settings import Secret


class DatabaseError(Exception):
    """The URL cannot be used. The message never holds it."""


class Database:
    """Conversations by session."""

    def __init__(self, settings):
        self._url = settings.database_url
        self._file = settings.database_env_file
        self._memory = {}
        self._lock = threading.Lock()
        self._driver = driver() if settings.provider_mode == "live" or self._file else None
        Target(self.url())

    def url(self):
        """Where the database is and as whom, as of now."""
        return from_file(self._file) if self._file else self._url

    def describe(self):
        """One line without the password."""
        target = Target(self.url())
        if self._driver:
            return f"PostgreSQL at {target}"
        return f"in memory only (PostgreSQL would be {target}; {self.why_not()})"

    def why_not(self):
        return "psycopg is not installed" if driver() is None else "PROVIDER_MODE=double does not connect"

    def append(self, session, role, text):
        if self._driver:
            self._connected(lambda connection: insert(connection, session, role, text))
            return
        with self._lock:
            self._memory.setdefault(session, []).append((role, text))

    def count(self, session):
        if self._driver:
            return self._connected(lambda connection: count(connection, session))
        with self._lock:
            return len(self._memory.get(session, []))

    def _connected(self, work):
        try:
            return self._once(work)
        except self._driver.OperationalError:
            return self._once(work)

    def _once(self, work):
        with self._driver.connect(self.url().expose(), connect_timeout=10) as connection:
            return work(connection)


def insert(connection, session, role, text):
    connection.execute(
        "CREATE TABLE IF NOT EXISTS messages"
        " (id bigserial PRIMARY KEY, session text, role text, body text, at timestamptz DEFAULT now())"
    )
    connection.execute("INSERT INTO messages (session, role, body) VALUES (%s, %s, %s)", (session, role, text))


def count(connection, session):
    return connection.execute("SELECT count(*) FROM messages WHERE session = %s", (session,)).fetchone()[0]


def from_file(path):
    """`DATABASE_URL` of a `.env` file. It is replaced as a whole, so that nobody reads half of it."""
    try:
        lines = pathlib.Path(path).read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise DatabaseError(f"DATABASE_ENV_FILE cannot be read: {error.strerror}") from None
    for name, _, value in (line.partition("=") for line in lines):
        if name.strip() == "DATABASE_URL":
            return Secret(value.strip().strip("'\""))
    raise DatabaseError("DATABASE_ENV_FILE has no DATABASE_URL")


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
