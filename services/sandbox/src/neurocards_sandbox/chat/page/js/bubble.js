// One message as a list item.

import { element, icon, ICONS } from "./elements.js";
import { formattedText } from "./formatted_text.js";
import { keyboardNode } from "./keyboard.js";
import { mediaNode } from "./media.js";
import { glide } from "./progress.js";
import { clockText, text } from "./texts.js";

/**
 * @param {object} message  a Message of the simulator's control API
 * @param {{press: Function, remove: Function, command: Function, find: Function}} acts
 */
export function bubbleNode(message, acts) {
  const node = element("li.message", { data: { id: String(message.message_id) } });
  if (message.from === "user") node.classList.add("mine");
  // Where nothing hovers, a tap on the bubble brings its buttons.
  node.addEventListener("click", (event) => {
    if (event.target.closest(".bubble") && !event.target.closest("a, button, video")) {
      node.classList.toggle("picked");
    }
  });
  fillBubble(node, message, acts);
  return node;
}

/** Draw the message anew, keeping the media node when the media is the same. */
export function fillBubble(node, message, acts) {
  const old = node.querySelector(".body");
  const bubble = element("div.bubble");
  addQuote(bubble, acts.find(message.reply_to_message_id));
  addMedia(bubble, message.media, old);
  const raw = message.raw;
  const entities = raw.entities || raw.caption_entities || [];
  if (message.text) bubble.append(formattedText(message.text, entities, acts.command));
  if (bubble.querySelector(".progress") || message.buttons.length) bubble.classList.add("wide");
  addFacts(bubble, message);
  const body = element("div.body", {}, bubble);
  if (message.buttons.length) {
    body.append(keyboardNode(message.buttons, (row, column) =>
      acts.press(message.message_id, row, column)));
  }
  body.append(removeButton(message, acts));
  keepFocus(old, body);
  // A screen reader hears that the work began and ended, not each second of it.
  node.setAttribute("aria-live", bubble.querySelector(".progress") ? "off" : "polite");
  node.replaceChildren(body);
  glide(old, body);
}

/** The message that this one answers; it may be gone by now. */
function addQuote(bubble, quoted) {
  if (!quoted) return;
  const picture = quoted.media?.thumbnail_url;
  bubble.append(element("div.quote", {},
    picture && element("img", { src: picture, alt: "" }),
    element("span.quote-text", {}, quoted.text || text(quoted.media ? "photo" : "message"))));
}

function addMedia(bubble, media, old) {
  if (!media) return;
  // A playing video must not start again because its caption was edited.
  const kept = old?.querySelector(".media-place");
  const same = kept?.dataset.url === media.url;
  const made = same ? null : mediaNode(media);
  const isMedia = same ? kept.dataset.isMedia === "true" : made.isMedia;
  const place = same ? kept : element("div.media-place", {
    data: { url: media.url, isMedia: String(isMedia) },
  }, made.node);
  if (isMedia) bubble.classList.add("with-media");
  bubble.append(place);
}

function addFacts(bubble, message) {
  const time = element("time", {
    dateTime: new Date(message.date * 1000).toISOString(),
  }, clockText(message.date));
  const facts = element("span.facts", {}, time, message.from === "user" && icon(ICONS.checks));
  if (message.media && !message.text && bubble.classList.contains("with-media")) {
    const isVideo = message.media.kind !== "photo" && message.media.kind !== "sticker";
    if (isVideo) return;
    facts.className = "facts-over";
    bubble.querySelector(".media, .sticker").append(facts);
    return;
  }
  (bubble.querySelector(".text") || bubble).append(facts);
}

function removeButton(message, acts) {
  return element("button.remove", {
    type: "button", title: text("delete"), "aria-label": text("delete"),
    onclick: () => acts.remove(message.message_id),
  }, icon(ICONS.bin));
}

// Somebody who walks the menu by keyboard must not be thrown out of it by the bot's edit.
function keepFocus(old, body) {
  const keys = old ? [...old.querySelectorAll(".key")] : [];
  const index = keys.indexOf(document.activeElement);
  if (index < 0) return;
  requestAnimationFrame(() => {
    const fresh = body.querySelectorAll(".key");
    fresh[Math.min(index, fresh.length - 1)]?.focus({ preventScroll: true });
  });
}
