// @ts-check
/** Keeps the page up to date: fragments over one stream a tab, or asking every two seconds where that cannot be. */

const POLL_MS = 2000;
const STALE_MS = 10_000;
const RETRY_STREAM_MS = 30_000;

/** @type {EventSource | null} */
let stream = null;
let polling = 0;
let stale = 0;

/** @param {"live" | "polling" | "waiting"} state */
function show(state) {
  const page = document.documentElement;
  if (state === "waiting" && page.dataset.link === "waiting") return; // Waiting since the first time.
  page.dataset.link = state;
  window.clearTimeout(stale);
  delete page.dataset.stale;
  if (state !== "waiting") return;
  const since = new Date().toLocaleTimeString();
  stale = window.setTimeout(() => {
    page.dataset.stale = since;
    const word = document.querySelector("[data-asof]");
    if (word) word.textContent = `as of ${since}`;
  }, STALE_MS);
}

/** Put each fragment that differs in the place of the one with its id. @param {string} html */
function apply(html) {
  const news = new DOMParser().parseFromString(html, "text/html");
  for (const fragment of news.querySelectorAll("[data-fragment]")) {
    const here = document.getElementById(fragment.id);
    if (!here) continue;
    for (const open of here.querySelectorAll("details[open][id]")) {
      fragment.querySelector(`#${CSS.escape(open.id)}`)?.setAttribute("open", "");
    }
    if (here.isEqualNode(fragment)) continue;
    const held = here.contains(document.activeElement) ? document.activeElement?.getAttribute("href") : null;
    here.replaceWith(document.adoptNode(fragment));
    const again = held && fragment.querySelector(`[href="${CSS.escape(held)}"]`);
    if (again instanceof HTMLElement) again.focus({ preventScroll: true });
  }
  announce();
}

/** Say the outcome of the chosen batch once, politely, to those who listen. */
function announce() {
  const said = document.getElementById("announce");
  const text = document.querySelector("[data-announce]")?.getAttribute("data-announce") ?? "";
  if (said && said.textContent !== text) said.textContent = text;
}

function open() {
  if (stream || document.hidden) return;
  const query = new URLSearchParams(location.search);
  query.delete("duplicate");
  query.set("position", document.getElementById("pulse")?.dataset.position ?? "-1");
  stream = new EventSource(`/live?${query}`);
  stream.addEventListener("open", () => {
    stopPolling();
    show("live");
  });
  stream.addEventListener("fragments", (event) => apply(event.data));
  stream.addEventListener("bye", () => {
    close();
    show("waiting");
    window.setTimeout(open, 1000);
  });
  stream.addEventListener("error", () => {
    if (stream?.readyState !== EventSource.CLOSED) return show("waiting"); // It reconnects by itself.
    close();
    poll();
    window.setTimeout(open, RETRY_STREAM_MS);
  });
}

function close() {
  stream?.close();
  stream = null;
}

function poll() {
  if (polling) return;
  polling = window.setInterval(async () => {
    if (document.hidden) return;
    try {
      const answer = await fetch(location.href, { headers: { accept: "text/html" } });
      if (!answer.ok) return show("waiting");
      apply(await answer.text());
      show("polling");
    } catch {
      show("waiting");
    }
  }, POLL_MS);
}

function stopPolling() {
  window.clearInterval(polling);
  polling = 0;
}

document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
window.addEventListener("pagehide", close);

const form = document.querySelector("form[data-state]");
if (form instanceof HTMLFormElement) {
  const file = form.querySelector("input[type=file]");
  const name = form.querySelector("[data-name]");
  file?.addEventListener("change", () => {
    const chosen = /** @type {HTMLInputElement} */ (file).files?.[0];
    if (name && chosen) name.textContent = chosen.name;
    form.dataset.state = chosen ? "chosen" : "idle";
  });
  form.addEventListener("submit", () => (form.dataset.state = "uploading"));
  window.addEventListener("pageshow", () => (form.dataset.state = "idle"));
}

announce();
if ("EventSource" in window) open();
else poll();
