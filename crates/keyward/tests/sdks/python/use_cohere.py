import asyncio
import time

from common import BASE_URL, KEY, NARROW_KEY, RATED_KEY, SPENT_KEY, TEXT, UNKNOWN_KEY, end, raised, raised_async, same
import cohere
from cohere.core.request_options import RequestOptions
from cohere.errors import ForbiddenError, NotFoundError, TooManyRequestsError, UnauthorizedError

client = cohere.ClientV2(api_key=KEY, base_url=BASE_URL)
ASK = [{"role": "user", "content": "count"}]
ONCE = RequestOptions(max_retries=0)


def ask(client, model="command-a-03-2025", **more):
    return client.chat(model=model, messages=ASK, **more)


whole = ask(client)
same(whole.message.content[0].text, TEXT)
same((whole.usage.billed_units.input_tokens, whole.usage.tokens.output_tokens), (5, 8))
events = list(client.chat_stream(model="command-a-03-2025", messages=ASK))
same("".join(event.delta.message.content.text for event in events if event.type == "content-delta"), TEXT)
embedded = client.embed(model="embed-v4.0", texts=["count"], input_type="search_query", embedding_types=["float"])
same(embedded.embeddings.float_, [[1.0, 2.0]])
same(client.rerank(model="rerank-v3.5", query="count", documents=["a", "b"]).results[0].index, 1)
same(client.tokenize(text="count", model="command-a-03-2025", offline=False).tokens, [1, 2])
same(client.detokenize(tokens=[1, 2], model="command-a-03-2025", offline=False).text, "count")
same([model.name for model in client.models.list().models], ["command-a-03-2025"])
first = cohere.Client(api_key=KEY, base_url=BASE_URL)
same(first.chat(message="count").text, TEXT)
events = list(first.chat_stream(message="count"))
same("".join(event.text for event in events if event.event_type == "text-generation"), TEXT)

began = time.monotonic()
same(ask(client, "slow-down").message.content[0].text, TEXT)
assert time.monotonic() - began >= 0.9, "the SDK did not wait as long as it was told"
same(raised(NotFoundError, lambda: ask(client, "nobody")).status_code, 404)

rated = cohere.ClientV2(api_key=RATED_KEY, base_url=BASE_URL)
ask(rated)
error = raised(TooManyRequestsError, lambda: ask(rated, request_options=ONCE))
assert 1 <= int(error.headers["retry-after"]) <= 60
spent = cohere.ClientV2(api_key=SPENT_KEY, base_url=BASE_URL)
ask(spent)
raised(TooManyRequestsError, lambda: ask(spent, request_options=ONCE))
raised(TooManyRequestsError, lambda: list(spent.chat_stream(model="command-a-03-2025", messages=ASK, request_options=ONCE)))
narrow = cohere.ClientV2(api_key=NARROW_KEY, base_url=BASE_URL)
assert "model" in raised(ForbiddenError, lambda: ask(narrow)).body["message"]
unknown = cohere.ClientV2(api_key=UNKNOWN_KEY, base_url=BASE_URL)
raised(UnauthorizedError, lambda: ask(unknown))


async def later():
    client = cohere.AsyncClientV2(api_key=KEY, base_url=BASE_URL)
    same((await ask(client)).message.content[0].text, TEXT)
    text = ""
    async for event in client.chat_stream(model="command-a-03-2025", messages=ASK):
        if event.type == "content-delta":
            text += event.delta.message.content.text
    same(text, TEXT)
    same((await client.rerank(model="rerank-v3.5", query="count", documents=["a", "b"])).results[0].index, 1)
    unknown = cohere.AsyncClientV2(api_key=UNKNOWN_KEY, base_url=BASE_URL)
    await raised_async(UnauthorizedError, lambda: ask(unknown))


asyncio.run(later())
end()
