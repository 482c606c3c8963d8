"""Answers cases on standard input with what python-dotenv reads.

A case is a JSON line {"text", "env"}; the answer is a JSON line {"python": an object name -> value}.
The first line of the output says which version answers.
"""

import importlib.metadata
import io
import json
import logging
import os
import sys

import dotenv

logging.disable(logging.CRITICAL)


def read(text, env):
    os.environ.clear()
    os.environ.update(env)
    return dotenv.dotenv_values(stream=io.StringIO(text))


print(json.dumps({"python-dotenv": importlib.metadata.version("python-dotenv")}))
for line in sys.stdin:
    case = json.loads(line)
    print(json.dumps({"python": read(case["text"], case["env"])}))
