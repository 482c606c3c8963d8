import asyncio

from common import BASE_URL, KEY, NARROW_KEY, RATED_KEY, SPENT_KEY, TEXT, UNKNOWN_KEY, end, raised, raised_async, same
from google import genai
from google.genai import errors, types

MODEL = "gemini-2.5-flash"


def client_of(key, **options):
    return genai.Client(api_key=key, http_options=types.HttpOptions(base_url=BASE_URL, **options))


def ask(client, model=MODEL):
    return client.models.generate_content(model=model, contents="count")


client = client_of(KEY)
whole = ask(client)
same(whole.text, TEXT)
same((whole.usage_metadata.prompt_token_count, whole.usage_metadata.thoughts_token_count), (8, 3))
same("".join(chunk.text for chunk in client.models.generate_content_stream(model=MODEL, contents="count")), TEXT)
same(client.models.count_tokens(model=MODEL, contents="count").total_tokens, 14)
same(client.models.embed_content(model="gemini-embedding-001", contents="count").embeddings[0].values, [1.0, 2.0])
same([model.name for model in client.models.list()], ["models/" + MODEL])
same(client.models.get(model=MODEL).display_name, "Flash")
chat = client.chats.create(model=MODEL)
same((chat.send_message("count").text, len(chat.get_history())), (TEXT, 2))

patient = client_of(KEY, retry_options=types.HttpRetryOptions(attempts=3, initial_delay=0.1))
same(ask(patient, "slow-down").text, TEXT)
error = raised(errors.ClientError, lambda: ask(client, "nobody"))
same((error.code, error.status), (404, "NOT_FOUND"))

rated = client_of(RATED_KEY)
ask(rated)
error = raised(errors.ClientError, lambda: ask(rated))
same((error.code, error.status), (429, "RESOURCE_EXHAUSTED"))
assert 1 <= int(error.response.headers["retry-after"]) <= 60
spent = client_of(SPENT_KEY)
ask(spent)
same(raised(errors.ClientError, lambda: ask(spent)).code, 429)
same(raised(errors.ClientError, lambda: list(spent.models.generate_content_stream(model=MODEL, contents="a"))).code, 429)
same(raised(errors.ClientError, lambda: ask(client_of(NARROW_KEY))).status, "PERMISSION_DENIED")
same(raised(errors.ClientError, lambda: ask(client_of(UNKNOWN_KEY))).code, 401)


async def later():
    client = client_of(KEY).aio
    same((await ask(client)).text, TEXT)
    stream = await client.models.generate_content_stream(model=MODEL, contents="count")
    same("".join([chunk.text async for chunk in stream]), TEXT)
    unknown = client_of(UNKNOWN_KEY).aio
    same((await raised_async(errors.ClientError, lambda: ask(unknown))).code, 401)


asyncio.run(later())
end()
