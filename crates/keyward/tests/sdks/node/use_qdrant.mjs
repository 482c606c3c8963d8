import { assert, BASE_URL, end, KEY, NARROW_KEY, RATED_KEY, SPENT_KEY, UNKNOWN_KEY } from "./common.mjs";
import { QdrantClient } from "@qdrant/js-client-rest";

// This SDK takes a base URL in two parts.
const { origin, pathname } = new URL(BASE_URL);
const clientOf = (apiKey, more = { checkCompatibility: false }) =>
  new QdrantClient({ url: origin, prefix: pathname, apiKey, ...more });
const client = clientOf(KEY, {});
const failed = async (call, status) => {
  const error = await call().then(() => assert.fail("it went through"), (error) => error);
  assert.equal(error.status ?? error.cause?.status, status, `${error.constructor.name}: ${error}`);
  return error;
};

assert.equal((await client.getCollections()).collections[0].name, "docs");
assert.equal((await client.collectionExists("docs")).exists, true);
assert.equal(await client.createCollection("docs", { vectors: { size: 2, distance: "Cosine" } }), true);
assert.equal((await client.getCollection("docs")).points_count, 1);
const points = [{ id: 1, vector: [1, 2], payload: { a: 1 } }];
assert.equal((await client.upsert("docs", { points })).status, "completed");
assert.equal((await client.query("docs", { query: [1, 2] })).points[0].score, 0.9);
assert.equal((await client.scroll("docs", {})).points.length, 1);
assert.equal((await client.count("docs")).count, 1);
assert.equal((await client.retrieve("docs", { ids: [1] }))[0].payload.a, 1);
assert.equal((await client.delete("docs", { points: [1] })).status, "completed");
assert.equal(await client.deleteCollection("docs"), true);

await failed(() => client.getCollection("missing"), 404);
const rated = clientOf(RATED_KEY);
await rated.getCollections();
const error = await rated.getCollections().then(() => assert.fail("it went through"), (error) => error);
assert(error.retry_after >= 1 || error.status === 429, `${error.constructor.name}: ${error}`);
const spent = clientOf(SPENT_KEY);
await spent.getCollections();
await failed(() => spent.getCollections(), 429);
await failed(() => clientOf(NARROW_KEY).getCollections(), 403);
await failed(() => clientOf(UNKNOWN_KEY).getCollections(), 401);
end();
