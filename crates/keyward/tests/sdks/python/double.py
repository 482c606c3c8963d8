"""What a double in Python begins with: it tells its port, and at the end of its input what it has seen."""

import json
import os
import sys

KEY = os.environ["DOUBLE_KEY"]
told = {"requests": 0, "input": 0, "output": 0, "cached": 0, "faults": [], "all": ""}


def saw(text):
    told["all"] += f"{text}\n"


def fault(what):
    told["faults"].append(what)


def serve(port):
    """Serves until nothing is to be served any more."""
    print(port, flush=True)
    sys.stdin.read()
    print(json.dumps(told), flush=True)
    os._exit(0)
