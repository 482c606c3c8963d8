#!/usr/bin/env python3
"""Writes `.env.development`, `.env.staging` and `.env.production` into a folder.

The values have the right form and are obviously fake: each secret has FAKE in it, is drawn anew
at every run, and opens nothing. They are put together here so that no key-like text stands in
the repository.

    python3 make_env.py OUTDIR
"""

import base64
import hashlib
import hmac
import json
import os
import secrets
import string
import sys
import time

ALNUM = string.ascii_letters + string.digits
FAKE = "FAKE"
DAY = 24 * 60 * 60

SETTINGS = {
    "development": {
        "APP_ENV": "development",
        "DEBUG": "true",
        "PORT": "8000",
        "LOG_LEVEL": "debug",
        "SESSION_TTL_MINUTES": "1440",
        "PROVIDER_MODE": "double",
        "OPENAI_MODEL": "gpt-4o-mini",
        "COHERE_MODEL": "embed-v4.0",
        "GEMINI_MODEL": "gemini-2.5-flash",
        "QDRANT_URL": "http://localhost:6333",
        "QDRANT_COLLECTION": "documents_dev",
    },
    "staging": {
        "APP_ENV": "staging",
        "DEBUG": "false",
        "PORT": "8000",
        "LOG_LEVEL": "info",
        "SESSION_TTL_MINUTES": "120",
        "PROVIDER_MODE": "double",
        "OPENAI_MODEL": "gpt-4o-mini",
        "COHERE_MODEL": "embed-v4.0",
        "GEMINI_MODEL": "gemini-2.5-flash",
        "QDRANT_URL": "https://qdrant.staging.chatbot.invalid:6333",
        "QDRANT_COLLECTION": "documents",
    },
    "production": {
        "APP_ENV": "production",
        "DEBUG": "false",
        "PORT": "8000",
        "LOG_LEVEL": "warning",
        "SESSION_TTL_MINUTES": "60",
        "PROVIDER_MODE": "double",
        "OPENAI_MODEL": "gpt-4o",
        "COHERE_MODEL": "embed-v4.0",
        "GEMINI_MODEL": "gemini-2.5-pro",
        "QDRANT_URL": "https://qdrant.chatbot.invalid:6333",
        "QDRANT_COLLECTION": "documents",
    },
}

DATABASES = {
    "development": ("chatbot_dev", "localhost:5432", "chatbot_dev", ""),
    "staging": ("chatbot", "db.staging.chatbot.invalid:5432", "chatbot", "?sslmode=verify-full"),
    "production": ("chatbot", "db.chatbot.invalid:5432", "chatbot", "?sslmode=verify-full"),
}


def drawn(length, alphabet=ALNUM):
    """`length` characters that begin with FAKE."""
    return FAKE + "".join(secrets.choice(alphabet) for _ in range(length - len(FAKE)))


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def openai_key():
    # "OpenAI" in base64 stands in the middle of every key of theirs.
    marker = base64.b64encode(b"OpenAI").decode()
    return "-".join(["sk", "proj", drawn(74)]) + marker + drawn(74)


def gemini_key():
    return "AQ" + "." + "Ab" + drawn(48)


def qdrant_token(environment):
    """A token for one collection that ends in 90 days, signed with a key nobody has."""
    collection = SETTINGS[environment]["QDRANT_COLLECTION"]
    claims = {
        "exp": int(time.time()) + 90 * DAY,
        "sub": FAKE,
        "access": [{"collection": collection, "access": "rw"}],
    }
    parts = [{"alg": "HS256", "typ": "JWT"}, claims]
    body = ".".join(base64url(json.dumps(part, separators=(",", ":")).encode()) for part in parts)
    return body + "." + base64url(hmac.new(os.urandom(32), body.encode(), hashlib.sha256).digest())


def database_url(environment):
    user, host, name, parameters = DATABASES[environment]
    return f"postgresql://{user}:{drawn(32)}@{host}/{name}{parameters}"


def secrets_of(environment):
    return {
        "OPENAI_API_KEY": openai_key(),
        "COHERE_API_KEY": drawn(40),
        "GEMINI_API_KEY": gemini_key(),
        "QDRANT_API_KEY": qdrant_token(environment),
        "DATABASE_URL": database_url(environment),
        "SESSION_SIGNING_SECRET": drawn(48, ALNUM + "-_"),
    }


def write(folder, environment):
    lines = [f"# {environment}, written by make_env.py: every secret is fake", ""]
    lines += [f"{name}={value}" for name, value in SETTINGS[environment].items()]
    lines.append("")
    lines += [f'{name}="{value}"' for name, value in secrets_of(environment).items()]
    path = os.path.join(folder, f".env.{environment}")
    # Readable by its owner alone, from the first byte.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    return path


def main():
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        sys.exit("usage: make_env.py OUTDIR")
    folder = sys.argv[1]
    os.makedirs(folder, exist_ok=True)
    for environment in SETTINGS:
        print("wrote", write(folder, environment))


if __name__ == "__main__":
    main()
