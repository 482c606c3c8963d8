import asyncio

from common import BASE_URL, KEY, NARROW_KEY, RATED_KEY, SPENT_KEY, TEXT, UNKNOWN_KEY, end, raised, raised_async, same
from openai import AsyncOpenAI, OpenAI
from websockets.exceptions import InvalidStatus

MODEL = "gpt-realtime"


def client_of(key, kind=OpenAI):
    return kind(api_key=key, base_url=BASE_URL)


def refused(key):
    with client_of(key).realtime.connect(model=MODEL):
        pass


with client_of(KEY).realtime.connect(model=MODEL) as connection:
    created = connection.recv()
    same((created.type, created.session.model), ("session.created", MODEL))
    for _ in range(2):
        connection.response.create()
        text = ""
        for event in connection:
            if event.type == "response.done":
                same((event.response.usage.input_tokens, event.response.usage.output_tokens), (23, 5))
                break
            text += event.delta
        same(text, TEXT)
    connection.response.create(response={"metadata": {"echo": "yes"}})
    told = connection.recv().delta
    assert told.startswith("your key is ****") and told.endswith("****"), told
    same(connection.recv().type, "response.done")
    # A message of a megabyte, in however many frames.
    connection.session.update(session={"type": "realtime", "instructions": "x" * 1_000_000})
    same(len(connection.recv().session.instructions), 1_000_000)

for key, status, code in [(UNKNOWN_KEY, 401, b"unknown_key"), (NARROW_KEY, 403, b"call_not_granted")]:
    error = raised(InvalidStatus, lambda: refused(key))
    same(error.response.status_code, status)
    assert code in error.response.body, error.response.body
refused(RATED_KEY)
error = raised(InvalidStatus, lambda: refused(RATED_KEY))
same(error.response.status_code, 429)
assert 1 <= int(error.response.headers["retry-after"]) <= 60
refused(SPENT_KEY)
assert b"budget" in raised(InvalidStatus, lambda: refused(SPENT_KEY)).response.body


async def later():
    async with client_of(KEY, AsyncOpenAI).realtime.connect(model=MODEL) as connection:
        same((await connection.recv()).type, "session.created")
        await connection.response.create()
        text = ""
        async for event in connection:
            if event.type == "response.done":
                break
            text += event.delta
        same(text, TEXT)

    async def opens():
        async with client_of(UNKNOWN_KEY, AsyncOpenAI).realtime.connect(model=MODEL):
            pass

    same((await raised_async(InvalidStatus, opens)).response.status_code, 401)


asyncio.run(later())
end()
