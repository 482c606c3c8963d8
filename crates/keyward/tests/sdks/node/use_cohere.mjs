import { assert, all, BASE_URL, end, KEY, NARROW_KEY, RATED_KEY, SPENT_KEY, TEXT, thrown, UNKNOWN_KEY } from "./common.mjs";
import { Cohere, CohereClient, CohereClientV2 } from "cohere-ai";

const clientOf = (token) => new CohereClientV2({ token, environment: BASE_URL });
const client = clientOf(KEY);
const messages = [{ role: "user", content: "count" }];
const once = { maxRetries: 0 };
const ask = (client, model = "command-a-03-2025", options = {}) => client.chat({ model, messages }, options);

assert.equal((await ask(client)).message.content[0].text, TEXT);
const events = await all(await client.chatStream({ model: "command-a-03-2025", messages }));
const deltas = events.filter((event) => event.type === "content-delta");
assert.equal(deltas.map((event) => event.delta.message.content.text).join(""), TEXT);
const embedding = { model: "embed-v4.0", texts: ["count"], inputType: "search_query", embeddingTypes: ["float"] };
assert.deepEqual((await client.embed(embedding)).embeddings.float, [[1, 2]]);
const ranked = await client.rerank({ model: "rerank-v3.5", query: "count", documents: ["a", "b"] });
assert.equal(ranked.results[0].index, 1);
const first = new CohereClient({ token: KEY, environment: BASE_URL });
assert.equal((await first.chat({ message: "count" })).text, TEXT);
assert.equal((await all(await first.chatStream({ message: "count" }))).at(-1).finishReason, "COMPLETE");
assert.equal((await first.models.list()).models[0].name, "command-a-03-2025");

const began = Date.now();
assert.equal((await ask(client, "slow-down")).message.content[0].text, TEXT);
assert(Date.now() - began >= 900, "the SDK did not wait as long as it was told");
await thrown(Cohere.NotFoundError, () => ask(client, "nobody"));

const rated = clientOf(RATED_KEY);
await ask(rated);
await thrown(Cohere.TooManyRequestsError, () => ask(rated, "command-a-03-2025", once));
const spent = clientOf(SPENT_KEY);
await ask(spent);
await thrown(Cohere.TooManyRequestsError, () => ask(spent, "command-a-03-2025", once));
await thrown(Cohere.ForbiddenError, () => ask(clientOf(NARROW_KEY)));
await thrown(Cohere.UnauthorizedError, () => ask(clientOf(UNKNOWN_KEY)));
end();
