// The waterfall: one row per visible span, of which only those in sight are in the document, so that a trace of many
// thousand spans scrolls like one of ten. It is a tree to the keyboard and to screen readers.

import { element } from "./dom.js";
import { ROW_HEIGHT, ROW_HEIGHT_NARROW, spanRow } from "./span-row.js";
import { visibleNodes } from "./span-tree.js";
import { niceTicks } from "./time-format.js";

const MARGIN_ROWS = 12; // rendered above and below what is in sight
const KEYS = "Arrow keys move and fold, Enter shows the details, z looks at the selected span's time only, 0 at all of it.";
const TICK_PX = 110; // room for one label of the axis

export class Waterfall extends EventTarget {
  #tree = null;
  #visible = [];
  #collapsed = new Set(); // span ids
  #selected = null; // a span id
  #range = { from: 0, to: 1 }; // ns from the trace's start
  #rendered = "";

  #axis = element("div", { className: "axis", "aria-hidden": "true" });
  #grid = element("div", { className: "grid-lines", "aria-hidden": "true" });
  #rows = element("div", { className: "rows", role: "tree", tabIndex: 0, "aria-label": "Spans of the trace", "aria-description": KEYS });
  #scroller = element("div", { className: "waterfall-scroll" });

  /** Fills `host`. Tells of "select" (the selected node changed) and "open" (Enter: the reader wants its details). */
  constructor(host) {
    super();
    const head = element("div", { className: "waterfall-head" }, this.#headButtons(), this.#axis);
    this.#scroller.append(head, this.#grid, this.#rows);
    host.replaceChildren(this.#scroller);
    this.#scroller.addEventListener("scroll", () => this.#render(), { passive: true });
    this.#rows.addEventListener("keydown", (event) => this.#key(event));
    this.#rows.addEventListener("click", (event) => this.#click(event));
    new ResizeObserver(() => this.#resized()).observe(this.#scroller);
  }

  get selected() {
    return this.#tree?.nodes.find((node) => node.span.span_id === this.#selected) ?? null;
  }

  /** Shows a tree; what was selected and collapsed stays so where the spans are still there. */
  show(tree) {
    this.#tree = tree;
    this.#range = { from: 0, to: Math.max(tree.duration, 1) };
    this.#changed();
  }

  /** Shows the part of the time axis between two offsets (ns). */
  zoom(from, to) {
    this.#range = { from, to };
    this.#changed();
  }

  /** Selects a span and brings it into view, opening what hides it. Returns whether the span is there. */
  select(spanId) {
    const node = this.#tree.nodes.find((candidate) => candidate.span.span_id === spanId);
    if (!node) return false;
    for (let above = node.parent; above; above = above.parent) this.#collapsed.delete(above.span.span_id);
    this.#select(node);
    return true;
  }

  unselect() {
    this.#selected = null;
    this.#changed();
  }

  focus() {
    this.#rows.focus({ preventScroll: true });
  }

  #headButtons() {
    const expand = element("button", { type: "button", className: "text-button", textContent: "Expand all" });
    const collapse = element("button", { type: "button", className: "text-button", textContent: "Collapse all" });
    expand.addEventListener("click", () => this.#collapseAll(false));
    collapse.addEventListener("click", () => this.#collapseAll(true));
    const keys = element("span", { className: "keys-hint", textContent: "keys: ↑ ↓ ← → ⏎ z 0", title: KEYS, "aria-hidden": "true" });
    return element("div", { className: "waterfall-buttons" }, expand, collapse, keys);
  }

  #collapseAll(collapsed) {
    const parents = this.#tree.nodes.filter((node) => node.size);
    this.#collapsed = new Set(collapsed ? parents.map((node) => node.span.span_id) : []);
    const selected = this.selected;
    if (collapsed && selected) this.#selected = topOf(selected).span.span_id;
    this.#changed();
    if (this.#selected) this.#select(this.selected);
  }

  get #rowHeight() {
    return matchMedia("(max-width: 700px)").matches ? ROW_HEIGHT_NARROW : ROW_HEIGHT;
  }

  #resized() {
    if (!this.#tree) return;
    this.#changed();
    if (this.#selected) this.#reveal(this.#visible.indexOf(this.selected)); // opening the details takes room from the rows
  }

  #changed() {
    this.#visible = visibleNodes(this.#tree.nodes, (node) => this.#collapsed.has(node.span.span_id));
    this.#rows.style.height = `${this.#visible.length * this.#rowHeight}px`;
    this.#rendered = "";
    this.#drawAxis();
    this.#render();
  }

  #drawAxis() {
    const { from, to } = this.#range;
    const width = this.#axis.clientWidth || 600;
    const ticks = niceTicks(from, to, Math.max(2, Math.floor(width / TICK_PX)));
    const place = (mark, tick) => {
      const share = (tick.ns - from) / (to - from);
      mark.style.left = `${100 * share}%`;
      if (share > 0.94) mark.classList.add("at-end");
      return mark;
    };
    this.#axis.replaceChildren(...ticks.map((tick) => place(element("span", { className: "tick", textContent: tick.label }), tick)));
    this.#grid.replaceChildren(element("div", { className: "grid-lane" }, ...ticks.map((tick) => place(element("i"), tick))));
    this.#grid.style.height = this.#rows.style.height;
  }

  #render() {
    const height = this.#rowHeight;
    const first = Math.max(0, Math.floor(this.#scroller.scrollTop / height) - MARGIN_ROWS);
    const last = Math.min(this.#visible.length, first + Math.ceil(this.#scroller.clientHeight / height) + 2 * MARGIN_ROWS);
    const wanted = `${first}-${last}`;
    if (wanted === this.#rendered) return;
    this.#rendered = wanted;
    const view = { ...this.#range, width: this.#axis.clientWidth || 600, start: this.#tree.start };
    const rows = this.#visible.slice(first, last).map((node, offset) => {
      const state = { selected: node.span.span_id === this.#selected, collapsed: this.#collapsed.has(node.span.span_id) };
      const row = spanRow(node, state, view);
      row.style.transform = `translateY(${(first + offset) * height}px)`;
      return row;
    });
    this.#rows.replaceChildren(...rows);
    const active = this.#selected && this.#rows.querySelector("[aria-selected='true']");
    if (active) this.#rows.setAttribute("aria-activedescendant", active.id);
    else this.#rows.removeAttribute("aria-activedescendant");
  }

  #select(node) {
    this.#selected = node.span.span_id;
    this.#changed();
    this.#reveal(this.#visible.indexOf(node));
    this.dispatchEvent(new CustomEvent("select", { detail: node }));
  }

  #reveal(position) {
    const height = this.#rowHeight;
    const head = this.#rows.offsetTop;
    const top = position * height;
    const { scrollTop, clientHeight } = this.#scroller;
    if (top < scrollTop) this.#scroller.scrollTop = top;
    else if (top + height + head > scrollTop + clientHeight) this.#scroller.scrollTop = top + height + head - clientHeight;
    this.#render();
  }

  #toggle(node, collapsed) {
    if (!node.size) return;
    if (collapsed) this.#collapsed.add(node.span.span_id);
    else this.#collapsed.delete(node.span.span_id);
    this.#select(node);
  }

  #click(event) {
    const row = event.target.closest("[role=treeitem]");
    if (!row) return;
    const node = this.#tree.nodes[Number(row.dataset.index)];
    if (event.target.closest(".twisty") && node.size) this.#toggle(node, !this.#collapsed.has(node.span.span_id));
    else {
      this.#select(node);
      this.dispatchEvent(new CustomEvent("open", { detail: { node, byKeyboard: false } }));
    }
  }

  #key(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const move = this.#moves[event.key];
    if (!move || !this.#visible.length) return;
    event.preventDefault();
    const position = this.#visible.findIndex((node) => node.span.span_id === this.#selected);
    if (position < 0) this.#select(this.#visible[0]);
    else move(position, this.#visible[position]);
  }

  #go(position) {
    this.#select(this.#visible[Math.min(Math.max(position, 0), this.#visible.length - 1)]);
  }

  get #page() {
    return Math.max(1, Math.floor(this.#scroller.clientHeight / this.#rowHeight) - 2);
  }

  #moves = {
    ArrowDown: (position) => this.#go(position + 1),
    ArrowUp: (position) => this.#go(position - 1),
    PageDown: (position) => this.#go(position + this.#page),
    PageUp: (position) => this.#go(position - this.#page),
    Home: () => this.#go(0),
    End: () => this.#go(this.#visible.length - 1),
    ArrowRight: (position, node) => {
      if (this.#collapsed.has(node.span.span_id)) this.#toggle(node, false);
      else if (node.size) this.#go(position + 1);
    },
    ArrowLeft: (position, node) => {
      if (node.size && !this.#collapsed.has(node.span.span_id)) this.#toggle(node, true);
      else if (node.parent) this.#select(node.parent);
    },
    Enter: (position, node) => this.dispatchEvent(new CustomEvent("open", { detail: { node, byKeyboard: true } })),
    " ": (position, node) => this.#toggle(node, !this.#collapsed.has(node.span.span_id)),
  };
}

function topOf(node) {
  while (node.parent) node = node.parent;
  return node;
}
