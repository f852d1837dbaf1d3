// Making DOM nodes. Text only ever becomes a text node: nothing on this page is parsed as HTML.

/**
 * @param {string} name  tag, with optional classes: `div.message.mine`
 * @param {Record<string, unknown>} [properties]  `on*` are listeners, `data` the dataset,
 *   names with a dash or `role` are attributes, everything else is set on the node
 * @param {...(Node | string | null | false | undefined)} children
 */
export function element(name, properties = {}, ...children) {
  const [tag, ...classes] = name.split(".");
  const node = document.createElement(tag);
  if (classes.length) node.className = classes.join(" ");
  for (const [key, value] of Object.entries(properties)) {
    if (value === undefined || value === null) continue;
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (key === "data") Object.assign(node.dataset, value);
    else if (key.includes("-") || key === "role") node.setAttribute(key, String(value));
    else node[key] = value;
  }
  node.append(...children.filter((child) => child || child === 0));
  return node;
}

const SVG = "http://www.w3.org/2000/svg";

/** An icon of one path on a 24 x 24 ground. */
export function icon(path) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const line = document.createElementNS(SVG, "path");
  line.setAttribute("d", path);
  svg.append(line);
  return svg;
}

export const ICONS = {
  file: "M14 3H7a2 2 0 0 0-2 2v14a2 2 0 0 0 2 2h10a2 2 0 0 0 2-2V8zM14 3v5h5",
  checks: "M2.5 13l4 4L15 8.500M11 16l1 1 8.500-8.500",
  bin: "M5 7h14M10 7V4.500h4V7M7 7l1 13h8l1-13",
  plus: "M12 5v14M5 12h14",
  block: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18M5.700 5.700l12.600 12.600",
};

export const byId = (id) => document.getElementById(id);
