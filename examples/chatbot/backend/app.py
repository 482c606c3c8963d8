#!/usr/bin/env python3
"""A chatbot that answers from your documents: Cohere finds the meaning of a question, Qdrant the
texts near it, OpenAI (or Gemini) answers, PostgreSQL remembers.

    python3 backend/app.py              serves the page until Ctrl-C
    python3 backend/app.py --self-test  proves that it can work, contacts nobody, exits

Every value comes from the environment; `keyward run -- python3 backend/app.py` puts it there.
"""

import dataclasses
import signal
import sys

import selftest
import settings as environment
from database import Database, DatabaseError
from double import Double
from gateway import Gateway
from providers import Providers
from sessions import Sessions
from web import server


def main(arguments):
    if arguments not in ([], ["--self-test"]):
        print("usage: app.py [--self-test]", file=sys.stderr)
        return 2
    try:
        settings = environment.load()
        if arguments:
            print("\n".join(selftest.run(settings)))
            return 0
        return serve(settings)
    except (environment.SettingsError, DatabaseError, selftest.Failed) as error:
        print(f"chatbot: {error}", file=sys.stderr)
        return 1


def serve(settings):
    try:
        # The gateway finds the stand-in at a port that is known beforehand; nobody else needs to.
        port = settings.double_port if settings.has_gateway() else 0
        double = Double(settings, port) if settings.provider_mode == "double" else None
    except OSError as error:
        print(f"chatbot: the stand-ins cannot listen on port {settings.double_port}: {error.strerror}", file=sys.stderr)
        return 1
    if double:
        settings = dataclasses.replace(settings, **double.overrides())
    sessions = Sessions(settings.session_signing_secret, settings.session_ttl_minutes)
    gateway = Gateway(settings) if settings.has_gateway() else None
    try:
        web = server(settings, sessions, Providers(settings), Database(settings), settings.port, gateway)
    except OSError as error:
        print(f"chatbot: cannot listen on port {settings.port}: {error.strerror}", file=sys.stderr)
        return 1
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    mode = "stand-in services" if double else "live services"
    print(f"chatbot ({settings.app_env}, {mode}) listens on http://127.0.0.1:{web.server_address[1]}", flush=True)
    try:
        web.serve_forever()
    except KeyboardInterrupt:
        # Ctrl-C reaches every process of the terminal; whoever passes it on makes it two.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
    finally:
        web.server_close()
        if double:
            double.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
