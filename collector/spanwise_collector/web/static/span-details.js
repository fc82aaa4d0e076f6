// The panel about the selected span: everything that was received of it, with types, nothing left out.

import { attributeTable } from "./attributes.js";
import { criticalDuration } from "./critical-path.js";
import { badge, copyButton, counted, element, serviceChip } from "./dom.js";
import { formatDuration, formatTime } from "./time-format.js";

const SAMPLED = 0x01; // W3C trace flags
const REMOTE_KNOWN = 0x100; // OTLP: bit 8 says that bit 9 means something, bit 9 that the parent is in another process
const REMOTE = 0x200;
const STATUS_KINDS = { error: "danger", ok: "success", unset: "" };

/** Fills `host` with the node's span. `tree` gives offsets, `traceUrl` is the prefix of a trace's page. */
export function showDetails(host, node, tree, traceUrl, close) {
  const { span } = node;
  const closing = element("button", { type: "button", className: "icon-button", textContent: "×", "aria-label": "Close" });
  closing.addEventListener("click", close);
  host.replaceChildren(
    element("header", { className: "details-head" }, element("h2", { textContent: span.name || "(no name)" }), closing),
    element("div", { className: "details-badges" }, serviceChip(span.service), badge(span.kind), statusBadge(span.status)),
    span.status.message ? element("p", { className: "status-message", textContent: span.status.message }) : "",
    facts(node, tree),
    ...events(span, tree),
    ...links(span, traceUrl),
    ...group("Span attributes", span.attributes, span.dropped_attributes_count, true),
    ...group("Resource", span.resource.attributes, span.resource.dropped_attributes_count, false, span.resource.schema_url),
    ...scope(span.scope),
  );
  host.scrollTop = 0;
  host.hidden = false;
}

function statusBadge(status) {
  return badge(`status ${status.code}`, STATUS_KINDS[status.code] ?? "");
}

function facts(node, tree) {
  const { span } = node;
  const rows = [
    ["Start", `+${formatDuration(node.offset)}`, formatTime(BigInt(span.start_unix_nano))],
    ["Duration", formatDuration(span.duration_ns), share(span.duration_ns, tree.duration)],
    ["Waited for", ...waitedFor(node, tree)],
    ["Adjusted count", number(span.adjusted_count), adjusted(span.adjusted_count)],
  ];
  const list = rows.map(([name, value, note]) => [
    element("dt", { textContent: name }),
    element("dd", {}, value, note ? element("span", { className: "muted", textContent: ` ${note}` }) : ""),
  ]);
  const flags = flagWords(span);
  list.push([element("dt", { textContent: "Span id" }), element("dd", { className: "with-copy" }, code(span.span_id), copyButton(span.span_id, "Copy the span id"))]);
  list.push([element("dt", { textContent: "Parent" }), element("dd", {}, parentLink(node))]);
  if (flags) list.push([element("dt", { textContent: "Flags" }), element("dd", { textContent: flags })]);
  if (span.trace_state) list.push([element("dt", { textContent: "Trace state" }), element("dd", {}, code(span.trace_state))]);
  return element("dl", { className: "facts" }, ...list.flat());
}

// On the critical path: how long the trace waited for this span alone.
function waitedFor(node, tree) {
  const duration = criticalDuration(node);
  return duration ? [formatDuration(duration), share(duration, tree.duration)] : ["not", "on the critical path"];
}

function code(text) {
  return element("span", { className: "mono", textContent: text });
}

function parentLink(node) {
  const { parent_span_id: id } = node.span;
  if (!id) return element("span", { className: "muted", textContent: "none: a root" });
  if (!node.parent) return element("span", {}, code(id), " ", badge("not received", "warning"));
  return element("a", { className: "mono", href: `#${id}`, textContent: id });
}

function share(part, whole) {
  return whole > 0 ? `${((100 * part) / whole).toFixed(1)} % of the trace` : "";
}

function number(count) {
  return Number(count.toPrecision(4)).toLocaleString("en");
}

function adjusted(count) {
  if (count === 0) return "kept for its own sake, not counted";
  return count === 1 ? "" : `sampled, stands for ${number(count)} like it`;
}

function flagWords({ flags, parent_span_id: parent }) {
  const words = [flags & SAMPLED ? "sampled" : "not sampled"];
  if (parent && flags & REMOTE_KNOWN) words.push(flags & REMOTE ? "parent in another process" : "parent in this process");
  return flags ? words.join(", ") : "";
}

function events(span, tree) {
  if (!span.events.length && !span.dropped_events_count) return [];
  const items = span.events.map((event) => {
    const offset = Number(BigInt(event.time_unix_nano) - tree.start);
    return element(
      "li",
      { className: event.name === "exception" ? "span-event is-exception" : "span-event" },
      element("div", { className: "event-head" }, element("strong", { textContent: event.name }), element("span", { className: "muted number", textContent: `+${formatDuration(offset)}` })),
      attributeTable(event.attributes),
      dropped(event.dropped_attributes_count, "attribute"),
    );
  });
  return section("Events", span.events.length, element("ul", { className: "event-list" }, ...items), dropped(span.dropped_events_count, "event"));
}

function links(span, traceUrl) {
  if (!span.links.length && !span.dropped_links_count) return [];
  const items = span.links.map((link) =>
    element(
      "li",
      { className: "span-event" },
      element("a", { className: "mono", href: `${traceUrl}${encodeURIComponent(link.trace_id)}#${encodeURIComponent(link.span_id)}`, textContent: `${link.trace_id.slice(0, 8)}… / ${link.span_id}` }),
      link.trace_state ? element("div", {}, code(link.trace_state)) : null,
      attributeTable(link.attributes),
      dropped(link.dropped_attributes_count, "attribute"),
    ),
  );
  return section("Links to other traces", span.links.length, element("ul", { className: "event-list" }, ...items), dropped(span.dropped_links_count, "link"));
}

function scope({ name, version, attributes, dropped_attributes_count: lost, schema_url: schema }) {
  if (!name && !attributes.length) return [];
  const who = element("p", { className: "mono", textContent: [name, version].filter(Boolean).join(" ") });
  return section("Instrumentation scope", 0, who, attributeTable(attributes), dropped(lost, "attribute"), schemaLine(schema));
}

function group(title, attributes, lost, open, schema = "") {
  const details = element(
    "details",
    { className: "details-group", open },
    element("summary", {}, element("h3", { textContent: title }), element("span", { className: "muted", textContent: attributes.length })),
    attributes.length ? attributeTable(attributes) : element("p", { className: "muted", textContent: "none" }),
    dropped(lost, "attribute"),
    schemaLine(schema),
  );
  return [details];
}

function section(title, count, ...content) {
  const head = element("summary", {}, element("h3", { textContent: title }), element("span", { className: "muted", textContent: count || "" }));
  return [element("details", { className: "details-group", open: true }, head, ...content)];
}

function dropped(count, noun) {
  return count ? element("p", { className: "dropped", textContent: `${counted(count, noun)} dropped by a limit of the service` }) : null;
}

function schemaLine(url) {
  return url ? element("p", { className: "schema muted", textContent: `schema ${url}` }) : null;
}
