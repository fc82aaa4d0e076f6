// The critical path as the collector computed it (docs/collector-api.md, `analysis`), brought onto the tree: which parts of
// each span's bar the trace waited for. Bars stand where the services wrote them, so parts are moved back by the shift that
// takes the clock's skew out.

import { element } from "./dom.js";

const NEAREST_PX = 1; // parts nearer than this to each other are drawn as one

/**
 * Sets each node's `critical`, `[{from, to}]` in ns from the tree's start, and the tree's `criticalServices` and `skewed`
 * (how many spans have a clock that disagrees). `spans` are those that `analysis` counts by; it may be missing.
 */
export function bringOntoTree(tree, spans, analysis) {
  const byPlace = new Map(spans.map((span, place) => [span, place]));
  const nodes = [];
  for (const node of tree.nodes) {
    node.critical = [];
    nodes[byPlace.get(node.span)] = node;
  }
  const shifts = new Map((analysis?.clock_skew ?? []).map((shift) => [shift.span, shift.shift_ns]));
  for (const segment of analysis?.critical_path ?? []) {
    const from = Number(BigInt(segment.start_unix_nano) - tree.start) - (shifts.get(segment.span) ?? 0);
    nodes[segment.span].critical.push({ from, to: from + segment.duration_ns });
  }
  tree.criticalServices = analysis?.critical_services ?? [];
  tree.skewed = shifts.size;
}

/** How long the trace waited for this span and for nothing under it. */
export function criticalDuration(node) {
  return node.critical.reduce((sum, part) => sum + part.to - part.from, 0);
}

/** The marks of a node's parts within a view `{from, to, width}`. */
export function criticalMarks(node, view) {
  const share = (ns) => (ns - view.from) / (view.to - view.from);
  const marks = [];
  for (const part of node.critical) {
    const left = Math.max(share(part.from), 0);
    const right = Math.min(share(part.to), 1);
    if (right < 0 || left > 1) continue;
    const last = marks.at(-1);
    if (last && (left - last.right) * view.width < NEAREST_PX) last.right = right;
    else marks.push({ left, right });
  }
  return marks.map(({ left, right }) => {
    const mark = element("span", { className: "critical" });
    mark.style.left = `${100 * left}%`;
    mark.style.width = `${100 * (right - left)}%`;
    return mark;
  });
}
