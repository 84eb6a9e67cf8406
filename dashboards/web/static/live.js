// Takes the server's events into the page: new HTML by id, the alerts' order. The server draws; nothing is drawn here.
"use strict";
const live = document.getElementById("live");
const cards = document.getElementById("cards");
const said = document.getElementById("said");
const connection = document.getElementById("connection");
const SVG = "http://www.w3.org/2000/svg";
const aheadMs = Number(live.dataset.now) - Date.now(); // the server's clock, or the replay's
const QUIET_MS = 25000; // the server gives a sign of life each 10 s
let since = Number(live.dataset.since);
let source = null;
let heardMs = 0;

function made(id, html) {
  const box = document.createElement("template");
  const inPlan = document.getElementById(id)?.namespaceURI === SVG;
  box.innerHTML = inPlan ? `<svg>${html}</svg>` : html;
  return inPlan ? box.content.firstElementChild.firstElementChild : box.content.firstElementChild;
}

// What a person has typed, opened or holds the focus on stays so.
function keep(old, next) {
  for (const input of old.querySelectorAll("input[name]")) {
    const same = next.querySelector(`input[name="${CSS.escape(input.name)}"]`);
    if (same) same.value = input.value;
  }
  const opened = old.querySelector(":scope > details");
  const again = next.querySelector(":scope > details");
  if (opened?.open && again) again.open = true;
}

function focusAgain(active, next) {
  const { name, value } = active;
  const same = [...next.querySelectorAll("input, button")].find(
    (one) => one.name === name && (one.tagName === "INPUT" || one.value === value));
  (same ?? next).focus({ preventScroll: true });
}

function swap(id, html) {
  const old = document.getElementById(id);
  const next = made(id, html);
  if (old) {
    const active = old.contains(document.activeElement) ? document.activeElement : null;
    keep(old, next);
    old.replaceWith(next);
    if (active) focusAgain(active, next);
  } else if (id.startsWith("a-")) {
    cards.append(next);
    if (!next.classList.contains("over")) tell(`${said.dataset.new}: ${next.dataset.said}`);
  }
}

function tell(text) {
  said.textContent = text;
}

function arrange(order) {
  const wanted = new Set(order.map((id) => `a-${id}`));
  for (const card of [...cards.children]) if (!wanted.has(card.id)) card.remove();
  let place = cards.firstElementChild;
  for (const id of order) {
    const card = document.getElementById(`a-${id}`);
    if (!card) continue;
    if (card === place) place = place.nextElementSibling;
    else cards.insertBefore(card, place); // moves it: a focus within it is given back
  }
  document.getElementById("none").hidden = order.length > 0;
}

function take(message) {
  const told = JSON.parse(message.data);
  const active = document.activeElement;
  for (const [id, html] of Object.entries(told.swap)) swap(id, html);
  const held = document.activeElement === document.body ? active : document.activeElement;
  arrange(told.order);
  if (held?.isConnected && held !== document.activeElement) held.focus({ preventScroll: true });
  document.getElementById("away").hidden = !told.away;
  since = Number(message.lastEventId);
  ages();
}

function listen() {
  source?.close();
  source = new EventSource(`${live.dataset.events}?since=${since}&lang=${live.dataset.lang}`);
  heardMs = Date.now();
  source.addEventListener("open", () => show(true));
  source.addEventListener("board", (message) => { heard(); take(message); });
  source.addEventListener("ping", heard);
  source.addEventListener("error", () => show(false));
}

function heard() {
  heardMs = Date.now();
  show(true);
}

function show(isLive) {
  connection.textContent = isLive ? connection.dataset.live : connection.dataset.broken;
  connection.classList.toggle("broken", !isLive);
}

// A connection that is open and silent is none; one that was refused is asked for again, or ends at the login.
async function watch() {
  if (Date.now() - heardMs < QUIET_MS && source?.readyState !== EventSource.CLOSED) return;
  show(false);
  const closed = source?.readyState === EventSource.CLOSED;
  const answer = closed ? await fetch(location.href, { redirect: "manual" }).catch(() => null) : null;
  if (answer?.type === "opaqueredirect") location.reload();
  else listen();
}

const UNITS = { zh: ["秒", "分钟", "小时", "天"], en: [" s", " min", " h", " d"] }[live.dataset.lang];
function age(ms) {
  const s = Math.max(0, Math.floor(ms / 1000));
  if (s < 60) return `${s}${UNITS[0]}`;
  if (s < 3600) return `${Math.floor(s / 60)}${UNITS[1]}`;
  if (s < 172800) return `${Math.floor(s / 3600)}${UNITS[2]}`;
  return `${Math.floor(s / 86400)}${UNITS[3]}`;
}

function ages() {
  for (const time of document.querySelectorAll("time[data-ms]")) {
    time.dataset.age = `${age(Date.now() + aheadMs - Number(time.dataset.ms))}${live.dataset.lang === "zh" ? "" : " "}${live.dataset.ago}`;
  }
}

// One tap: without leaving the page. The card itself is drawn anew by the server's event.
document.getElementById("say").addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target, button = event.submitter;
  const alert = button.value.split(":")[0];
  const fields = new URLSearchParams({ csrf: form.elements.csrf.value, say: button.value });
  const note = form.elements[`note-${alert}`];
  if (note?.value) fields.set(`note-${alert}`, note.value);
  button.setAttribute("aria-busy", "true");
  const answer = await fetch(form.action, { method: "POST", body: fields, headers: { Accept: "application/json" } })
    .catch(() => null);
  document.querySelector(`button[value="${CSS.escape(button.value)}"]`)?.removeAttribute("aria-busy");
  if (answer?.ok && note) note.value = "";
  tell(answer?.ok ? form.dataset.sent : form.dataset.failed);
  const card = document.getElementById(`a-${alert}`);
  card?.classList.toggle("failed", !answer?.ok);
  if (card && !answer?.ok) card.dataset.failed = form.dataset.failed;
});

// From the plan to the zone's row, through whatever is folded.
function unfold() {
  const row = location.hash.startsWith("#z-") ? document.getElementById(location.hash.slice(1)) : null;
  for (let fold = row?.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
  row?.scrollIntoView({ block: "center" });
  row?.focus({ preventScroll: true });
}

addEventListener("hashchange", unfold);
addEventListener("visibilitychange", () => { if (!document.hidden) watch(); });
setInterval(watch, 5000);
setInterval(ages, 5000);
listen();
ages();
unfold();
