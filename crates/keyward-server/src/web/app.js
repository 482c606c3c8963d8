// The page of a server: signing in and what belongs to it. Everything is a call of the API; the
// session is in a cookie that this script cannot read. Text of the server becomes text, never HTML.

const at = (id) => document.getElementById(id);

// What came behind `#` in the address: a one-time link, a device's code, or that the browser comes
// back from an identity provider.
let link = null;
let device = null;
let back = null;

// The identity providers of this server.
let providers = [];

/** One call of the API; throws the problem that the server tells of. */
async function call(method, path, body) {
  const request = { method, credentials: "same-origin", cache: "no-store", redirect: "error", headers: {} };
  if (body !== undefined) {
    request.headers["Content-Type"] = "application/json";
    request.body = JSON.stringify(body);
  }
  const answer = await fetch(`/api/v1/auth/${path}`, request).catch(() => {
    throw { code: "unreachable", detail: "the server does not answer" };
  });
  const said = answer.status === 204 ? null : await answer.json().catch(() => null);
  if (!answer.ok) throw said ?? { code: "strange", detail: `the server answered ${answer.status}` };
  return said;
}

/** Runs a form's work when it is sent, and says in the form what went wrong. */
function onSubmit(form, work) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const error = form.querySelector(".error");
    const buttons = form.querySelectorAll("button");
    error.textContent = "";
    say("");
    buttons.forEach((button) => (button.disabled = true));
    try {
      await work(fields(form), event.submitter?.value);
    } catch (problem) {
      refuse(form, error, problem);
    } finally {
      buttons.forEach((button) => (button.disabled = false));
    }
  });
}

function fields(form) {
  const given = Object.fromEntries(new FormData(form));
  const code = form.querySelector(".code");
  if (code && (code.hidden || !given.code)) delete given.code;
  return given;
}

function refuse(form, error, problem) {
  // Ours, thrown by a check of this page, or the server's.
  const { code, detail, hint } = problem.detail ? problem : { detail: String(problem.message ?? problem) };
  if (code === "unauthenticated") return show("sign-in", "You are signed out: sign in again.");
  const asked = form.querySelector(".code");
  if (code === "second_factor" && asked) {
    asked.hidden = false;
    asked.querySelector("input").focus();
    error.textContent = "A code of your authenticator is needed too.";
    return;
  }
  error.textContent = sentence(detail) + (hint && code !== "second_factor" ? ` ${sentence(hint)}` : "");
  form.querySelector("input:not([readonly])")?.focus();
}

const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? "" : ".");

function say(text) {
  at("said").textContent = text;
}

/** Shows one of the four views, and takes whoever listens or types there. */
function show(view, text = "") {
  for (const id of ["sign-in", "arrival", "link", "home"]) at(id).hidden = id !== view;
  at("who").hidden = view !== "home";
  for (const form of document.querySelectorAll("form")) clear(form);
  for (const id of ["decision-form", "confirm-form", "recovery"]) at(id).hidden = true;
  at("totp-secret").textContent = "";
  drawCode(null);
  at("recovery-codes").replaceChildren();
  at("passkey-sign-in-error").textContent = "";
  say(text);
  if (view === "sign-in") at("login").focus();
  if (view === "link") at("link-password").focus();
  if (view === "arrival") at("arrival-code").focus();
}

function clear(form) {
  form.reset();
  form.querySelector(".error").textContent = "";
  const code = form.querySelector(".code");
  if (code) code.hidden = true;
}

/** What the server knows of whoever holds the cookie; the sign-in form for everybody else. */
async function home(text = "") {
  let signed;
  try {
    signed = await call("GET", "session");
  } catch (problem) {
    return show("sign-in", problem.code === "unauthenticated" ? text : sentence(problem.detail));
  }
  show("home", text);
  // What was focused is gone with its view.
  if (text) at("main").focus();
  const login = signed.account.login ?? signed.account.principal;
  at("who-name").textContent = signed.account.name || login;
  for (const id of ["factor-login", "passkey-login", "password-login"]) at(id).defaultValue = login;
  showFactor(signed.second_factor);
  await Promise.all([showPasskeys(), showSessions(), showIdentities()]);
  if (device !== null) {
    at("user-code").value = device;
    at("user-code").focus();
    device = null;
  }
}

function showFactor({ authenticator, recovery_codes: left }) {
  at("factor-state").textContent = authenticator
    ? `An authenticator is in force. ${left} recovery ${left === 1 ? "code is" : "codes are"} left.`
    : "Nothing is asked for here beside your password or your identity provider. An app that shows codes makes a stolen password worth nothing.";
  at("factor-form").querySelector("[value=begin]").textContent =
    authenticator ? "Set another one up" : "Set an authenticator up";
  for (const button of document.querySelectorAll(".with-factor")) button.hidden = !authenticator;
  at("factor-form").querySelector(".code").hidden = !authenticator;
  at("password-form").querySelector(".code").hidden = !authenticator;
  at("passkey-form").querySelector(".code").hidden = !authenticator;
}

async function showSessions() {
  const { sessions } = await call("GET", "sessions");
  at("sessions").replaceChildren(...sessions.map(row));
}

function row(session) {
  const cells = [session.agent, session.network ?? "this machine", session.created_at, session.last_seen];
  const tr = document.createElement("tr");
  cells.forEach((text, index) => {
    const td = tr.insertCell();
    td.textContent = index < 2 ? text : moment(text);
  });
  const last = tr.insertCell();
  if (session.current) {
    last.textContent = "this one";
    return tr;
  }
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "End";
  button.setAttribute("aria-label", `End the session of ${session.agent}`);
  button.addEventListener("click", () => ended(`sessions/${encodeURIComponent(session.id)}`, showSessions));
  last.append(button);
  return tr;
}

/** A button for each provider; nothing where there is none. */
function offer(place, label, go) {
  const button = ({ name, title }) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = label(title);
    button.addEventListener("click", () => go(name));
    return button;
  };
  place.replaceChildren(...providers.map(button));
}

/** Goes to a provider with what a form says, and says in the form what went wrong. */
async function goWith(form, name, path, body) {
  try {
    const { location: onward } = await call("POST", `oidc/${encodeURIComponent(name)}/${path}`, body);
    location.assign(onward);
  } catch (problem) {
    refuse(form, form.querySelector(".error"), problem);
  }
}

async function showProviders() {
  ({ providers } = await call("GET", "oidc").catch(() => ({ providers: [] })));
  offer(at("providers"), (title) => `Sign in with ${title}`, (name) => {
    location.assign(`/api/v1/auth/oidc/${encodeURIComponent(name)}/start`);
  });
  offer(at("link-providers"), (title) => `Sign in with ${title} instead of a password`, (name) =>
    goWith(at("link-form"), name, "link", { link }));
  offer(at("identity-providers"), (title) => `Add my identity at ${title}`, (name) => {
    const { password, code } = fields(at("identity-form"));
    return goWith(at("identity-form"), name, "identity", password ? { password, code } : { code });
  });
}

async function showIdentities() {
  const { identities } = await call("GET", "identities");
  at("identity-section").hidden = providers.length === 0 && identities.length === 0;
  at("identities").replaceChildren(...identities.map(identityRow));
}

function identityRow({ id, issuer, subject, created_at: since }) {
  const tr = document.createElement("tr");
  for (const text of [issuer, subject, moment(since)]) tr.insertCell().textContent = text;
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "Give it up";
  button.setAttribute("aria-label", `Give the identity ${subject} up`);
  button.addEventListener("click", () => ended(`identities/${encodeURIComponent(id)}`, showIdentities));
  tr.insertCell().append(button);
  return tr;
}

const moment = (text) => new Date(text).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });

async function ended(path, then) {
  at("sessions-error").textContent = "";
  try {
    await call("DELETE", path);
    await then();
    say("Ended.");
    at("sessions-title").focus();
  } catch (problem) {
    if (problem.code === "unauthenticated") return show("sign-in", "You are signed out: sign in again.");
    at("sessions-error").textContent = sentence(problem.detail);
  }
}

/** Asks the browser for a passkey; what it answers is for the server alone. */
async function passkey(way, options) {
  const parse = { create: "parseCreationOptionsFromJSON", get: "parseRequestOptionsFromJSON" }[way];
  if (!globalThis.PublicKeyCredential?.[parse]) {
    throw new Error("this browser gives no passkeys here: they need a newer one, and a page with TLS or at localhost");
  }
  const publicKey = PublicKeyCredential[parse](options);
  const credential = await navigator.credentials[way]({ publicKey }).catch((error) => {
    if (error.name === "InvalidStateError") throw new Error("this device has a passkey of yours already");
    if (error.name === "NotAllowedError") throw new Error("the browser gave no passkey: you said no, or it took too long");
    throw error;
  });
  return credential.toJSON();
}

async function showPasskeys() {
  const { passkeys } = await call("GET", "passkeys");
  at("passkeys").replaceChildren(...passkeys.map(passkeyRow));
}

function passkeyRow({ id, name, site, created_at: since, last_used: last }) {
  const tr = document.createElement("tr");
  for (const text of [name, site, moment(since), last === null ? "never" : moment(last)]) {
    tr.insertCell().textContent = text;
  }
  // It sends the form beside, which has the password.
  const button = Object.assign(document.createElement("button"), { value: id, textContent: "Give it up" });
  button.setAttribute("form", "passkey-form");
  button.setAttribute("aria-label", `Give up the passkey ${name}`);
  tr.insertCell().append(button);
  return tr;
}

function showRecovery(codes) {
  const item = (code) => Object.assign(document.createElement("li"), { textContent: code });
  at("recovery-codes").replaceChildren(...codes.map(item));
  at("recovery").hidden = false;
  at("recovery-title").focus();
}

/** What stands behind `#`, which is taken out of the address and so out of the history. */
function takeFragment() {
  const fragment = location.hash.slice(1);
  const [name, value] = [fragment.split("=", 1)[0], fragment.slice(fragment.indexOf("=") + 1)];
  if (!["link", "device", "code", "identity"].includes(name)) return false;
  history.replaceState(null, "", location.pathname);
  if (name === "link") link = value;
  else if (name !== "device") back = name;
  else device = fragment.includes("=") ? decodeURIComponent(value) : "";
  return true;
}

async function begin() {
  takeFragment();
  await showProviders();
  const from = back;
  back = null;
  if (from === "code") return show("arrival");
  if (link === null) return home(from === "identity" ? "The identity is yours: you can sign in with it." : "");
  try {
    const holder = await call("POST", "links/look", { link });
    show("link");
    const login = holder.login ?? "";
    at("link-for").textContent = `For ${holder.name || login}, who signs in as “${login}”.`;
    at("link-login").defaultValue = login;
  } catch (problem) {
    link = null;
    show("sign-in", [problem.detail, problem.hint].filter(Boolean).map(sentence).join(" "));
  }
}

onSubmit(at("sign-in-form"), async ({ login, password, code }) => {
  await call("POST", "sign-in", { login, password, code });
  await home("You are signed in.");
});

onSubmit(at("arrival-form"), async ({ code }) => {
  await call("POST", "oidc-code", { code });
  await home("You are signed in.");
});

// Its buttons go to providers.
onSubmit(at("identity-form"), async () => {});

onSubmit(at("link-form"), async ({ login, password, again, code }) => {
  if (password !== again) throw new Error("the two passwords differ");
  await call("POST", "links/use", { link, password, code });
  link = null;
  // A code serves once, so that who has an authenticator signs in with the next one.
  if (code) return show("sign-in", "Your password is chosen. Sign in with it.");
  await call("POST", "sign-in", { login, password });
  await home("Your password is chosen, and you are signed in.");
});

onSubmit(at("device-form"), async ({ code }) => {
  const found = await call("POST", "device/look", { user_code: code });
  at("device-agent").textContent = found.agent;
  at("device-network").textContent = found.network ?? "this machine";
  at("device-since").textContent = moment(found.created_at);
  at("decision-form").hidden = false;
  at("decision-title").focus();
});

onSubmit(at("decision-form"), async (_, answer) => {
  const approve = answer === "yes";
  await call("POST", "device/decision", { user_code: at("user-code").value, approve });
  at("decision-form").hidden = true;
  at("device-form").reset();
  await showSessions();
  say(approve ? "The device is let in. It goes on within some seconds." : "The device is refused.");
  at("device-title").focus();
});

onSubmit(at("factor-form"), async ({ password, code }, what) => {
  const shown = { password, code };
  if (what === "remove") {
    await call("POST", "second-factor/remove", shown);
    return home("The authenticator is given up.");
  }
  if (what === "renew") {
    const { recovery_codes: codes } = await call("POST", "recovery-codes", shown);
    await home("The old recovery codes are dead.");
    return showRecovery(codes);
  }
  const made = await call("POST", "second-factor", shown);
  at("factor-form").reset();
  at("totp-secret").textContent = made.secret;
  at("otpauth").href = made.uri;
  drawCode(made.qr);
  at("confirm-form").hidden = false;
  at("confirm-title").focus();
});

/** Draws the dark squares of a QR code; without one, the secret is typed. */
function drawCode(code) {
  at("qr").hidden = !code;
  at("qr-squares").removeAttribute("d");
  if (!code) return;
  at("qr-code").setAttribute("viewBox", `0 0 ${code.size} ${code.size}`);
  at("qr-squares").setAttribute("d", code.path);
}

onSubmit(at("confirm-form"), async ({ code }) => {
  const { recovery_codes: codes } = await call("POST", "second-factor/confirm", { code });
  await home("The authenticator is in force.");
  showRecovery(codes);
});

onSubmit(at("passkey-form"), async ({ name, password, code }, id) => {
  const shown = { password, code };
  if (id) {
    await call("POST", `passkeys/${encodeURIComponent(id)}/remove`, shown);
    return home("The passkey is given up, and your other sessions have ended.");
  }
  const { options, ceremony } = await call("POST", "passkeys/begin", shown);
  const credential = await passkey("create", options);
  await call("POST", "passkeys", { name: name.trim() || "passkey", ceremony, credential });
  at("passkey-form").reset();
  await home("The passkey signs you in from now on.");
});

at("passkey-sign-in").addEventListener("click", async () => {
  const [button, error] = [at("passkey-sign-in"), at("passkey-sign-in-error")];
  error.textContent = "";
  button.disabled = true;
  try {
    const { options, ceremony } = await call("POST", "passkeys/sign-in/begin", {});
    const credential = await passkey("get", options);
    await call("POST", "passkeys/sign-in", { ceremony, credential });
    await home("You are signed in.");
  } catch (problem) {
    const { code, detail, hint } = problem.detail ? problem : { detail: String(problem.message ?? problem) };
    const unknown = "This passkey is not known here, or may not sign you in. Sign in with your password.";
    error.textContent = code === "not_identified" ? unknown : [detail, hint].filter(Boolean).map(sentence).join(" ");
  } finally {
    button.disabled = false;
  }
});

onSubmit(at("password-form"), async ({ password, new: chosen, code }) => {
  await call("PUT", "password", { password, new: chosen, code });
  await home("Your password is changed, and your other sessions have ended.");
});

at("sign-out").addEventListener("click", async () => {
  await call("POST", "sign-out").catch(() => null);
  await home("You are signed out.");
});
at("end-all").addEventListener("click", () => ended("sessions", () => home("You are signed out everywhere.")));
addEventListener("hashchange", () => takeFragment() && begin());

begin();
