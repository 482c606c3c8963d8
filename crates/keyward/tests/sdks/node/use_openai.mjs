import { assert, all, BASE_URL, end, KEY, NARROW_KEY, RATED_KEY, SPENT_KEY, TEXT, thrown, UNKNOWN_KEY } from "./common.mjs";
import OpenAI, { toFile } from "openai";

const client = new OpenAI({ apiKey: KEY, baseURL: BASE_URL });
const messages = [{ role: "user", content: "count" }];
const chat = (client, more = {}) => client.chat.completions.create({ model: "gpt-4o", messages, ...more });

// Chat: whole, and as a stream with and without its usage.
const whole = await chat(client);
assert.equal(whole.choices[0].message.content, TEXT);
assert.equal(whole.usage.total_tokens, 18);
let chunks = await all(await chat(client, { stream: true }));
assert.equal(chunks.map((chunk) => chunk.choices[0].delta.content ?? "").join(""), TEXT);
assert(chunks.every((chunk) => !chunk.usage), "what the caller did not ask for");
chunks = await all(await chat(client, { stream: true, stream_options: { include_usage: true } }));
assert.equal(chunks.at(-1).usage.total_tokens, 18);
const runner = client.chat.completions.stream({ model: "gpt-4o", messages });
assert.equal((await runner.finalChatCompletion()).choices[0].message.content, TEXT);

// The rest of the API.
assert.equal((await client.completions.create({ model: "gpt-3.5-turbo-instruct", prompt: "count" })).choices[0].text, TEXT);
assert.equal((await client.responses.create({ model: "gpt-4o", input: "count" })).output_text, TEXT);
const events = await all(await client.responses.create({ model: "gpt-4o", input: "count", stream: true }));
assert.equal(events.at(-1).response.usage.output_tokens, 10);
const embedded = await client.embeddings.create({ model: "text-embedding-3-small", input: "count" });
assert.deepEqual([...embedded.data[0].embedding], [1, 2]);
assert.equal((await client.moderations.create({ input: "count" })).results[0].flagged, false);
assert.deepEqual((await all(client.models.list())).map((model) => model.id), ["gpt-4o", "gpt-4o-mini"]);
assert.equal((await client.models.retrieve("gpt-4o")).id, "gpt-4o");
const file = await client.files.create({ file: await toFile(Buffer.from("{}\n"), "a.jsonl"), purpose: "batch" });
assert.equal(file.id, "file-1");
assert.equal((await all(client.files.list())).length, 1);
assert.equal((await (await client.files.content("file-1")).arrayBuffer()).byteLength, 4);
assert.equal((await client.files.delete("file-1")).deleted, true);
assert.equal((await client.images.generate({ model: "gpt-image-1", prompt: "a" })).data[0].b64_json, "AAAA");
const speech = await client.audio.speech.create({ model: "gpt-4o-mini-tts", voice: "alloy", input: "a" });
assert.equal((await speech.arrayBuffer()).byteLength, 4096);
const sound = await toFile(Buffer.from("RIFF"), "a.wav");
assert.equal((await client.audio.transcriptions.create({ model: "gpt-4o-transcribe", file: sound })).text, TEXT);

// What the service refuses is passed on; the SDK waits and tries again by itself.
let began = Date.now();
assert.equal((await chat(client, { model: "slow-down" })).choices[0].message.content, TEXT);
assert(Date.now() - began >= 900, "the SDK did not wait as long as it was told");
assert.equal((await thrown(OpenAI.NotFoundError, () => chat(client, { model: "nobody" }))).code, "model_not_found");
await thrown(OpenAI.InternalServerError, () => chat(client.withOptions({ maxRetries: 0 }), { model: "breaks" }));
assert.match((await thrown(OpenAI.BadRequestError, () => chat(client, { model: "echo" }))).message, /\*\*\*\*/);

// What the gateway refuses has the SDK's own classes.
const rated = new OpenAI({ apiKey: RATED_KEY, baseURL: BASE_URL, maxRetries: 0 });
await chat(rated);
const error = await thrown(OpenAI.RateLimitError, () => chat(rated));
assert.equal(error.code, "rate");
assert(Number(error.headers.get("retry-after")) >= 1);
const spent = new OpenAI({ apiKey: SPENT_KEY, baseURL: BASE_URL });
await chat(spent);
began = Date.now();
await thrown(OpenAI.RateLimitError, () => chat(spent));
assert(Date.now() - began < 2000, "the SDK tried again though nothing comes of it");
const narrow = new OpenAI({ apiKey: NARROW_KEY, baseURL: BASE_URL });
assert.equal((await thrown(OpenAI.PermissionDeniedError, () => chat(narrow))).code, "model_not_granted");
assert.equal((await thrown(OpenAI.PermissionDeniedError, () => narrow.models.list())).code, "call_not_granted");
const unknown = new OpenAI({ apiKey: UNKNOWN_KEY, baseURL: BASE_URL });
assert.equal((await thrown(OpenAI.AuthenticationError, () => chat(unknown))).status, 401);
end();
