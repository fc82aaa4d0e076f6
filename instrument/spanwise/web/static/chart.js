// A line chart over time, drawn as SVG: one series, a scale that fits, a reading where the pointer is.
const WIDTH = 560;
const HEIGHT = 150;
const LEFT = 52;
const RIGHT = 8;
const TOP = 10;
const BOTTOM = 20;
const SVG = "http://www.w3.org/2000/svg";

function element(name, attributes = {}) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

/** 0.00123 -> "0.00123", 1234567 -> "1.23 M": three digits, as a scale and a reading need them. */
export function shortNumber(value) {
  if (!Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  for (const [unit, factor] of [["G", 1e9], ["M", 1e6], ["k", 1e3]]) {
    if (size >= factor) return `${Number((value / factor).toPrecision(3))} ${unit}`;
  }
  return String(Number(value.toPrecision(3)));
}

/** The round numbers of a scale from low to high: 1, 2 or 5 times a power of ten apart. */
export function ticks(low, high, most = 4) {
  const rough = (high - low) / most;
  if (!(rough > 0)) return [low];
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((each) => each * power).find((each) => each >= rough);
  const found = [];
  for (let at = Math.ceil(low / step - 1e-9) * step; at <= high + step * 1e-9; at += step) {
    found.push(Math.abs(at) < step * 1e-9 ? 0 : at);
  }
  return found;
}

export class LineChart {
  /** `spanS`: how many seconds the chart shows. `label` is read out for the picture. */
  constructor({ spanS, label }) {
    this.spanS = spanS;
    this.points = [];
    this.svg = element("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "chart", role: "img", "aria-label": label });
    this.grid = element("g", { class: "chart-grid" });
    this.area = element("path", { class: "chart-area" });
    this.line = element("path", { class: "chart-line" });
    this.cursor = element("line", { class: "chart-cursor", y1: TOP, y2: HEIGHT - BOTTOM, visibility: "hidden" });
    this.dot = element("circle", { class: "chart-dot", r: 3, visibility: "hidden" });
    this.svg.append(this.grid, this.area, this.line, this.cursor, this.dot);
    this.onReading = () => {};
    this.svg.addEventListener("pointermove", (event) => this.#point(event));
    this.svg.addEventListener("pointerleave", () => this.#leave());
  }

  /** Adds a value at a time in seconds; what is older than the chart's span goes. */
  add(at, value) {
    if (this.points.length && at <= this.points[this.points.length - 1].at) return;
    this.points.push({ at, value });
    while (this.points.length && this.points[0].at < at - this.spanS) this.points.shift();
    this.#draw();
  }

  #scale() {
    const values = this.points.map((point) => point.value);
    let low = Math.min(0, ...values);
    let high = Math.max(...values, low);
    if (high === low) high = low + 1;
    const marks = ticks(low, high);
    const step = marks.length > 1 ? marks[1] - marks[0] : 1;
    if (marks[marks.length - 1] < high) marks.push(marks[marks.length - 1] + step);
    high = Math.max(high, marks[marks.length - 1]);
    return { low, high, marks };
  }

  #draw() {
    const { low, high, marks } = this.#scale();
    const latest = this.points[this.points.length - 1].at;
    this.x = (at) => LEFT + (WIDTH - LEFT - RIGHT) * (1 - (latest - at) / this.spanS);
    this.y = (value) => TOP + (HEIGHT - TOP - BOTTOM) * (1 - (value - low) / (high - low));
    this.grid.replaceChildren();
    for (const mark of marks) {
      const y = this.y(mark);
      const text = element("text", { x: LEFT - 6, y: y + 3.5, "text-anchor": "end" });
      text.textContent = shortNumber(mark);
      this.grid.append(element("line", { x1: LEFT, x2: WIDTH - RIGHT, y1: y, y2: y }), text);
    }
    for (const [share, said] of [[0, `${this.spanS} s ago`], [1, "now"]]) {
      const x = LEFT + (WIDTH - LEFT - RIGHT) * share;
      const text = element("text", { x, y: HEIGHT - 5, "text-anchor": share ? "end" : "start" });
      text.textContent = said;
      this.grid.append(text);
    }
    const path = this.points.map((point) => `${this.x(point.at).toFixed(1)},${this.y(point.value).toFixed(1)}`);
    const floor = this.y(Math.max(low, 0)).toFixed(1);
    this.line.setAttribute("d", `M${path.join("L")}`);
    this.area.setAttribute("d", `M${this.x(this.points[0].at).toFixed(1)},${floor}L${path.join("L")}L${this.x(latest).toFixed(1)},${floor}Z`);
  }

  #point(event) {
    if (!this.points.length) return;
    const box = this.svg.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * WIDTH;
    const nearest = this.points.reduce((a, b) => (Math.abs(this.x(a.at) - x) <= Math.abs(this.x(b.at) - x) ? a : b));
    for (const [name, value] of [["x1", this.x(nearest.at)], ["x2", this.x(nearest.at)], ["visibility", "visible"]]) {
      this.cursor.setAttribute(name, value);
    }
    for (const [name, value] of [["cx", this.x(nearest.at)], ["cy", this.y(nearest.value)], ["visibility", "visible"]]) {
      this.dot.setAttribute(name, value);
    }
    this.onReading(nearest.value, this.points[this.points.length - 1].at - nearest.at);
  }

  #leave() {
    this.cursor.setAttribute("visibility", "hidden");
    this.dot.setAttribute("visibility", "hidden");
    this.onReading(null, 0);
  }
}
