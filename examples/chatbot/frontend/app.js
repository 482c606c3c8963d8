// Talks to this site's own server, and where that says so to the gateway of keyward. There is no key
// of a service here, and none is needed: server and gateway add it, out of reach of everybody who opens
// the developer tools.
"use strict";

const messages = document.querySelector("#messages");
const form = document.querySelector("#form");
const field = document.querySelector("#message");
const status = document.querySelector("#status");

// What the gateway knows this visit by: for minutes, for this page, for some questions. It is kept in
// memory alone.
let visit = null;

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const question = field.value.trim();
  if (!question) return;
  show("you", question);
  field.value = "";
  await busy(async () => {
    const answer = await ask(question);
    show(answer.source, answer.answer);
  });
});

async function ask(message) {
  const reply = await post("/api/chat", { message });
  return reply.request ? askGateway(reply.request) : reply;
}

async function askGateway(request) {
  visit ??= await post("/api/visit", {});
  let response = await send(request);
  if (response.status === 401) {
    // Its time is over: whoever is still signed in gets another one.
    visit = await post("/api/visit", {});
    response = await send(request);
  }
  if (!response.ok) throw new Error(refusal(response));
  const body = await response.json();
  return { answer: body.choices[0].message.content, source: "openai" };
}

function send(request) {
  return fetch(`${visit.url}/chat/completions`, {
    method: "POST",
    headers: { "Content-Type": "application/json", Authorization: `Bearer ${visit.key}` },
    credentials: "omit",
    body: JSON.stringify(request),
  });
}

function refusal(response) {
  const seconds = response.headers.get("Retry-After");
  switch (response.headers.get("X-Keyward-Refused")) {
    case "rate":
    case "tokens":
    case "parallel":
      return `Too many questions at once: please wait ${seconds} seconds.`;
    case "budget":
    case "uses":
      return "This visit has used up what it may cost. Please come back later.";
    default:
      return "The model did not answer.";
  }
}

async function post(path, value) {
  const response = await fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    credentials: "same-origin",
    body: JSON.stringify(value),
  });
  const body = await response.json();
  if (!response.ok) throw new Error(body.error);
  return body;
}

async function busy(work) {
  form.querySelector("button").disabled = true;
  status.textContent = "…";
  try {
    await work();
    status.textContent = "";
  } catch (error) {
    status.textContent = error.message;
  } finally {
    form.querySelector("button").disabled = false;
    field.focus();
  }
}

function show(who, text) {
  const item = document.createElement("li");
  item.className = who === "you" ? "question" : "answer";
  item.textContent = text; // as text, never as HTML: an answer may hold anything
  messages.append(item);
  item.scrollIntoView({ block: "nearest" });
}
