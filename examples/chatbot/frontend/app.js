// Talks to this site's own server and to nobody else. There is no key here, and none is needed:
// the server adds it, out of reach of everybody who opens the developer tools.
"use strict";

const messages = document.querySelector("#messages");
const form = document.querySelector("#form");
const field = document.querySelector("#message");
const status = document.querySelector("#status");

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
  const response = await fetch("/api/chat", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    credentials: "same-origin",
    body: JSON.stringify({ message }),
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
