"""Answers cases on standard input with what python-dotenv reads.

A case is a JSON line {"text", "env"}; the answer is a JSON line {"python": an object name -> value}.
The first line of the output says which version answers, and which one is wanted.
"""

import importlib.metadata
import io
import json
import logging
import os
import pathlib
import sys

import dotenv

logging.disable(logging.CRITICAL)


def read(text, env):
    os.environ.clear()
    os.environ.update(env)
    return dotenv.dotenv_values(stream=io.StringIO(text))


pins = (pathlib.Path(__file__).parent / "requirements.txt").read_text().split()
wanted = dict(pin.split("==") for pin in pins)
print(json.dumps({"versions": {name: importlib.metadata.version(name) for name in wanted}, "wanted": wanted}))
for line in sys.stdin:
    case = json.loads(line)
    print(json.dumps({"python": read(case["text"], case["env"])}))
