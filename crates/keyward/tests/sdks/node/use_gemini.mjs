import { assert, all, BASE_URL, end, KEY, NARROW_KEY, RATED_KEY, SPENT_KEY, TEXT, thrown, UNKNOWN_KEY } from "./common.mjs";
import { ApiError, GoogleGenAI } from "@google/genai";

const model = "gemini-2.5-flash";
const clientOf = (apiKey) => new GoogleGenAI({ apiKey, httpOptions: { baseUrl: BASE_URL } });
const ask = (client, of = model) => client.models.generateContent({ model: of, contents: "count" });

const client = clientOf(KEY);
assert.equal((await ask(client)).text, TEXT);
const chunks = await all(await client.models.generateContentStream({ model, contents: "count" }));
assert.equal(chunks.map((chunk) => chunk.text).join(""), TEXT);
assert.equal((await client.models.countTokens({ model, contents: "count" })).totalTokens, 14);
const embedded = await client.models.embedContent({ model: "gemini-embedding-001", contents: "count" });
assert.deepEqual(embedded.embeddings[0].values, [1, 2]);
assert.deepEqual((await all(await client.models.list())).map((one) => one.name), [`models/${model}`]);
assert.equal((await client.models.get({ model })).displayName, "Flash");

assert.equal((await thrown(ApiError, () => ask(client, "nobody"))).status, 404);
const rated = clientOf(RATED_KEY);
await ask(rated);
assert.equal((await thrown(ApiError, () => ask(rated))).status, 429);
const spent = clientOf(SPENT_KEY);
await ask(spent);
assert.equal((await thrown(ApiError, () => ask(spent))).status, 429);
assert.equal((await thrown(ApiError, () => ask(clientOf(NARROW_KEY)))).status, 403);
assert.equal((await thrown(ApiError, () => ask(clientOf(UNKNOWN_KEY)))).status, 401);
end();
