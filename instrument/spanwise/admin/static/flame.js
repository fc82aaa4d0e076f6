// Draws one profile as an icicle of boxes, the root on top. It knows nothing of the page around it:
//
//   const flame = new Flame(element, { onSelect, onZoom });
//   flame.show(profile);        // what /admin/captures/ID?format=flamegraph answers
//   flame.search("json");       // the share of what matches, null for no search
const ROW = 19;
const THINNEST = 0.6; // pixels; thinner boxes are not drawn
const LETTER = 6.7; // pixels of a letter at 11 px monospace
const SVG = "http://www.w3.org/2000/svg";

export function amount(value, unit) {
  const size = Math.abs(value);
  if (unit === "nanoseconds") {
    if (size >= 1e9) return `${(value / 1e9).toFixed(2)} s`;
    return `${(value / 1e6).toFixed(size < 1e7 ? 1 : 0)} ms`;
  }
  if (unit === "bytes") {
    for (const [divisor, name] of [[1e9, "GB"], [1e6, "MB"], [1e3, "kB"]]) {
      if (size >= divisor) return `${(value / divisor).toFixed(1)} ${name}`;
    }
    return `${value} B`;
  }
  return value.toLocaleString("en");
}

export function share(part, whole) {
  if (!whole) return "0 %";
  const percent = (100 * part) / whole;
  return `${percent.toFixed(percent >= 9.95 || percent === 0 ? 0 : 1)} %`;
}

export class Flame {
  constructor(element, { onSelect = () => {}, onZoom = () => {} } = {}) {
    this.element = element;
    this.onSelect = onSelect;
    this.onZoom = onZoom;
    this.profile = null;
    this.drawn = new Map(); // node -> its <g>
    this.pattern = "";
    element.addEventListener("keydown", (event) => this.#key(event));
    element.addEventListener("mouseleave", () => this.onSelect(this.#described(this.selected)));
    new ResizeObserver(() => this.profile && this.#draw()).observe(element);
  }

  show(profile) {
    const path = this.profile ? this.#names(this.zoomed) : [];
    this.profile = profile;
    this.root = this.#node(profile.root, null, 0);
    this.zoomed = this.root;
    for (const name of path) {
      // the same place as before, as far as it exists here
      const next = this.zoomed.children.find((child) => child.name === name);
      if (!next) break;
      this.zoomed = next;
    }
    this.selected = this.zoomed;
    this.#draw();
    this.onZoom(this.zoomed !== this.root);
    this.onSelect(null);
  }

  // The share of what matches as text, counting a box inside another one once; null when nothing is searched for.
  search(text) {
    this.pattern = text.trim().toLowerCase();
    if (!this.profile) return null;
    this.#mark();
    if (!this.pattern) return null;
    const found = (node) => (this.#matches(node) ? node.value : node.children.reduce((sum, child) => sum + found(child), 0));
    return share(found(this.root), this.profile.total);
  }

  // Functions by what they take themselves; recursion counts once.
  ranked() {
    const functions = new Map();
    const visit = (node, above) => {
      const key = `${node.name}\n${node.place}`;
      let entry = functions.get(key);
      if (!entry) functions.set(key, (entry = { name: node.name, place: node.file, own: 0, whole: 0 }));
      entry.own += node.own;
      const recursive = above.has(key);
      if (!recursive) entry.whole += node.value;
      above.add(key);
      for (const child of node.children) visit(child, above);
      if (!recursive) above.delete(key);
    };
    for (const child of this.root.children) visit(child, new Set());
    return [...functions.values()].filter((each) => each.whole > 0).sort((a, b) => b.own - a.own || b.whole - a.whole);
  }

  zoom(node) {
    this.zoomed = node;
    this.selected = node;
    this.#draw();
    this.onZoom(node !== this.root);
    this.onSelect(this.#described(node));
  }

  zoomOut(whole = false) {
    this.zoom(whole ? this.root : this.zoomed.parent ?? this.root);
  }

  #node([number, value, base, children], parent, depth) {
    const [name, file, line] = this.profile.frames[number];
    const node = { name, file, number, value, base, parent, depth, place: file ? `${file}:${line}` : "" };
    node.children = children.map((child) => this.#node(child, node, depth + 1));
    node.own = Math.max(0, value - node.children.reduce((sum, child) => sum + child.value, 0));
    return node;
  }

  #names(node) {
    return node.parent ? [...this.#names(node.parent), node.name] : [];
  }

  #described(node) {
    if (!node) return null;
    const { unit, total, base_total: baseTotal } = this.profile;
    return { ...node, unit, total, baseTotal };
  }

  #draw() {
    const style = getComputedStyle(this.element);
    const width = Math.max(50, this.element.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight));
    const svg = document.createElementNS(SVG, "svg");
    this.drawn.clear();
    let deepest = 0;
    const place = (node, x, w, faded) => {
      if (w < THINNEST) return;
      deepest = Math.max(deepest, node.depth);
      svg.append(this.#box(node, x, w, faded));
      let left = x;
      for (const child of node.children) {
        const inner = node.value ? (w * child.value) / node.value : 0;
        place(child, left, inner, false);
        left += inner;
      }
    };
    for (let above = this.zoomed.parent; above; above = above.parent) svg.append(this.#box(above, 0, width, true));
    place(this.zoomed, 0, width, false);
    svg.setAttribute("height", (deepest + 1) * ROW);
    this.element.replaceChildren(svg);
    this.#mark();
  }

  #box(node, x, width, faded) {
    const group = document.createElementNS(SVG, "g");
    group.setAttribute("class", `flame-box ${this.#colour(node)}${faded ? " faded" : ""}`);
    const rect = document.createElementNS(SVG, "rect");
    rect.setAttribute("x", x);
    rect.setAttribute("y", node.depth * ROW);
    rect.setAttribute("width", width);
    rect.setAttribute("height", ROW);
    rect.setAttribute("rx", 2);
    group.append(rect);
    const letters = Math.floor((width - 8) / LETTER);
    if (letters >= 3) {
      const text = document.createElementNS(SVG, "text");
      text.setAttribute("x", x + 4);
      text.setAttribute("y", node.depth * ROW + 13);
      text.textContent = node.name.length > letters ? `${node.name.slice(0, letters - 1)}…` : node.name;
      group.append(text);
    }
    group.addEventListener("click", () => this.zoom(node));
    group.addEventListener("mouseenter", () => this.onSelect(this.#described(node)));
    this.drawn.set(node, group);
    return group;
  }

  #colour(node) {
    if (this.profile.base_total !== null) return this.#difference(node);
    if (!node.parent) return "root";
    let hash = 0;
    for (const letter of node.name) hash = (hash * 31 + letter.charCodeAt(0)) & 0xffff;
    return `${this.profile.own[node.number] ? "own" : "library"}-${hash % 3}`;
  }

  // By how many points the share of the whole differs.
  #difference(node) {
    const { total, base_total: base } = this.profile;
    const points = 100 * ((total ? node.value / total : 0) - (base ? node.base / base : 0));
    const size = Math.abs(points);
    if (size < 0.5) return "diff-same";
    return `diff-${points > 0 ? "more" : "less"}-${size >= 10 ? 3 : size >= 3 ? 2 : 1}`;
  }

  #matches(node) {
    return node.parent !== null && `${node.name} ${node.place}`.toLowerCase().includes(this.pattern);
  }

  #mark() {
    this.element.classList.toggle("searching", this.pattern !== "");
    for (const [node, group] of this.drawn) {
      group.classList.toggle("match", this.pattern !== "" && this.#matches(node));
      group.classList.toggle("selected", node === this.selected && node !== this.root);
    }
  }

  #select(node) {
    if (!node || !this.drawn.has(node)) return;
    this.selected = node;
    this.#mark();
    this.onSelect(this.#described(node));
    this.drawn.get(node).scrollIntoView({ block: "nearest" });
  }

  #key(event) {
    if (!this.profile) return;
    const node = this.selected;
    const siblings = (node.parent?.children ?? [node]).filter((each) => this.drawn.has(each));
    const at = siblings.indexOf(node);
    const widest = node.children.reduce((best, child) => (!best || child.value > best.value ? child : best), null);
    const actions = {
      ArrowDown: () => this.#select(widest),
      ArrowUp: () => this.#select(node.parent),
      ArrowLeft: () => this.#select(siblings[at - 1]),
      ArrowRight: () => this.#select(siblings[at + 1]),
      Home: () => this.#select(this.zoomed),
      Enter: () => this.zoom(node),
      Escape: () => this.zoomOut(),
    };
    if (!actions[event.key]) return;
    event.preventDefault();
    actions[event.key]();
  }
}
