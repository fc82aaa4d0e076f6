// The watch page: one chart for each chosen series, fed by one stream of server-sent events.
import { LineChart, shortNumber } from "./chart.js";

const SPAN_S = 120;
const holder = document.querySelector(".watch-charts");
const state = document.querySelector(".watch-state");
const input = document.querySelector(".watch-name");
const known = [...document.querySelectorAll("#series option")].map((option) => option.value);
const cards = new Map();
let source = null;

function chosen() {
  return location.hash.slice(1).split("&").filter(Boolean).map(decodeURIComponent);
}

function choose(names) {
  location.hash = [...new Set(names)].map(encodeURIComponent).join("&");
}

/** What was typed as series: itself, or the few that contain it. */
function resolve(text) {
  if (known.includes(text)) return [text];
  return known.filter((name) => name.toLowerCase().includes(text.toLowerCase())).slice(0, 4);
}

function makeCard(name) {
  const card = document.createElement("section");
  card.className = "card watch-card";
  const head = document.createElement("header");
  const title = document.createElement("h2");
  title.textContent = name;
  title.title = name;
  const value = document.createElement("output");
  value.textContent = "–";
  const close = document.createElement("button");
  close.type = "button";
  close.className = "icon-button";
  close.textContent = "×";
  close.setAttribute("aria-label", `Stop watching ${name}`);
  close.addEventListener("click", () => choose(chosen().filter((each) => each !== name)));
  head.append(title, value, close);
  const chart = new LineChart({ spanS: SPAN_S, label: `${name} over the last ${SPAN_S} seconds` });
  const made = { card, chart, value, latest: null, before: null, unit: "", pointing: false };
  chart.onReading = (reading, ago) => {
    made.pointing = reading !== null;
    value.textContent = reading === null ? made.text : `${shortNumber(reading)}${made.unit} · ${ago.toFixed(0)} s ago`;
  };
  card.append(head, chart.svg);
  return made;
}

function take(event) {
  const { at, values, totals } = JSON.parse(event.data);
  state.textContent = "";
  for (const [name, made] of cards) {
    if (!(name in values)) {
      made.value.textContent = "has no value yet";
      continue;
    }
    const now = { at, value: values[name] };
    if (totals.includes(name)) {
      made.unit = "/s";
      if (made.before && at > made.before.at) {
        made.chart.add(at, Math.max(0, (now.value - made.before.value) / (at - made.before.at)));
      }
    } else made.chart.add(at, now.value);
    if (!made.before || at > made.before.at) made.before = now;
    const shown = made.chart.points[made.chart.points.length - 1];
    made.text = shown ? `${shortNumber(shown.value)}${made.unit}` : "…";
    if (!made.pointing) made.value.textContent = made.text;
  }
}

function follow(names) {
  if (source) source.close();
  source = null;
  if (!names.length) return;
  source = new EventSource(`${holder.dataset.stream}?${names.map((name) => `m=${encodeURIComponent(name)}`).join("&")}`);
  source.onmessage = take;
  source.onerror = () => {
    // Between two short answers this is normal; a service that is away stays silent.
    window.setTimeout(() => {
      if (source && source.readyState !== EventSource.OPEN) state.textContent = "The service does not answer; trying again.";
    }, 3000);
  };
}

function show() {
  const names = chosen();
  for (const [name, made] of [...cards]) {
    if (!names.includes(name)) {
      made.card.remove();
      cards.delete(name);
    }
  }
  for (const name of names) {
    if (!cards.has(name)) {
      const made = makeCard(name);
      cards.set(name, made);
      holder.append(made.card);
    }
  }
  document.querySelector(".watch-empty").hidden = names.length > 0;
  follow(names);
}

document.querySelector(".watch-add").addEventListener("submit", (event) => {
  event.preventDefault();
  const found = resolve(input.value.trim());
  if (!input.value.trim() || !found.length) {
    state.textContent = "There is no such metric.";
    return;
  }
  choose([...chosen(), ...found]);
  input.value = "";
});
window.addEventListener("hashchange", show);
show();
