// Inline keyboards. A pressed button turns busy until the bot answers its callback query.

import { element } from "./elements.js";

const BUSY_MS_MAX = 15_000;

/** @type {Map<string, () => void>}  callback query id -> end of its button's wait */
const waiting = new Map();

// The answer may come over the stream of changes before the reply to the press itself.
const EARLY_MAX = 50;
const answeredEarly = new Set();

/**
 * @param {Array<Array<{text: string, callback_data?: string, url?: string}>>} rows
 * @param {(row: number, column: number) => Promise<{callback_query_id: string}>} press
 */
export function keyboardNode(rows, press) {
  return element("div.keyboard", {}, ...rows.map((buttons, row) =>
    element("div.keyboard-row", {}, ...buttons.map((button, column) =>
      keyNode(button, () => press(row, column))))));
}

function keyNode(button, press) {
  if (button.url) {
    return element("a.key", {
      href: /^https?:/i.test(button.url) ? button.url : undefined,
      target: "_blank", rel: "noopener noreferrer",
    }, button.text);
  }
  const node = element("button.key", { type: "button" }, button.text);
  node.addEventListener("click", () => pressed(node, press));
  return node;
}

async function pressed(node, press) {
  if (node.getAttribute("aria-busy") === "true") return;
  node.setAttribute("aria-busy", "true");
  const release = () => node.removeAttribute("aria-busy");
  const timer = setTimeout(release, BUSY_MS_MAX);
  try {
    const query = await press();
    if (query.is_answered) release();
    else {
      waiting.set(query.callback_query_id, () => {
        clearTimeout(timer);
        release();
      });
      if (answeredEarly.delete(query.callback_query_id)) answered(query.callback_query_id);
    }
  } catch (error) {
    clearTimeout(timer);
    release();
    throw error;
  }
}

export function answered(queryId) {
  const end = waiting.get(queryId);
  if (end) end();
  else if (answeredEarly.size < EARLY_MAX) answeredEarly.add(queryId);
  waiting.delete(queryId);
}
