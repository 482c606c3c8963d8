import asyncio

from common import BASE_URL, KEY, NARROW_KEY, RATED_KEY, SPENT_KEY, UNKNOWN_KEY, end, raised, raised_async, same
from postgrest import SyncPostgrestClient
from postgrest.exceptions import APIError
from supabase import ClientOptions, create_async_client, create_client

ADA = {"id": 1, "name": "Ada"}


def read(client):
    return client.table("people").select("*").execute()


client = create_client(BASE_URL, KEY)
same(read(client).data, [ADA])
same(client.table("people").select("*", count="exact").eq("id", 1).execute().count, 1)
same(client.table("people").select("*").eq("id", 1).single().execute().data, ADA)
same(client.table("people").insert({"name": "Ada"}).execute().data, [ADA])
same(client.table("people").upsert({"id": 1, "name": "Ada"}).execute().data, [ADA])
same(client.table("people").update({"name": "Ada"}).eq("id", 1).execute().data, [ADA])
same(client.table("people").delete().eq("id", 1).execute().data, [ADA])
same(client.rpc("add", {"a": 1, "b": 2}).execute().data, 3)
same([bucket.name for bucket in client.storage.list_buckets()], ["b"])
same(client.functions.invoke("hello", {"body": {"name": "Ada"}, "responseType": "json"}), {"hello": "Ada"})
bare = SyncPostgrestClient(BASE_URL + "/rest/v1", headers={"apikey": KEY, "Authorization": "Bearer " + KEY})
same(bare.from_("people").select("*").execute().data, [ADA])

error = raised(APIError, lambda: client.table("missing").select("*").execute())
same(error.code, "42P01")
# The SDK's own retries would wait for the minute to be over.
once = ClientOptions(postgrest_client_retry=False)
rated = create_client(BASE_URL, RATED_KEY, once)
read(rated)
same(raised(APIError, lambda: read(rated)).code, "rate")
spent = create_client(BASE_URL, SPENT_KEY, once)
read(spent)
error = raised(APIError, lambda: read(spent))
assert error.code == "budget" and error.message.startswith("keyward: "), error
same(raised(APIError, lambda: read(create_client(BASE_URL, NARROW_KEY, once))).code, "call_not_granted")
same(raised(APIError, lambda: read(create_client(BASE_URL, UNKNOWN_KEY, once))).code, "unknown_key")


async def later():
    client = await create_async_client(BASE_URL, KEY)
    same((await client.table("people").select("*").execute()).data, [ADA])
    same((await client.rpc("add", {"a": 1, "b": 2}).execute()).data, 3)
    unknown = await create_async_client(BASE_URL, UNKNOWN_KEY)
    error = await raised_async(APIError, lambda: unknown.table("people").select("*").execute())
    same(error.code, "unknown_key")


asyncio.run(later())
end()
