// The head of a trace's page: what it is, when, how long, who took part, and what is odd about it.

import { badge, copyButton, counted, element, serviceChip } from "./dom.js";
import { isError } from "./span-tree.js";
import { formatDuration, formatTime, isoTime } from "./time-format.js";

const SERVICES_SHOWN = 12;
const WAITED_FOR_SHOWN = 3;

/** Fills the heading and the line of facts under it; `jsonUrl` is the same trace as JSON. */
export function showHeading(title, facts, tree, jsonUrl) {
  const spans = tree.nodes.map((node) => node.span);
  const root = tree.nodes.find((node) => node.top === "root") ?? tree.nodes[0];
  const name = root.span.name || "(no name)";
  title.replaceChildren(serviceChip(root.span.service), element("span", { className: "trace-title-name", textContent: name }));
  document.title = `${root.span.service}: ${name} · Spanwise`;
  facts.replaceChildren(
    fact("Started", element("time", { dateTime: isoTime(tree.start), textContent: formatTime(tree.start) })),
    fact("Took", element("strong", { textContent: formatDuration(tree.duration) })),
    fact("Spans", element("span", {}, spans.length.toLocaleString("en"), ...oddities(tree, spans))),
    fact("Services", services(spans)),
    tree.criticalServices.length ? fact("Waited for", waitedFor(tree.criticalServices)) : "",
    fact("Trace", traceId(spans[0].trace_id, jsonUrl)),
  );
}

function fact(name, value) {
  return element("div", { className: "fact" }, element("span", { className: "fact-name", textContent: name }), value);
}

function oddities(tree, spans) {
  const failed = spans.filter(isError).length;
  const late = "Their parents have not been received: not sampled, lost, or still to come.";
  return [
    failed ? badge(counted(failed, "error"), "danger") : null,
    tree.orphans ? badge(`${tree.orphans} without their parent`, "warning", late) : null,
    tree.skewed ? badge("clock skew", "warning", skewText(tree.skewed)) : null,
    tree.roots > 1 ? badge(`${tree.roots} roots`, "warning", "More than one span of this trace says that it has no parent.") : null,
  ];
}

function skewText(count) {
  return `${counted(count, "span")} not within the caller, so clocks disagree. Bars stand where the services wrote them.`;
}

// The critical path by service: whom the trace waited for, longest first.
function waitedFor(critical) {
  const title = "At every moment the one span that the trace waited for: the critical path, marked under the bars.";
  const shown = critical
    .slice(0, WAITED_FOR_SHOWN)
    .map(({ name, duration_ns: duration }) => element("span", { className: "waited-for" }, serviceChip(name), formatDuration(duration)));
  const rest = critical.length - WAITED_FOR_SHOWN;
  return element("span", { className: "fact-services", title }, ...shown, rest > 0 ? element("span", { className: "muted", textContent: `+${rest}` }) : null);
}

function services(spans) {
  const counts = new Map();
  for (const span of spans) counts.set(span.service, (counts.get(span.service) ?? 0) + 1);
  const chips = [...counts].slice(0, SERVICES_SHOWN).map(([name, count]) => serviceChip(name, { title: `${name}: ${counted(count, "span")}` }));
  const rest = counts.size - chips.length;
  return element("span", { className: "fact-services" }, ...chips, rest > 0 ? element("span", { className: "muted", textContent: `+${rest}` }) : null);
}

function traceId(id, jsonUrl) {
  const shown = element("span", { className: "mono trace-id", textContent: id, title: id });
  return element("span", { className: "with-copy" }, shown, copyButton(id, "Copy the trace id"), element("a", { href: jsonUrl, textContent: "JSON" }));
}
