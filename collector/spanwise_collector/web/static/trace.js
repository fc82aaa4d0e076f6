// The page of one trace: fetches it, waits for it when it is not there yet, and follows it while it is young.

import { Api, ApiError } from "./api.js";
import { bringOntoTree } from "./critical-path.js";
import { Minimap } from "./minimap.js";
import { showDetails } from "./span-details.js";
import { buildTree } from "./span-tree.js";
import { showHeading } from "./trace-heading.js";
import { Waterfall } from "./waterfall.js";

const RETRY_MS = 1000;
const PATIENCE_MS = 10000; // how long a trace may take to arrive: batching in services and in the collector
const YOUNG_MS = 15000; // a trace that ended less than this ago may still get spans

const byId = (id) => document.getElementById(id);
const page = byId("trace");
const api = new Api(page.dataset.api);
const { traceId, traceUrl } = page.dataset;
const waterfall = new Waterfall(byId("waterfall"));
const minimap = new Minimap(byId("minimap"));
const details = byId("span-details");
let tree = null;
let spanCount = 0;

async function load(firstTried) {
  try {
    const { spans, analysis } = await api.trace(traceId);
    byId("missing").hidden = true;
    byId("notice").hidden = true;
    if (spans.length !== spanCount) show(spans, analysis);
    if (isYoung()) setTimeout(() => load(Date.now()), RETRY_MS);
  } catch (error) {
    if (tree) notice(`${error.message} What is shown may not be all.`);
    else if (error.status === 404) notHere(firstTried);
    else missing("The trace could not be read", error.message, true);
    if (!(error instanceof ApiError)) throw error; // a fault of the page, not of the collector
  }
}

function show(spans, analysis) {
  const first = tree === null;
  spanCount = spans.length;
  tree = buildTree(spans);
  bringOntoTree(tree, spans, analysis);
  showHeading(byId("trace-title"), byId("trace-facts"), tree, `${page.dataset.api}/traces/${traceId}`);
  byId("trace-body").hidden = false;
  waterfall.show(tree);
  minimap.show(tree);
  showSelected();
  if (first) {
    selectFromAddress();
    waterfall.focus();
  }
}

function isYoung() {
  const endMs = Number(tree.start / 1000000n) + tree.duration / 1e6;
  return Date.now() - endMs < YOUNG_MS;
}

function notHere(firstTried) {
  const left = PATIENCE_MS - (Date.now() - firstTried);
  if (left <= 0) {
    const why = "It was not sampled, has been deleted after the retention time, or was sent to another collector.";
    missing("There is no such trace", why, true);
    return;
  }
  const text = `Spans take a moment to arrive. Looking again for ${Math.ceil(left / 1000)} s.`;
  missing("This trace is not here, or not yet", text, false);
  setTimeout(() => load(firstTried), RETRY_MS);
}

function missing(title, text, final) {
  byId("missing-title").textContent = title;
  byId("missing-text").textContent = text;
  byId("look-again").hidden = !final;
  byId("missing").hidden = false;
}

function notice(text) {
  byId("notice").textContent = text;
  byId("notice").hidden = false;
}

function selectFromAddress() {
  const spanId = decodeURIComponent(location.hash.slice(1));
  if (!spanId) return;
  if (!waterfall.select(spanId)) notice(`The span ${spanId} is not in this trace, or has not arrived.`);
}

function showSelected() {
  const node = waterfall.selected;
  if (node) showDetails(details, node, tree, traceUrl, closeDetails);
}

function lookAtSelected() {
  const node = waterfall.selected;
  if (!node) return;
  const margin = Math.max(node.span.duration_ns, tree.duration / 1000, 1) * 0.05;
  const from = Math.max(0, node.offset - margin);
  minimap.look(from, Math.min(tree.duration, node.offset + node.span.duration_ns + margin));
}

function closeDetails() {
  details.hidden = true;
  waterfall.unselect();
  history.replaceState(null, "", location.pathname + location.search);
  waterfall.focus();
}

waterfall.addEventListener("select", ({ detail: node }) => {
  history.replaceState(null, "", `#${node.span.span_id}`);
  showSelected();
});
waterfall.addEventListener("open", ({ detail }) => {
  if (detail.byKeyboard) details.focus();
});
byId("waterfall").addEventListener("keydown", (event) => {
  if (event.key === "z") lookAtSelected();
  if (event.key === "0") minimap.lookAtAll();
});
minimap.addEventListener("zoom", ({ detail }) => waterfall.zoom(detail.from, detail.to));
details.addEventListener("keydown", (event) => {
  if (event.key === "Escape") closeDetails();
});
byId("waterfall").addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !details.hidden) closeDetails();
});
window.addEventListener("hashchange", selectFromAddress);
byId("look-again").addEventListener("click", () => load(Date.now()));
load(Date.now());
