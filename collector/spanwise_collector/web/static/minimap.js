// The whole trace on a strip: every span a line of its service's colour. Dragging over it looks at a part of the time.

import { element, svgElement } from "./dom.js";
import { serviceColorClass } from "../look/service-color.js";
import { isError } from "./span-tree.js";
import { formatDuration, niceTicks } from "./time-format.js";

const WIDTH = 2000; // units of the drawing, which is stretched to the page
const HEIGHT = 56;
const THICKEST = 4;
const TICK_PX = 220; // fewer marks than the waterfall's own axis has
const SMALLEST_DRAG = 0.004; // of the width; less is a click

export class Minimap extends EventTarget {
  #host;
  #tree = null;
  #range = null; // {from, to} as shares, or null for all
  #brush = element("div", { className: "brush", hidden: true });
  #reset = element("button", { type: "button", className: "button button-small minimap-reset", hidden: true });

  /** Fills `host`. Tells of "zoom" with `{from, to}` in ns whenever another part of the time is looked at. */
  constructor(host) {
    super();
    this.#host = host;
    this.#reset.textContent = "Whole trace";
    this.#reset.addEventListener("click", () => this.lookAtAll());
    this.#reset.addEventListener("pointerdown", (event) => event.stopPropagation());
    host.addEventListener("pointerdown", (event) => this.#drag(event));
    host.addEventListener("dblclick", () => this.lookAtAll());
  }

  show(tree) {
    this.#tree = tree;
    this.#host.replaceChildren(drawing(tree), scale(tree.duration, this.#host.clientWidth), this.#brush, this.#reset);
    this.#zoom(null);
  }

  /** Looks at the time from one offset (ns) to another. */
  look(from, to) {
    const whole = Math.max(this.#tree.duration, 1);
    this.#zoom({ from: from / whole, to: to / whole });
  }

  lookAtAll() {
    this.#zoom(null);
  }

  #drag(down) {
    if (down.button !== 0 || !this.#tree) return;
    down.preventDefault();
    const box = this.#host.getBoundingClientRect();
    const share = (event) => Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1);
    const start = share(down);
    const span = (event) => ({ from: Math.min(start, share(event)), to: Math.max(start, share(event)) });
    const move = (event) => this.#mark(span(event));
    const up = (event) => {
      this.#host.removeEventListener("pointermove", move);
      const range = span(event);
      if (event.type === "pointerup" && range.to - range.from >= SMALLEST_DRAG) this.#zoom(range);
      else this.#mark(this.#range);
    };
    this.#host.setPointerCapture(down.pointerId);
    this.#host.addEventListener("pointermove", move);
    this.#host.addEventListener("pointerup", up, { once: true });
    this.#host.addEventListener("pointercancel", up, { once: true });
  }

  #zoom(range) {
    this.#range = range;
    this.#mark(range);
    this.#reset.hidden = range === null;
    const { from, to } = range ?? { from: 0, to: 1 };
    const whole = Math.max(this.#tree.duration, 1);
    this.dispatchEvent(new CustomEvent("zoom", { detail: { from: from * whole, to: to * whole } }));
  }

  #mark(range) {
    this.#brush.hidden = range === null;
    if (!range) return;
    this.#brush.style.left = `${100 * range.from}%`;
    this.#brush.style.width = `${100 * (range.to - range.from)}%`;
    this.#brush.title = formatDuration((range.to - range.from) * this.#tree.duration);
  }
}

function drawing(tree) {
  const paths = new Map(); // class -> path data: one element per colour, however many spans
  const line = HEIGHT / tree.nodes.length;
  const thickness = Math.max(1, Math.min(THICKEST, line * 0.8));
  tree.nodes.forEach((node, index) => {
    const left = (WIDTH * node.offset) / Math.max(tree.duration, 1);
    const width = Math.max(2, (WIDTH * node.span.duration_ns) / Math.max(tree.duration, 1));
    const top = index * Math.min(line, THICKEST + 2);
    const kind = isError(node.span) ? "minimap-error" : serviceColorClass(node.span.service);
    const box = `M${left.toFixed(1)} ${top.toFixed(2)}h${width.toFixed(1)}v${thickness.toFixed(2)}h-${width.toFixed(1)}z`;
    paths.set(kind, (paths.get(kind) ?? "") + box);
  });
  const shapes = [...paths].map(([kind, data]) => svgElement("path", { class: kind, d: data }));
  const attributes = { class: "minimap-drawing", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" };
  return svgElement("svg", attributes, ...shapes);
}

function scale(duration, width) {
  const ticks = niceTicks(0, Math.max(duration, 1), Math.max(2, Math.floor(width / TICK_PX))).map((tick) => {
    const mark = element("span", { className: "minimap-tick", textContent: tick.label });
    const share = tick.ns / Math.max(duration, 1);
    mark.style.left = `${100 * share}%`;
    if (share > 0.94) mark.classList.add("at-end");
    return mark;
  });
  return element("div", { className: "minimap-scale", "aria-hidden": "true" }, ...ticks);
}
