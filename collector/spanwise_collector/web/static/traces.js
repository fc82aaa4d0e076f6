// The page of the newest traces: filters, feed and list put together.

import { Api } from "./api.js";
import { copyButton, element, serviceChip } from "./dom.js";
import { LiveFeed } from "./live-feed.js";
import { TraceFilters } from "./trace-filters.js";
import { TraceList } from "./trace-list.js";

const PAGE_SIZE = 50;
const CATALOG_MS = 5000; // services and operations change rarely
const SERVICES_SHOWN = 30; // the rest is in the select box

const byId = (id) => document.getElementById(id);
const root = byId("traces");
const api = new Api(root.dataset.api);
const list = new TraceList(byId("trace-list"), byId("new-traces"), root.dataset.traceUrl);
const filters = new TraceFilters(byId("filters"), restart);
const feed = new LiveFeed(poll, showState);
let nextPage = null;
let state = { paused: false, failure: null, retryAt: 0 };
let catalogAt = 0;
let services = [];
let fresh = true; // the next answer answers another question than the rows on the page

async function poll(signal) {
  const catalog = Date.now() - catalogAt > CATALOG_MS ? loadCatalog() : null;
  const [answer] = await Promise.all([api.traces({ ...filters.values, limit: PAGE_SIZE }, signal), catalog]);
  if (signal.aborted) return;
  if (fresh) list.replace(answer.traces);
  else list.refresh(answer.traces);
  fresh = false;
  nextPage = answer.next_page;
  const unknown = answer.traces.some((trace) => trace.services.some(({ name }) => !services.includes(name)));
  if (unknown) await loadCatalog();
  showWhatThereIs();
}

async function loadCatalog() {
  catalogAt = Date.now();
  const service = filters.values.service ?? "";
  const [known, operations] = await Promise.all([api.services(), api.operations(service)]);
  services = known.map(({ name }) => name);
  filters.offerServices(services);
  const names = [...new Set(operations.map(({ name }) => name))].sort();
  byId("operations").replaceChildren(...names.map((name) => element("option", { value: name })));
  showServices();
}

function showServices() {
  const chosen = filters.values.service;
  const strip = byId("services");
  const buttons = services.slice(0, SERVICES_SHOWN).map((name) =>
    serviceChip(name, {
      tag: "button",
      type: "button",
      className: "service-button",
      value: name,
      "aria-pressed": String(name === chosen),
    }),
  );
  const same = buttons.map((button) => button.value).join("\n") === [...strip.children].map((button) => button.value).join("\n");
  if (same) for (const button of strip.children) button.ariaPressed = String(button.value === chosen);
  else strip.replaceChildren(...buttons);
  strip.hidden = services.every((name) => name === root.dataset.ownService);
}

function showWhatThereIs() {
  const none = list.size === 0 || onlyOwn();
  byId("trace-table").hidden = none;
  byId("older").hidden = nextPage === null;
  byId("no-match").hidden = !none || filters.empty;
  byId("first-trace").hidden = !none || !filters.empty;
  byId("filters").hidden = none && filters.empty;
  byId("own-traces").hidden = !onlyOwn();
  byId("clear-filters").hidden = filters.empty;
}

// A collector traces itself. To somebody who waits for their first trace those are none.
function onlyOwn() {
  return filters.empty && list.size > 0 && services.every((name) => name === root.dataset.ownService);
}

function restart() {
  fresh = true;
  catalogAt = 0;
  showServices();
  feed.now();
}

async function older() {
  feed.pause(); // what is being read must not be pushed away
  const button = byId("older");
  button.disabled = true;
  try {
    const answer = await api.traces({ ...filters.values, limit: PAGE_SIZE, page: nextPage });
    list.append(answer.traces);
    nextPage = answer.next_page;
    byId("older").hidden = nextPage === null;
    showState({ paused: true, failure: null, retryAt: 0 });
  } catch (failure) {
    showState({ paused: true, failure, retryAt: 0 });
  } finally {
    button.disabled = false;
  }
}

function showState(now) {
  state = now;
  const word = state.paused ? "Paused" : state.failure ? "Waiting" : "Live";
  root.dataset.live = word.toLowerCase();
  byId("live-label").textContent = word;
  byId("live-button").ariaPressed = String(!state.paused);
  byId("live-button").title = state.paused ? "Go back to the newest traces" : "Stop the list from changing";
  byId("live-state").textContent = state.paused ? "The list stands still." : "";
  byId("problem").hidden = !state.failure;
  tick();
}

function problemText() {
  const message = state.failure.message;
  if (!state.retryAt) return message;
  const seconds = Math.max(0, Math.ceil((state.retryAt - Date.now()) / 1000));
  return `${message} ${seconds ? `Trying again in ${seconds} s.` : "Trying again …"}`;
}

function tick() {
  list.tick();
  if (state.failure) byId("problem-text").textContent = problemText();
}

byId("live-button").addEventListener("click", () => (feed.paused ? restart() : feed.pause()));
byId("retry").addEventListener("click", () => feed.now());
byId("older").addEventListener("click", older);
for (const id of ["clear-filters", "clear-filters-too"]) byId(id).addEventListener("click", () => filters.clear());
byId("services").addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button) filters.toggleService(button.value);
});
for (const place of document.querySelectorAll("[data-origin]")) place.textContent = location.origin;
for (const block of document.querySelectorAll(".copyable")) block.append(copyButton(block.textContent.trim(), "Copy these lines"));
setInterval(tick, 1000);
showState(state);
feed.now();
