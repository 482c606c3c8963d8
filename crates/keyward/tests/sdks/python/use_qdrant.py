import asyncio
import warnings

from common import BASE_URL, KEY, NARROW_KEY, RATED_KEY, SPENT_KEY, UNKNOWN_KEY, end, raised, raised_async, same
from qdrant_client import AsyncQdrantClient, QdrantClient
from qdrant_client.common.client_exceptions import ResourceExhaustedResponse
from qdrant_client.http.exceptions import UnexpectedResponse
from qdrant_client.models import Distance, PointStruct, VectorParams

warnings.simplefilter("ignore")  # a key over plain HTTP: to this machine alone


def client_of(key):
    return QdrantClient(url=BASE_URL, api_key=key, check_compatibility=False)


client = QdrantClient(url=BASE_URL, api_key=KEY)
same([one.name for one in client.get_collections().collections], ["docs"])
same(client.collection_exists("docs"), True)
same(client.create_collection("docs", VectorParams(size=2, distance=Distance.COSINE)), True)
same(client.get_collection("docs").points_count, 1)
same(client.upsert("docs", [PointStruct(id=1, vector=[1.0, 2.0], payload={"a": 1})]).status.value, "completed")
same(client.query_points("docs", query=[1.0, 2.0]).points[0].score, 0.9)
same(len(client.scroll("docs")[0]), 1)
same(client.count("docs").count, 1)
same(client.retrieve("docs", [1])[0].payload, {"a": 1})
same(client.set_payload("docs", {"b": 2}, [1]).status.value, "completed")
same(client.create_payload_index("docs", "a", "integer").status.value, "completed")
same(client.delete("docs", [1]).status.value, "completed")
same(client.delete_collection("docs"), True)

same(raised(UnexpectedResponse, lambda: client.get_collection("missing")).status_code, 404)
rated = client_of(RATED_KEY)
rated.get_collections()
assert 1 <= raised(ResourceExhaustedResponse, rated.get_collections).retry_after_s <= 60
spent = client_of(SPENT_KEY)
spent.get_collections()
error = raised(UnexpectedResponse, spent.get_collections)
assert error.status_code == 429 and b"keyward: the budget" in error.content, error
same(raised(UnexpectedResponse, client_of(NARROW_KEY).get_collections).status_code, 403)
same(raised(UnexpectedResponse, client_of(UNKNOWN_KEY).get_collections).status_code, 401)


async def later():
    client = AsyncQdrantClient(url=BASE_URL, api_key=KEY)
    same([one.name for one in (await client.get_collections()).collections], ["docs"])
    same((await client.query_points("docs", query=[1.0, 2.0])).points[0].id, 1)
    await client.close()
    unknown = AsyncQdrantClient(url=BASE_URL, api_key=UNKNOWN_KEY, check_compatibility=False)
    same((await raised_async(UnexpectedResponse, unknown.get_collections)).status_code, 401)


asyncio.run(later())
end()
