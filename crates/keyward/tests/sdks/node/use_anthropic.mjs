import { assert, all, BASE_URL, end, KEY, NARROW_KEY, RATED_KEY, SPENT_KEY, TEXT, thrown, UNKNOWN_KEY } from "./common.mjs";
import Anthropic from "@anthropic-ai/sdk";

const client = new Anthropic({ apiKey: KEY, baseURL: BASE_URL });
const messages = [{ role: "user", content: "count" }];
const ask = (client, more = {}) => client.messages.create({ model: "claude-x", max_tokens: 50, messages, ...more });

const whole = await ask(client);
assert.equal(whole.content[0].text, TEXT);
assert.equal(whole.usage.output_tokens, 12);
const events = await all(await ask(client, { stream: true }));
const deltas = events.filter((event) => event.type === "content_block_delta");
assert.equal(deltas.map((event) => event.delta.text).join(""), TEXT);
const stream = client.messages.stream({ model: "claude-x", max_tokens: 50, messages });
assert.equal(await stream.finalText(), TEXT);
assert.equal((await client.messages.countTokens({ model: "claude-x", messages })).input_tokens, 14);
assert.deepEqual((await all(client.models.list())).map((model) => model.id), ["claude-x"]);

let began = Date.now();
assert.equal((await ask(client, { model: "slow-down" })).content[0].text, TEXT);
assert(Date.now() - began >= 900, "the SDK did not wait as long as it was told");
await thrown(Anthropic.NotFoundError, () => ask(client, { model: "nobody" }));

const rated = new Anthropic({ apiKey: RATED_KEY, baseURL: BASE_URL, maxRetries: 0 });
await ask(rated);
assert(Number((await thrown(Anthropic.RateLimitError, () => ask(rated))).headers.get("retry-after")) >= 1);
const spent = new Anthropic({ apiKey: SPENT_KEY, baseURL: BASE_URL });
await ask(spent);
began = Date.now();
await thrown(Anthropic.RateLimitError, () => ask(spent));
assert(Date.now() - began < 2000, "the SDK tried again though nothing comes of it");
const narrow = new Anthropic({ apiKey: NARROW_KEY, baseURL: BASE_URL });
await thrown(Anthropic.PermissionDeniedError, () => ask(narrow));
const unknown = new Anthropic({ apiKey: UNKNOWN_KEY, baseURL: BASE_URL });
await thrown(Anthropic.AuthenticationError, () => ask(unknown));
end();
