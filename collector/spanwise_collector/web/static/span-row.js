// One row of the waterfall: the span's name in the tree, its bar on the time axis, and the duration beside the bar.

import { criticalMarks } from "./critical-path.js";
import { element } from "./dom.js";
import { serviceColorClass } from "../look/service-color.js";
import { isError, LOOP, ORPHAN } from "./span-tree.js";
import { formatDuration } from "./time-format.js";

export const ROW_HEIGHT = 28; // px, as in waterfall.css
export const ROW_HEIGHT_NARROW = 44;

const INDENT_PX = 14;
const DEEPEST_INDENT = 12; // levels; further ones stay there and show their depth as a number
const CHARACTER_PX = 7; // of the duration's text, generously
const LABEL_GAP_PX = 10;
const MANY_EVENTS = 100; // ticks drawn per bar; the details list every event

const TOPS = {
  [ORPHAN]: { text: "parent missing", title: "Its parent span has not been received: not sampled, lost, or still to come." },
  [LOOP]: { text: "parent loop", title: "Its parents lead back to itself; the circle is cut here." },
};

/** `state` is `{selected, collapsed}`, `view` `{from, to, width, start}`: ns shown, px of the lane, the trace's start. */
export function spanRow(node, state, view) {
  const { span } = node;
  const failed = isError(span);
  return element(
    "div",
    {
      id: `row-${node.index}`,
      className: `span-row ${serviceColorClass(span.service)}${failed ? " is-error" : ""}`,
      role: "treeitem",
      "data-index": node.index,
      "aria-level": node.depth + 1,
      "aria-selected": String(state.selected),
      "aria-expanded": node.size ? String(!state.collapsed) : null,
      "aria-label": spokenName(node, failed),
    },
    nameCell(node, state, failed),
    laneCell(node, view),
  );
}

function spokenName(node, failed) {
  const under = node.size ? `, ${node.size} under it` : "";
  return `${node.span.service}: ${node.span.name}, ${formatDuration(node.span.duration_ns)}${failed ? ", failed" : ""}${under}`;
}

function nameCell(node, state, failed) {
  const indent = element("span", { className: "indent" });
  indent.style.width = `${Math.min(node.depth, DEEPEST_INDENT) * INDENT_PX}px`;
  const top = TOPS[node.top];
  return element(
    "div",
    { className: "span-cell", title: `${node.span.service}: ${node.span.name}` },
    indent,
    node.depth > DEEPEST_INDENT ? element("span", { className: "depth", textContent: node.depth, title: `level ${node.depth}` }) : null,
    twisty(node, state),
    element("span", { className: "span-color" }),
    failed ? element("span", { className: "error-mark", textContent: "!", title: node.span.status.message || "failed" }) : null,
    element("span", { className: "span-name", textContent: node.span.name || "(no name)" }),
    element("span", { className: "span-service", textContent: node.span.service }),
    top ? element("span", { className: "badge badge-warning", textContent: top.text, title: top.title }) : null,
  );
}

function twisty(node, state) {
  if (!node.size) return element("span", { className: "twisty" });
  const text = state.collapsed ? `+${node.size}` : "";
  return element("span", { className: `twisty has-children${state.collapsed ? " is-collapsed" : ""}`, textContent: text });
}

function laneCell(node, view) {
  const lane = element("div", { className: "lane" });
  const share = (ns) => (ns - view.from) / (view.to - view.from);
  const left = share(node.offset);
  const right = share(node.offset + node.span.duration_ns);
  if (right < 0 || left > 1) {
    lane.append(element("span", { className: `beyond ${right < 0 ? "beyond-left" : "beyond-right"}`, textContent: right < 0 ? "‹" : "›" }));
    return lane;
  }
  const shown = { left: Math.max(left, 0), right: Math.min(right, 1) };
  const bar = element("div", { className: "bar" });
  bar.style.left = `${100 * shown.left}%`;
  bar.style.width = `${100 * (shown.right - shown.left)}%`;
  lane.append(bar, ...criticalMarks(node, view), label(formatDuration(node.span.duration_ns), shown, view.width));
  for (const event of node.span.events.slice(0, MANY_EVENTS)) {
    const at = share(Number(BigInt(event.time_unix_nano) - view.start));
    if (at >= 0 && at <= 1) lane.append(eventTick(event, at));
  }
  return lane;
}

// Right of the bar, else left of it, else on it: whichever has room, so that it never leaves the lane.
function label(text, shown, width) {
  const needed = (text.length * CHARACTER_PX + LABEL_GAP_PX) / width;
  const node = element("span", { className: "bar-label", textContent: text });
  if (1 - shown.right >= needed) node.style.left = `${100 * shown.right}%`;
  else if (shown.left >= needed) node.style.right = `${100 * (1 - shown.left)}%`;
  else {
    node.classList.add("on-bar");
    node.style.right = `${100 * (1 - shown.right)}%`;
  }
  return node;
}

function eventTick(event, at) {
  const tick = element("span", { className: event.name === "exception" ? "event is-exception" : "event", title: event.name });
  tick.style.left = `${100 * at}%`;
  return tick;
}
