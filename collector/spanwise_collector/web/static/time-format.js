// Times are BigInt nanoseconds since 1970 (they do not fit a number); durations are numbers of nanoseconds.

const UNITS = [
  { ns: 1e9, name: "s" },
  { ns: 1e6, name: "ms" },
  { ns: 1e3, name: "µs" },
  { ns: 1, name: "ns" },
];
const MINUTE_NS = 60e9;

/** Three significant digits: "850 ns", "12.3 ms", "1.50 s"; from two minutes on "2 min 5 s". */
export function formatDuration(ns) {
  if (!Number.isFinite(ns)) return "–";
  const size = Math.abs(ns);
  if (size >= 2 * MINUTE_NS) {
    const minutes = Math.floor(size / MINUTE_NS);
    return `${ns < 0 ? "-" : ""}${minutes} min ${Math.floor((size % MINUTE_NS) / 1e9)} s`;
  }
  // 999.6 µs would be written "1000 µs": from there on the next unit is used.
  const unit = UNITS.find((candidate) => size >= candidate.ns * 0.9995) ?? UNITS[3];
  const value = ns / unit.ns;
  const digits = unit.ns === 1 || Math.abs(value) >= 99.95 ? 0 : Math.abs(value) >= 9.995 ? 1 : 2;
  return `${size === 0 ? "0" : value.toFixed(digits)} ${unit.name}`;
}

/** Marks of an axis from `from` to `to` (ns) at steps of 1, 2 or 5 times a power of ten, at most `most` of them. */
export function niceTicks(from, to, most) {
  const span = to - from;
  if (!(span > 0)) return [{ ns: from, label: "0" }];
  const rough = span / Math.max(most, 1);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((factor) => power * factor >= rough * 0.999);
  const unit = UNITS.find((candidate) => Math.max(Math.abs(to), step) >= candidate.ns) ?? UNITS[3];
  const digits = Math.min(6, Math.max(0, -Math.floor(Math.log10(step / unit.ns) + 1e-9)));
  const ticks = [];
  for (let index = Math.ceil(from / step - 1e-9); index * step <= to + step * 1e-9; index += 1) {
    ticks.push({ ns: index * step, label: index === 0 ? "0" : `${((index * step) / unit.ns).toFixed(digits)} ${unit.name}` });
  }
  return ticks;
}

/** "now", "5 s ago", "3 min ago", "2 h ago", "4 d ago". */
export function formatAge(timeNs, nowMs) {
  const seconds = Math.floor((nowMs - Number(timeNs / 1000000n)) / 1000);
  if (seconds < -2) return "in the future";
  if (seconds < 1) return "now";
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 2 * 86400) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86400)} d ago`;
}

/** Local date and time to the millisecond: "2026-11-21 08:13:56.120". */
export function formatTime(timeNs) {
  const time = new Date(Number(timeNs / 1000000n));
  const two = (number) => String(number).padStart(2, "0");
  const day = `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`;
  const clock = `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}`;
  return `${day} ${clock}.${String(time.getMilliseconds()).padStart(3, "0")}`;
}

/** The same in UTC, for `<time datetime>`. */
export function isoTime(timeNs) {
  return new Date(Number(timeNs / 1000000n)).toISOString();
}
