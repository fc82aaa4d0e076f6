// Building elements. Everything that came from a span goes through textContent, never through markup.

import { serviceColorClass } from "../look/service-color.js";

const SVG = "http://www.w3.org/2000/svg";

/** An element with properties (`className`, `textContent`, ...), attributes (`aria-label`, ...) and children. */
export function element(tag, properties = {}, ...children) {
  return filled(document.createElement(tag), properties, children);
}

/** The same in SVG, where everything is an attribute. */
export function svgElement(tag, attributes = {}, ...children) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

function filled(node, properties, children) {
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name in node) node[name] = value;
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

/** A badge; `kind` is "danger", "warning", "success", "accent" or nothing. */
export function badge(text, kind = "", title = "") {
  return element("span", { className: kind ? `badge badge-${kind}` : "badge", textContent: text, title: title || null });
}

/** A service's name behind its colour; too long a name is cut with an ellipsis, the title has all of it. */
export function serviceChip(name, { tag = "span", className = "", title = name, ...properties } = {}) {
  const classes = `service-chip ${serviceColorClass(name)} ${className}`.trim();
  return element(tag, { className: classes, title, ...properties }, element("span", { className: "truncate", textContent: name }));
}

/** A button that puts `text` on the clipboard and says so. */
export function copyButton(text, label) {
  const button = element("button", { type: "button", className: "copy-button", textContent: "Copy", "aria-label": label });
  button.addEventListener("click", async () => {
    button.textContent = (await copied(text)) ? "Copied" : "Not allowed";
    setTimeout(() => (button.textContent = "Copy"), 1500);
  });
  return button;
}

async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false; // browsers give the clipboard to https and localhost only
  }
}

/** "1 span", "2 spans". */
export function counted(count, noun) {
  return `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;
}
