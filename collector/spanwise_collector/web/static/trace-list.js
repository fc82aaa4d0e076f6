// The rows of the newest traces. Rows are kept by trace id: a trace that grows changes its row in place, a new one
// slides in, and while the pointer or the focus is on a row nothing moves; what is new then waits behind a button.

import { badge, counted, element, serviceChip } from "./dom.js";
import { serviceColorClass } from "../look/service-color.js";
import { formatAge, formatDuration, formatTime, isoTime } from "./time-format.js";

const CHIPS = 5; // services named in a row; the others are counted
const SLIDING = 8; // more rows at once would be a blur: they just appear

export class TraceList {
  #list;
  #waiting;
  #traceUrl;
  #rows = new Map(); // trace id -> {trace, item, update}
  #held = null; // the traces to show as soon as the reader looks elsewhere
  #pointerInside = false;

  /** `list` is the `<ol>`, `waiting` the button that counts held traces, `traceUrl` the prefix of a trace's page. */
  constructor(list, waiting, traceUrl) {
    this.#list = list;
    this.#waiting = waiting;
    this.#traceUrl = traceUrl;
    list.addEventListener("pointerenter", (event) => (this.#pointerInside = event.pointerType === "mouse"));
    list.addEventListener("pointerleave", () => {
      this.#pointerInside = false;
      this.release();
    });
    list.addEventListener("focusout", (event) => {
      if (!list.contains(event.relatedTarget)) this.release();
    });
    list.addEventListener("keydown", (event) => moveFocus(event, list));
    waiting.addEventListener("click", () => this.release(true));
  }

  get size() {
    return this.#rows.size;
  }

  /** Shows exactly these traces, in this order: another answer to another question. */
  replace(traces) {
    this.#place(traces, false);
  }

  /** The same question asked again: unless the reader is on a row, then as soon as they are not. */
  refresh(traces) {
    const news = traces.filter((trace) => !this.#rows.has(trace.trace_id));
    if (news.length && this.#rows.size && this.#occupied()) {
      this.#held = traces;
      for (const trace of traces) this.#rows.get(trace.trace_id)?.update(trace);
      this.#waiting.textContent = `${counted(news.length, "new trace")} – show`;
      this.#waiting.hidden = false;
      return;
    }
    this.#place(traces, news.length <= SLIDING);
  }

  /** Shows what was held back; not while the reader is on a row again, unless they asked for it. */
  release(asked = false) {
    if (!this.#held || (!asked && this.#occupied())) return;
    this.#place(this.#held, true);
  }

  /** Adds older traces below. */
  append(traces) {
    this.#place([...[...this.#rows.values()].map((row) => row.trace), ...traces], false);
  }

  /** Writes every row's age anew. */
  tick() {
    const now = Date.now();
    for (const row of this.#rows.values()) row.tick(now);
  }

  #occupied() {
    return this.#pointerInside || this.#list.querySelector(":focus-visible") !== null;
  }

  #place(traces, animate) {
    this.#held = null;
    this.#waiting.hidden = true;
    const wanted = new Set(traces.map((trace) => trace.trace_id));
    for (const [id, row] of this.#rows) if (!wanted.has(id)) row.item.remove();
    const rows = new Map();
    let next = this.#list.firstElementChild;
    for (const trace of traces) {
      const known = this.#rows.get(trace.trace_id);
      const row = known ?? traceRow(trace, this.#traceUrl);
      known?.update(trace);
      if (row.item === next) next = next.nextElementSibling;
      else this.#list.insertBefore(row.item, next);
      if (!known && animate) row.item.classList.add("arriving");
      rows.set(trace.trace_id, row);
    }
    this.#rows = rows;
    this.#scaleBars();
  }

  #scaleBars() {
    let longest = 1;
    for (const row of this.#rows.values()) longest = Math.max(longest, row.trace.duration_ns);
    for (const row of this.#rows.values()) row.scale(longest);
  }
}

function traceRow(trace, traceUrl) {
  const time = element("time", { className: "trace-time" });
  const root = element("span", { className: "trace-root" });
  const duration = element("span", { className: "trace-duration-text" });
  const bar = element("span", { className: "trace-bar" });
  const spans = element("span", { className: "trace-spans number" });
  const errors = element("span", { className: "trace-errors" });
  const services = element("span", { className: "trace-services" });
  const lane = element("span", { className: "trace-lane", "aria-hidden": "true" }, bar);
  const link = element(
    "a",
    { className: "trace-row", href: traceUrl + encodeURIComponent(trace.trace_id) },
    ...[time, root, element("span", { className: "trace-duration" }, duration, lane), spans, errors, services],
  );
  const row = {
    trace: null,
    item: element("li", { className: "trace-item" }, link),
    update(now) {
      if (JSON.stringify(now) === JSON.stringify(row.trace)) return;
      row.trace = now;
      const start = BigInt(now.start_unix_nano);
      time.dateTime = isoTime(start);
      time.title = formatTime(start);
      root.replaceChildren(...rootParts(now));
      root.title = `${now.root_service}: ${now.root_name}`;
      duration.textContent = formatDuration(now.duration_ns);
      bar.className = `trace-bar ${serviceColorClass(now.root_service)}`;
      spans.textContent = now.span_count.toLocaleString("en");
      spans.dataset.noun = now.span_count === 1 ? "span" : "spans";
      errors.replaceChildren(...(now.error_count ? [badge(counted(now.error_count, "error"), "danger")] : []));
      services.replaceChildren(...serviceChips(now.services));
      row.tick(Date.now());
    },
    tick(nowMs) {
      const age = formatAge(BigInt(row.trace.start_unix_nano), nowMs);
      if (time.textContent !== age) time.textContent = age;
    },
    scale(longest) {
      bar.style.width = `${(100 * row.trace.duration_ns) / longest}%`;
    },
  };
  row.update(trace);
  return row;
}

function rootParts(trace) {
  return [
    serviceChip(trace.root_service),
    element("span", { className: "trace-name", textContent: trace.root_name || "(no name)" }),
  ];
}

function serviceChips(services) {
  const chips = services.slice(0, CHIPS).map((service) => {
    const failed = service.error_count ? `, ${counted(service.error_count, "error")}` : "";
    return serviceChip(service.name, {
      className: service.error_count ? "has-error" : "",
      title: `${service.name}: ${counted(service.span_count, "span")}${failed}`,
    });
  });
  const rest = services.slice(CHIPS);
  if (rest.length) {
    const names = rest.map((service) => service.name).join(", ");
    chips.push(element("span", { className: "muted", textContent: `+${rest.length}`, title: names }));
  }
  return chips;
}

function moveFocus(event, list) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step) return;
  const links = [...list.querySelectorAll("a.trace-row")];
  const next = links[links.indexOf(document.activeElement) + step];
  if (!next) return;
  event.preventDefault();
  next.focus();
}
