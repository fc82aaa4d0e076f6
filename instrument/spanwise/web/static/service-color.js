// One colour per service, the same on every page and in every process: the twin of spanwise.web.service_color().

const SERVICE_COLORS = 16;
const START = 2166138931;
const PRIME = 16777619;
const encoder = new TextEncoder();

/** The number N of the service's token `--service-N` and class `service-color-N`. */
export function serviceColor(service) {
  let value = START;
  for (const byte of encoder.encode(service)) value = Math.imul(value ^ byte, PRIME) >>> 0;
  value ^= value >>> 16;
  value = Math.imul(value, 0x85ebca6b) >>> 0;
  value ^= value >>> 13;
  return (value >>> 0) % SERVICE_COLORS;
}

/** The class that gives an element the service's colour as var(--service-color). */
export function serviceColorClass(service) {
  return `service-color-${serviceColor(service)}`;
}
