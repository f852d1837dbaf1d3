// Telegram's text + entities as DOM nodes. Offsets are UTF-16 units, as JavaScript counts them.

import { element } from "./elements.js";
import { progressBar } from "./progress.js";

const INLINE = {
  bold: "strong", italic: "em", underline: "u", strikethrough: "s", code: "code", pre: "pre",
  blockquote: "blockquote", expandable_blockquote: "blockquote",
};
const BAR = /[▰▱]{5,}/;
const SAFE_LINK = /^(https?:|tg:|mailto:)/i;

/**
 * @param {string} text
 * @param {Array<{type: string, offset: number, length: number, url?: string}>} entities
 * @param {(command: string) => void} onCommand
 */
export function formattedText(text, entities, onCommand) {
  const place = element("div.text", { dir: "auto" });
  const sorted = [...entities].sort((a, b) => a.offset - b.offset || b.length - a.length);
  fill(place, text, 0, text.length, sorted, onCommand);
  if (place.querySelector("pre, blockquote, .progress")) place.classList.add("has-block");
  return place;
}

function fill(parent, text, from, to, entities, onCommand) {
  let at = from;
  for (let index = 0; index < entities.length; index += 1) {
    const entity = entities[index];
    const end = Math.min(entity.offset + entity.length, to);
    if (entity.offset < at || end <= entity.offset) continue;
    appendPlain(parent, text.slice(at, entity.offset), text);
    const inner = entities.slice(index + 1).filter((other) => other.offset < end);
    const node = entityNode(entity, text.slice(entity.offset, end), onCommand);
    fill(node, text, entity.offset, end, inner, onCommand);
    parent.append(node);
    at = end;
  }
  appendPlain(parent, text.slice(at, to), text);
}

function appendPlain(parent, part, whole) {
  const bar = BAR.exec(part);
  if (!bar) {
    if (part) parent.append(part);
    return;
  }
  parent.append(part.slice(0, bar.index), progressBar(bar[0], whole));
  // The bar is a block, so the line break behind it would show as an empty line.
  appendPlain(parent, part.slice(bar.index + bar[0].length).replace(/^\s+/, ""), whole);
}

function entityNode(entity, covered, onCommand) {
  switch (entity.type) {
    case "text_link": return link(entity.url || "");
    case "url": return link(/^[a-z]+:/i.test(covered) ? covered : `https://${covered}`);
    case "email": return link(`mailto:${covered}`);
    case "bot_command":
      return element("button.command-link", { type: "button", onclick: () => onCommand(covered) });
    case "spoiler":
      return element("span.spoiler", {
        role: "button", tabIndex: 0, onclick: open, onkeydown: openByKey,
      });
    default: return element(INLINE[entity.type] || "span");
  }
}

function link(address) {
  if (!SAFE_LINK.test(address)) return element("span");
  return element("a", { href: address, target: "_blank", rel: "noopener noreferrer" });
}

function open(event) {
  event.currentTarget.classList.add("open");
}

function openByKey(event) {
  if (event.key === "Enter" || event.key === " ") open(event);
}
