// The flamegraph page: records profiles, keeps hold of the one that is shown, and connects the drawing to the controls.
import { Flame, amount, share } from "./flame.js";

const by = (id) => document.getElementById(id);
const form = by("record");
const wanted = new URLSearchParams(location.search);
const flame = new Flame(by("flame"), { onSelect: describe, onZoom: (zoomed) => (by("reset").disabled = !zoomed) });
let captures = [];
let recording = null;

const PATHS = { profile: "profile", heap: "heap", census: "heap", contention: "contention" };

// Of the one worker that the page's address names.
const one = /^\d+$/.test(wanted.get("worker") ?? "") ? wanted.get("worker") : "";
const at = (url) => (one ? `${url}${url.includes("?") ? "&" : "?"}worker=${one}` : url);

async function load(url, options) {
  const answer = await fetch(at(url), { headers: { Accept: "application/json" }, ...options });
  const text = await answer.text();
  if (!answer.ok) throw new Error(text.trim().split("\n")[0] || `The service answered ${answer.status}.`);
  return JSON.parse(text);
}

function complain(message) {
  by("error").textContent = message;
  by("error").hidden = !message;
}

async function record(event) {
  event.preventDefault();
  if (recording) return;
  complain("");
  const kind = form.elements.kind.value;
  const seconds = kind === "census" ? 1 : Number(form.elements.seconds.value);
  const query = new URLSearchParams({ format: "flamegraph" });
  if (kind === "census") query.set("census", "1");
  else query.set("seconds", String(seconds));
  if (kind === "profile") query.set("hz", form.elements.hz.value);
  if (form.elements.worker.checked) query.set("worker", "all");
  recording = new AbortController();
  const ticking = progress(seconds);
  try {
    const taken = await load(`/admin/pprof/${PATHS[kind]}?${query}`, { signal: recording.signal });
    await refresh(taken.capture);
  } catch (error) {
    complain(error.name === "AbortError" ? "Stopped; nothing was kept." : error.message);
  } finally {
    clearInterval(ticking);
    recording = null;
    busy(false);
  }
}

function busy(is) {
  form.querySelector("[type=submit]").disabled = is;
  by("cancel").hidden = !is;
  by("progress").hidden = !is;
}

function progress(seconds) {
  const begun = performance.now();
  by("progress").value = 0;
  busy(true);
  return setInterval(() => (by("progress").value = Math.min(1, (performance.now() - begun) / 1000 / seconds)), 100);
}

function option(value, label) {
  const made = document.createElement("option");
  made.value = value;
  made.textContent = label;
  return made;
}

function label(capture) {
  const at = new Date(capture.at * 1000).toLocaleTimeString();
  const lasted = capture.kind === "census" ? "" : `, ${Math.round(capture.duration_s * 10) / 10} s`;
  return `${capture.id} at ${at}${lasted}`;
}

async function refresh(shown) {
  captures = (await load("/admin/captures")).captures;
  by("nothing").hidden = captures.length > 0;
  by("shown").hidden = captures.length === 0;
  if (!captures.length) return;
  by("capture").replaceChildren(...captures.map((each) => option(each.id, label(each))));
  if (captures.some((each) => each.id === shown)) by("capture").value = shown;
  await choose();
}

async function choose() {
  const chosen = captures.find((each) => each.id === by("capture").value);
  const others = captures.filter((each) => each.kind === chosen.kind && each.id !== chosen.id);
  const base = by("base").value || wanted.get("base") || "";
  by("base").replaceChildren(option("", "nothing"), ...others.map((each) => option(each.id, label(each))));
  by("base").value = others.some((each) => each.id === base) ? base : "";
  const type = by("type").value || wanted.get("type") || "";
  by("type").replaceChildren(...chosen.types.map((each) => option(each, each)));
  by("type").value = chosen.types.includes(type) ? type : chosen.default_type;
  await draw();
}

async function draw() {
  complain("");
  const query = new URLSearchParams({ format: "flamegraph", type: by("type").value });
  if (by("base").value) query.set("base", by("base").value);
  const id = by("capture").value;
  try {
    const profile = await load(`/admin/captures/${id}?${query}`);
    flame.show(profile);
    for (const format of ["pprof", "speedscope", "collapsed"]) {
      by(`save-${format}`).href = at(`/admin/captures/${id}?format=${format}&type=${profile.type}`);
      by(`save-${format}`).download = `${id}.${{ pprof: "pb.gz", speedscope: "speedscope.json", collapsed: "txt" }[format]}`;
    }
    summarize(profile);
    rank(profile);
    search();
    const kept = new URLSearchParams({ capture: id, type: profile.type });
    if (by("base").value) kept.set("base", by("base").value);
    history.replaceState(null, "", `?${kept}`);
  } catch (error) {
    complain(error.message);
  }
}

function summarize(profile) {
  const parts = [`${amount(profile.total, profile.unit)} ${profile.type}`];
  if (profile.kind !== "census") parts.push(`over ${profile.duration_s.toFixed(1)} s`);
  if (profile.base_total !== null) parts.push(`beside ${amount(profile.base_total, profile.unit)}`);
  by("summary").textContent = `${parts.join(" ")} · ${profile.comments.join(" · ")}`;
  by("legend").textContent =
    profile.base_total !== null
      ? "Warm boxes have a larger share than in the other capture, cold ones a smaller; a box is as wide as its share in this one."
      : profile.kind === "census"
        ? "One box for each type."
        : "A box is a function, as wide as its share; what it calls stands below it. Warm boxes are the service's own code, grey ones libraries.";
}

function rank(profile) {
  const rows = flame.ranked().slice(0, 20);
  by("top").replaceChildren(
    ...rows.map((row) => {
      const line = document.createElement("tr");
      const name = document.createElement("td");
      name.className = "function-cell";
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = row.name;
      button.addEventListener("click", () => {
        by("search").value = row.name;
        search();
        by("flame").focus();
      });
      const place = document.createElement("span");
      place.className = "muted mono";
      place.textContent = row.place;
      name.append(button, place);
      line.append(name);
      for (const value of [
        amount(row.own, profile.unit),
        share(row.own, profile.total),
        amount(row.whole, profile.unit),
        share(row.whole, profile.total),
      ]) {
        const cell = document.createElement("td");
        cell.className = "number";
        cell.textContent = value;
        line.append(cell);
      }
      return line;
    }),
  );
}

function describe(box) {
  const detail = by("detail");
  if (!box) {
    detail.textContent = "Point at a box, or move with the arrow keys.";
    return;
  }
  const name = document.createElement("strong");
  name.textContent = box.name;
  const numbers = `${amount(box.value, box.unit)}, ${share(box.value, box.total)} of all, ${amount(box.own, box.unit)} of its own`;
  const before = box.baseTotal === null ? "" : `; before ${amount(box.base, box.unit)}, ${share(box.base, box.baseTotal)}`;
  detail.replaceChildren(name, ` ${box.place}`, document.createElement("br"), `${numbers}${before}`);
}

function search() {
  const found = flame.search(by("search").value);
  by("found").textContent = found === null ? "" : `${found} in what matches`;
}

form.addEventListener("submit", record);
form.elements.kind.addEventListener("change", () => {
  const kind = form.elements.kind.value;
  form.querySelector(".only-profile").hidden = kind !== "profile";
  form.elements.seconds.closest("label").hidden = kind === "census";
  form.elements.seconds.max = kind === "heap" ? "60" : "300";
});
by("cancel").addEventListener("click", () => recording?.abort());
by("capture").addEventListener("change", choose);
by("base").addEventListener("change", draw);
by("type").addEventListener("change", draw);
by("search").addEventListener("input", search);
by("search").addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  by("search").value = "";
  search();
  by("flame").focus();
});
by("reset").addEventListener("click", () => flame.zoomOut(true));
document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.target.matches("input, select, textarea")) return;
  event.preventDefault();
  by("search").focus();
});
if (wanted.get("kind")) {
  form.elements.kind.value = wanted.get("kind");
  if (!form.elements.kind.value) form.elements.kind.value = "profile";
  form.elements.kind.dispatchEvent(new Event("change"));
}
refresh(wanted.get("capture")).catch((error) => complain(error.message));

if (!one) {
  load("/admin/workers")
    .then((found) => (by("everywhere").hidden = found.workers.length < 2))
    .catch((error) => complain(error.message));
}
