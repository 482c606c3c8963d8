import asyncio
import time

from common import BASE_URL, KEY, NARROW_KEY, RATED_KEY, SPENT_KEY, TEXT, UNKNOWN_KEY, end, raised, raised_async, same
import openai
from openai import AsyncOpenAI, OpenAI

client = OpenAI(api_key=KEY, base_url=BASE_URL)
ASK = [{"role": "user", "content": "count"}]


def chat(client, model="gpt-4o", **more):
    return client.chat.completions.create(model=model, messages=ASK, **more)


# Chat: whole, with tools, parsed, and as a stream with and without its usage.
whole = chat(client)
same(whole.choices[0].message.content, TEXT)
same((whole.usage.prompt_tokens, whole.usage.completion_tokens), (11, 7))
same(whole._request_id, "req_1")
tool = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}
same(chat(client, tools=[tool]).choices[0].message.tool_calls[0].function.name, "weather")
schema = {"name": "n", "schema": {"type": "object", "properties": {"count": {"type": "integer"}}}}
same(chat(client, response_format={"type": "json_schema", "json_schema": schema}).choices[0].message.content, '{"count":5}')
chunks = list(chat(client, stream=True))
same("".join(chunk.choices[0].delta.content or "" for chunk in chunks), TEXT)
assert all(chunk.usage is None for chunk in chunks), "what the caller did not ask for"
chunks = list(chat(client, stream=True, stream_options={"include_usage": True}))
same((chunks[-1].choices, chunks[-1].usage.total_tokens), ([], 18))
with client.chat.completions.stream(model="gpt-4o", messages=ASK) as stream:
    same(stream.get_final_completion().choices[0].message.content, TEXT)
raw = client.chat.completions.with_raw_response.create(model="gpt-4o", messages=ASK)
same((raw.status_code, raw.headers["x-request-id"]), (200, "req_1"))

# The rest of the API.
same(client.completions.create(model="gpt-3.5-turbo-instruct", prompt="count").choices[0].text, TEXT)
response = client.responses.create(model="gpt-4o", input="count")
same((response.output_text, response.usage.total_tokens), (TEXT, 46))
events = list(client.responses.create(model="gpt-4o", input="count", stream=True))
same("".join(event.delta for event in events if event.type == "response.output_text.delta"), TEXT)
same((events[-1].type, events[-1].response.usage.output_tokens), ("response.completed", 10))
same(client.embeddings.create(model="text-embedding-3-small", input="count").data[0].embedding, [1.0, 2.0])
same(client.moderations.create(input="count").results[0].flagged, False)
same([model.id for model in client.models.list()], ["gpt-4o", "gpt-4o-mini"])
same(client.models.retrieve("gpt-4o").id, "gpt-4o")
same(client.files.create(file=("a.jsonl", b"{}\n"), purpose="batch").id, "file-1")
same([file.id for file in client.files.list()], ["file-1"])
same(client.files.content("file-1").read(), bytes([0, 159, 146, 150]))
same(client.files.delete("file-1").deleted, True)
same(client.images.generate(model="gpt-image-1", prompt="a").data[0].b64_json, "AAAA")
same(len(client.audio.speech.create(model="gpt-4o-mini-tts", voice="alloy", input="a").read()), 4096)
same(client.audio.transcriptions.create(model="gpt-4o-transcribe", file=("a.wav", b"RIFF")).text, TEXT)

# What the service refuses is passed on; the SDK waits and tries again by itself.
began = time.monotonic()
same(chat(client, "slow-down").choices[0].message.content, TEXT)
assert time.monotonic() - began >= 0.9, "the SDK did not wait as long as it was told"
error = raised(openai.NotFoundError, lambda: chat(client, "nobody"))
same((error.status_code, error.code), (404, "model_not_found"))
raised(openai.InternalServerError, lambda: chat(client.with_options(max_retries=0), "breaks"))
error = raised(openai.BadRequestError, lambda: chat(client, "echo"))
assert "****" in str(error), error

# What the gateway refuses has the SDK's own classes.
once = OpenAI(api_key=RATED_KEY, base_url=BASE_URL, max_retries=0)
chat(once)
error = raised(openai.RateLimitError, lambda: chat(once))
same(error.code, "rate")
assert 1 <= int(error.response.headers["retry-after"]) <= 60
spent = OpenAI(api_key=SPENT_KEY, base_url=BASE_URL)
chat(spent)
began = time.monotonic()
error = raised(openai.RateLimitError, lambda: chat(spent))
assert "retry-after" not in error.response.headers and error.code in ("budget", "uses"), error.code
assert time.monotonic() - began < 2, "the SDK tried again though nothing comes of it"
narrow = OpenAI(api_key=NARROW_KEY, base_url=BASE_URL)
same(raised(openai.PermissionDeniedError, lambda: chat(narrow)).code, "model_not_granted")
same(raised(openai.PermissionDeniedError, lambda: narrow.models.list()).code, "call_not_granted")
unknown = OpenAI(api_key=UNKNOWN_KEY, base_url=BASE_URL)
same(raised(openai.AuthenticationError, lambda: chat(unknown)).status_code, 401)
raised(openai.RateLimitError, lambda: list(chat(spent, stream=True)))


async def later():
    async with AsyncOpenAI(api_key=KEY, base_url=BASE_URL) as client:
        same((await chat(client)).choices[0].message.content, TEXT)
        text = ""
        async for chunk in await chat(client, stream=True):
            text += chunk.choices[0].delta.content or ""
        same(text, TEXT)
        same((await client.responses.create(model="gpt-4o", input="count")).output_text, TEXT)
        embedded = await client.embeddings.create(model="text-embedding-3-small", input="count", encoding_format="float")
        same(embedded.data[0].embedding, [1.0, 2.0])
        same([model.id async for model in client.models.list()], ["gpt-4o", "gpt-4o-mini"])
        answers = await asyncio.gather(*(chat(client) for _ in range(8)))
        same(len(answers), 8)
    async with AsyncOpenAI(api_key=UNKNOWN_KEY, base_url=BASE_URL) as client:
        await raised_async(openai.AuthenticationError, lambda: chat(client))


asyncio.run(later())
end()
