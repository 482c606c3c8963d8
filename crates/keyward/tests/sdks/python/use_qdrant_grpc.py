import asyncio
import warnings
from urllib.parse import urlsplit

import grpc
from common import BASE_URL, KEY, NARROW_KEY, RATED_KEY, SPENT_KEY, UNKNOWN_KEY, end, raised, raised_async, same
from grpc.aio import AioRpcError
from qdrant_client import AsyncQdrantClient, QdrantClient
from qdrant_client.common.client_exceptions import ResourceExhaustedResponse
from qdrant_client.models import Distance, PointStruct, VectorParams

warnings.simplefilter("ignore")  # a key over plain HTTP: to this machine alone

# A client of gRPC is told a host and a port, and no path.
PORT = urlsplit(BASE_URL).port


def client_of(key, kind=QdrantClient):
    return kind(
        host="127.0.0.1", port=PORT, grpc_port=PORT, https=False, prefer_grpc=True, api_key=key, check_compatibility=False
    )


client = client_of(KEY)
same([one.name for one in client.get_collections().collections], ["docs"])
same(client.collection_exists("docs"), True)
same(client.create_collection("docs", VectorParams(size=2, distance=Distance.COSINE)), True)
same(client.upsert("docs", [PointStruct(id=1, vector=[1.0, 2.0], payload={"a": 1})]).status.value, "completed")
# Larger than what is sent at once.
many = [PointStruct(id=id, vector=[1.0, 2.0], payload={"text": "x" * 1_000}) for id in range(1, 1_001)]
same(client.upsert("docs", many).status.value, "completed")
point = client.query_points("docs", query=[1.0, 2.0]).points[0]
same((point.id, point.score), (1, 0.5))
assert point.payload["key"].startswith("the key is ***") and set(point.payload["key"][11:]) == {"*"}, point.payload
same(client.count("docs").count, 1)
same(len(client.scroll("docs")[0][0].payload["text"]), 1_000_000)
same(client.delete_collection("docs"), True)

error = raised(grpc._channel._InactiveRpcError, lambda: client.get_collection("missing"))
same((error.code(), error.details()), (grpc.StatusCode.NOT_FOUND, "Collection `missing` doesn't exist!"))
for key, code in [(UNKNOWN_KEY, "UNAUTHENTICATED"), (NARROW_KEY, "INVALID_ARGUMENT")]:
    error = raised(grpc._channel._InactiveRpcError, client_of(key).get_collections)
    same(error.code().name, code)
    assert error.details().startswith("keyward: "), error.details()
rated = client_of(RATED_KEY)
rated.get_collections()
assert 1 <= raised(ResourceExhaustedResponse, rated.get_collections).retry_after_s <= 60
spent = client_of(SPENT_KEY)
spent.get_collections()
error = raised(grpc._channel._InactiveRpcError, spent.get_collections)
same((error.code(), error.details()), (grpc.StatusCode.RESOURCE_EXHAUSTED, "keyward: the budget of this key is spent"))


async def later():
    client = client_of(KEY, AsyncQdrantClient)
    same([one.name for one in (await client.get_collections()).collections], ["docs"])
    same((await client.query_points("docs", query=[1.0, 2.0])).points[0].id, 1)
    await client.close()
    same((await raised_async(AioRpcError, client_of(UNKNOWN_KEY, AsyncQdrantClient).get_collections)).code().name, "UNAUTHENTICATED")


asyncio.run(later())
end()
