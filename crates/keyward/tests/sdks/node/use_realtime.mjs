import OpenAI from "openai";
import { OpenAIRealtimeWebSocket } from "openai/realtime/websocket";
import { WebSocket } from "ws";

import { BASE_URL, KEY, UNKNOWN_KEY, assert, end } from "./common.mjs";

// A browser's class, whose only place for a key is the name of a protocol. It knows of TLS alone.
globalThis.WebSocket = class extends WebSocket {
  constructor(url, protocols) {
    super(String(url).replace(/^wss:/, "ws:"), protocols);
  }
};

function open(key) {
  const client = new OpenAI({ apiKey: key, baseURL: BASE_URL, dangerouslyAllowBrowser: true });
  return new OpenAIRealtimeWebSocket({ model: "gpt-realtime", dangerouslyAllowBrowser: true }, client);
}

const socket = open(KEY);
const text = await new Promise((resolve, reject) => {
  let text = "";
  socket.on("error", reject);
  socket.on("session.created", () => socket.send({ type: "response.create" }));
  socket.on("response.output_text.delta", (event) => (text += event.delta));
  socket.on("response.done", (event) => {
    assert.equal(event.response.usage.output_tokens, 5);
    resolve(text);
  });
});
assert.equal(text, "one two three four five");
assert.equal(socket.socket.protocol, "realtime");
const closed = new Promise((resolve) => socket.socket.addEventListener("close", (event) => resolve(event.code)));
socket.close();
assert.equal(await closed, 1000);

const refused = await new Promise((resolve) =>
  open(UNKNOWN_KEY).socket.on("unexpected-response", (request, answer) => {
    resolve(answer.statusCode);
    request.destroy();
  }),
);
assert.equal(refused, 401);
end();
