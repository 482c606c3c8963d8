"""What every script begins with: where the gateway is, and which keys there are."""

import os

BASE_URL = os.environ["BASE_URL"]
KEY = os.environ["KEY"]
RATED_KEY = os.environ["RATED_KEY"]
SPENT_KEY = os.environ["SPENT_KEY"]
NARROW_KEY = os.environ["NARROW_KEY"]
UNKNOWN_KEY = os.environ["UNKNOWN_KEY"]

TEXT = "one two three four five"


def raised(kind, call):
    """The error that a call raises, which has to be of this very kind."""
    try:
        given = call()
    except Exception as error:
        assert type(error) is kind, f"{type(error).__name__} instead of {kind.__name__}: {error}"
        return error
    raise AssertionError(f"no {kind.__name__}, but {given!r}")


async def raised_async(kind, call):
    try:
        given = await call()
    except Exception as error:
        assert type(error) is kind, f"{type(error).__name__} instead of {kind.__name__}: {error}"
        return error
    raise AssertionError(f"no {kind.__name__}, but {given!r}")


def same(given, wanted):
    assert given == wanted, f"{given!r} instead of {wanted!r}"


def end():
    print("every call was made")
