import asyncio
import time

from common import BASE_URL, KEY, NARROW_KEY, RATED_KEY, SPENT_KEY, TEXT, UNKNOWN_KEY, end, raised, raised_async, same
import anthropic
from anthropic import Anthropic, AsyncAnthropic

client = Anthropic(api_key=KEY, base_url=BASE_URL)
ASK = [{"role": "user", "content": "count"}]


def ask(client, model="claude-x", **more):
    return client.messages.create(model=model, max_tokens=50, messages=ASK, **more)


# Messages: whole, with tools, and as a stream in both of the SDK's ways.
whole = ask(client)
same(whole.content[0].text, TEXT)
same((whole.usage.input_tokens, whole.usage.cache_read_input_tokens, whole.usage.output_tokens), (9, 20, 12))
same(whole._request_id, "req_1")
tool = {"name": "weather", "input_schema": {"type": "object", "properties": {}}}
same(ask(client, tools=[tool]).content[0].input, {"city": "Oslo"})
events = list(ask(client, stream=True))
same("".join(event.delta.text for event in events if event.type == "content_block_delta"), TEXT)
with client.messages.stream(model="claude-x", max_tokens=50, messages=ASK) as stream:
    same("".join(stream.text_stream), TEXT)
    same(stream.get_final_message().usage.output_tokens, 12)

# The rest of the API.
same(client.messages.count_tokens(model="claude-x", messages=ASK).input_tokens, 14)
same([model.id for model in client.models.list()], ["claude-x"])
same(client.models.retrieve("claude-x").display_name, "X")
batch = client.messages.batches.create(
    requests=[{"custom_id": "a", "params": {"model": "claude-x", "max_tokens": 5, "messages": ASK}}]
)
same((batch.id, client.messages.batches.retrieve(batch.id).processing_status), ("msgbatch_1", "ended"))

# What the service refuses is passed on; the SDK waits and tries again by itself.
began = time.monotonic()
same(ask(client, "slow-down").content[0].text, TEXT)
assert time.monotonic() - began >= 0.9, "the SDK did not wait as long as it was told"
same(raised(anthropic.NotFoundError, lambda: ask(client, "nobody")).status_code, 404)
error = raised(anthropic.OverloadedError, lambda: ask(client.with_options(max_retries=0), "busy"))
same(error.status_code, 529)

# What the gateway refuses has the SDK's own classes.
once = Anthropic(api_key=RATED_KEY, base_url=BASE_URL, max_retries=0)
ask(once)
error = raised(anthropic.RateLimitError, lambda: ask(once))
assert 1 <= int(error.response.headers["retry-after"]) <= 60
same(error.body["error"]["type"], "rate_limit_error")
spent = Anthropic(api_key=SPENT_KEY, base_url=BASE_URL)
ask(spent)
began = time.monotonic()
raised(anthropic.RateLimitError, lambda: ask(spent))
assert time.monotonic() - began < 2, "the SDK tried again though nothing comes of it"
raised(anthropic.RateLimitError, lambda: list(ask(spent, stream=True)))
narrow = Anthropic(api_key=NARROW_KEY, base_url=BASE_URL)
raised(anthropic.PermissionDeniedError, lambda: ask(narrow))
unknown = Anthropic(api_key=UNKNOWN_KEY, base_url=BASE_URL)
same(raised(anthropic.AuthenticationError, lambda: ask(unknown)).status_code, 401)


async def later():
    async with AsyncAnthropic(api_key=KEY, base_url=BASE_URL) as client:
        same((await ask(client)).content[0].text, TEXT)
        async with client.messages.stream(model="claude-x", max_tokens=50, messages=ASK) as stream:
            same("".join([text async for text in stream.text_stream]), TEXT)
        same([model.id async for model in client.models.list()], ["claude-x"])
    # The other place that this SDK has for a key.
    async with AsyncAnthropic(api_key=None, auth_token=KEY, base_url=BASE_URL) as client:
        same((await ask(client)).content[0].text, TEXT)
    async with AsyncAnthropic(api_key=UNKNOWN_KEY, base_url=BASE_URL) as client:
        await raised_async(anthropic.AuthenticationError, lambda: ask(client))


asyncio.run(later())
end()
