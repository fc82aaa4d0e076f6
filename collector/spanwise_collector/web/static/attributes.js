// Attributes as a table of key, value and type. A value is shown as it was received; text is never made a link.

import { element } from "./dom.js";

const STACK_TRACES = new Set(["exception.stacktrace", "code.stacktrace"]);

/** `attributes` as in the API; null when there are none. */
export function attributeTable(attributes) {
  if (!attributes.length) return null;
  return element("dl", { className: "attributes" }, ...attributes.flatMap(row));
}

function row(attribute) {
  const isTrace = STACK_TRACES.has(attribute.key) && attribute.type === "string";
  const key = element("dt", { className: isTrace ? "is-block" : "" }, ...breakable(attribute.key));
  const value = isTrace ? element("pre", { className: "stack-trace", textContent: attribute.value }) : valueNode(attribute);
  return [key, element("dd", { className: isTrace ? "is-block" : "" }, value, type(attribute.type))];
}

// A long key may break after a dot or an underscore.
function breakable(key) {
  const parts = key.split(/(?<=[._])/);
  return parts.flatMap((part, index) => (index ? [element("wbr"), part] : [part]));
}

function type(name) {
  // Most are strings; only what differs needs saying.
  return name === "string" ? "" : element("span", { className: "attribute-type", textContent: name });
}

function valueNode(attribute) {
  if (attribute.type === "string" && attribute.value === "") return element("span", { className: "muted", textContent: "(empty text)" });
  return element("span", { className: `attribute-value is-${attribute.type}`, textContent: valueText(attribute) });
}

/** One value as text: JSON-like for arrays and maps, base64 for bytes. */
export function valueText({ type: kind, value }, inside = false) {
  if (kind === "empty" || value === null) return inside ? "null" : "(no value)";
  if (kind === "array") return `[${value.map((item) => valueText(item, true)).join(", ")}]`;
  if (kind === "map") return `{${value.map((item) => `${item.key}: ${valueText(item, true)}`).join(", ")}}`;
  if (kind === "string" && inside) return JSON.stringify(value);
  return String(value);
}
