// The spans of one trace as a tree, shown as it was received: a span whose parent is missing stands at the top and
// says so, and times stay what the services wrote, even where clocks disagree (critical-path.js has what the collector made
// of them).

/** How a span came to stand at the top of the tree. */
export const ROOT = "root";
export const ORPHAN = "orphan"; // its parent has not been received
export const LOOP = "loop"; // its ancestors form a circle; cut here

/**
 * `spans` as in the API. Returns `{nodes, start, duration, orphans, roots}`: `nodes` in tree order (parents before
 * children, siblings by start), `start` the earliest time (BigInt ns), `duration` to the latest end (ns), and how many
 * nodes stand at the top as ORPHAN and as ROOT.
 * A node is `{index, span, offset, depth, parent, children, size, top}`: `offset` in ns from `start`, `parent` a node or
 * null, `size` the number of nodes under it, `top` null or why it has no parent here.
 */
export function buildTree(spans) {
  const start = spans.reduce((least, span) => smaller(least, BigInt(span.start_unix_nano)), BigInt(spans[0].start_unix_nano));
  const found = spans.map((span) => newNode(span, Number(BigInt(span.start_unix_nano) - start)));
  found.sort((a, b) => a.offset - b.offset || (a.span.span_id < b.span.span_id ? -1 : 1));
  const tops = attach(found);
  const nodes = ordered(tops);
  for (const node of found) {
    if (node.depth >= 0) continue;
    node.parent.children.splice(node.parent.children.indexOf(node), 1);
    node.parent = null;
    node.top = LOOP;
    tops.push(node);
    nodes.push(...ordered([node]));
  }
  nodes.forEach((node, index) => (node.index = index));
  for (let index = nodes.length - 1; index >= 0; index -= 1) {
    if (nodes[index].parent) nodes[index].parent.size += nodes[index].size + 1;
  }
  const duration = nodes.reduce((latest, node) => Math.max(latest, node.offset + node.span.duration_ns), 0);
  const count = (kind) => tops.filter((node) => node.top === kind).length;
  return { nodes, start, duration, orphans: count(ORPHAN), roots: count(ROOT) };
}

/** The nodes that are visible when those of which `isCollapsed(node)` is true hide what is under them. */
export function visibleNodes(nodes, isCollapsed) {
  const visible = [];
  for (let index = 0; index < nodes.length; index += 1) {
    visible.push(nodes[index]);
    if (nodes[index].size && isCollapsed(nodes[index])) index += nodes[index].size;
  }
  return visible;
}

export function isError(span) {
  return span.status.code === "error";
}

function newNode(span, offset) {
  return { index: 0, span, offset, depth: -1, parent: null, children: [], size: 0, top: null };
}

function attach(found) {
  const byId = new Map();
  for (const node of found) if (!byId.has(node.span.span_id)) byId.set(node.span.span_id, node);
  const tops = [];
  for (const node of found) {
    const parentId = node.span.parent_span_id;
    const parent = parentId ? byId.get(parentId) : undefined;
    if (parent && parent !== node) {
      node.parent = parent;
      parent.children.push(node);
    } else {
      node.top = !parentId ? ROOT : parent ? LOOP : ORPHAN;
      tops.push(node);
    }
  }
  return tops;
}

// Without recursion: a chain of 5,000 calls is a legal trace.
function ordered(tops) {
  const nodes = [];
  const stack = tops.map((node) => ({ node, depth: 0 })).reverse();
  while (stack.length) {
    const { node, depth } = stack.pop();
    node.depth = depth;
    nodes.push(node);
    for (let index = node.children.length - 1; index >= 0; index -= 1) {
      if (node.children[index].depth < 0) stack.push({ node: node.children[index], depth: depth + 1 });
    }
  }
  return nodes;
}

function smaller(a, b) {
  return a < b ? a : b;
}
