import { assert, BASE_URL, end, KEY, NARROW_KEY, RATED_KEY, SPENT_KEY, UNKNOWN_KEY } from "./common.mjs";
import { PostgrestClient } from "@supabase/postgrest-js";
import { createClient } from "@supabase/supabase-js";

const ada = { id: 1, name: "Ada" };
const read = (client) => client.from("people").select("*");
// Realtime wants a WebSocket, which this Node.js has not and the gateway does not carry.
class NoSocket {}
const clientOf = (key) => createClient(BASE_URL, key, { realtime: { transport: NoSocket } });
const client = clientOf(KEY);
const good = ({ data, error }) => {
  assert.equal(error, null);
  return data;
};

assert.deepEqual(good(await read(client)), [ada]);
assert.equal((await client.from("people").select("*", { count: "exact", head: true })).count, 1);
assert.deepEqual(good(await read(client).eq("id", 1).single()), ada);
assert.deepEqual(good(await client.from("people").insert({ name: "Ada" }).select()), [ada]);
assert.deepEqual(good(await client.from("people").upsert(ada).select()), [ada]);
assert.deepEqual(good(await client.from("people").update({ name: "Ada" }).eq("id", 1).select()), [ada]);
assert.deepEqual(good(await client.from("people").delete().eq("id", 1).select()), [ada]);
assert.equal(good(await client.rpc("add", { a: 1, b: 2 })), 3);
assert.equal(good(await client.storage.listBuckets())[0].name, "b");
assert.deepEqual(good(await client.functions.invoke("hello", { body: { name: "Ada" } })), { hello: "Ada" });
const headers = { apikey: KEY, Authorization: `Bearer ${KEY}` };
assert.deepEqual(good(await new PostgrestClient(`${BASE_URL}/rest/v1`, { headers }).from("people").select()), [ada]);

assert.equal((await client.from("missing").select()).error.code, "42P01");
const rated = clientOf(RATED_KEY);
good(await read(rated));
let answer = await read(rated);
assert.deepEqual([answer.status, answer.error.code], [429, "rate"]);
const spent = clientOf(SPENT_KEY);
good(await read(spent));
answer = await read(spent);
assert.deepEqual([answer.status, answer.error.code], [429, "budget"]);
assert.equal((await read(clientOf(NARROW_KEY))).error.code, "call_not_granted");
assert.equal((await read(clientOf(UNKNOWN_KEY))).error.code, "unknown_key");
end();
