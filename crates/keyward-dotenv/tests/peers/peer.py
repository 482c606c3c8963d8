"""Answers cases on standard input with what python-dotenv reads, and with two models.

A case is a JSON line {"text", "env"}; the answer is a JSON line {"python", "ruby", "compose"}, each
an object name -> value, or null where the text is rejected. `python` is the library itself. `ruby`
and `compose` are not: those two cannot be installed here, so their own regular expressions are run by
Python's engine, which backtracks as theirs do (models.py). They check what the recordings leave open.
"""

import io
import json
import logging
import os
import sys

import dotenv

import models

logging.disable(logging.CRITICAL)


def python(text, env):
    os.environ.clear()
    os.environ.update(env)
    return dotenv.dotenv_values(stream=io.StringIO(text))


def main():
    print(json.dumps({"python-dotenv": models.version("python-dotenv")}), flush=True)
    for line in sys.stdin:
        case = json.loads(line)
        text, env = case["text"], case["env"]
        answer = {
            "python": python(text, env),
            "ruby": models.ruby(text, env),
            "compose": models.compose(text, env),
        }
        print(json.dumps(answer))
    sys.stdout.flush()


main()
