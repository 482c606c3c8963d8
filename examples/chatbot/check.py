#!/usr/bin/env python3
"""Checks the example without keyward: `python3 check.py`. Contacts nobody."""

import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
APP = [sys.executable, str(HERE / "backend" / "app.py")]
SECRETS = {
    "OPENAI_API_KEY",
    "COHERE_API_KEY",
    "GEMINI_API_KEY",
    "QDRANT_API_KEY",
    "DATABASE_URL",
    "SESSION_SIGNING_SECRET",
}


def read(path):
    lines = (line.partition("=") for line in path.read_text().splitlines() if line and not line.startswith("#"))
    return {name: value.strip('"') for name, _, value in lines}


def app(values, *arguments):
    environment = {"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1", **values}
    return subprocess.run([*APP, *arguments], env=environment, capture_output=True, text=True, timeout=60)


def serves(values, end):
    """Starts the server, reads its line and its page, ends it by a signal that arrives twice."""
    environment = {"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1", **values, "PORT": "0"}
    process = subprocess.Popen(APP, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    line = process.stdout.readline()
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    page = opener.open(re.search(r"http://\S+", line)[0], timeout=10).read().decode()
    process.send_signal(end)
    time.sleep(0.05)
    process.send_signal(end)
    rest = "".join(process.communicate(timeout=10))
    assert process.returncode == 0, rest
    return line + page + rest


def main():
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, str(HERE / "make_env.py"), folder], check=True, stdout=subprocess.DEVNULL)
        files = {stage: read(pathlib.Path(folder, f".env.{stage}")) for stage in ("development", "staging", "production")}
    template = read(HERE / ".env.example")
    assert all(values.keys() == template.keys() for values in files.values()), "the template has other names"
    for name in SECRETS:
        assert len({values[name] for values in files.values()}) == 3, f"{name} is the same in two environments"
        assert not template[name], f"the template holds a value of {name}"
    for stage, values in files.items():
        result = app(values, "--self-test")
        assert result.returncode == 0, result.stderr
        shown = result.stdout + result.stderr + serves(values, signal.SIGINT) + serves(values, signal.SIGTERM)
        leaked = [name for name in SECRETS if values[name] in shown]
        assert not leaked, f"{leaked} shown"
        assert "FAKE" not in shown
        print(f"{stage}: self-test and server work, nothing secret shown")
    for name in SECRETS:
        values = {**files["development"], name: ""}
        result = app(values, "--self-test")
        assert result.returncode == 1 and name in result.stderr, f"a missing {name} goes unnoticed"
    wrong = {**files["development"], "DATABASE_URL": "mysql://u:FAKEpassword@h/d"}
    result = app(wrong, "--self-test")
    assert result.returncode == 1 and "FAKE" not in result.stdout + result.stderr, "a wrong database goes unnoticed"
    print("missing and wrong variables are reported")
    frontend = "".join(path.read_text() for path in (HERE / "frontend").iterdir())
    assert not re.search(r"https?://|api[_-]?key|FAKE", frontend, re.IGNORECASE), "the frontend knows a service or a key"
    bearers = re.findall(r"bearer [^`\"']*", frontend, re.IGNORECASE)
    assert bearers == ["Bearer ${visit.key}"], "the frontend has a key that is not of the visit"
    print("the frontend knows no service and no key")
    result = app({**files["development"], "GATEWAY_URL": "http://127.0.0.1:1/openai/v1"}, "--self-test")
    assert result.returncode == 1 and "GATEWAY_TOKEN" in result.stderr, "half a gateway goes unnoticed"


if __name__ == "__main__":
    main()
