// The list of messages: kept in step with the chat, message by message.

import { bubbleNode, fillBubble } from "./bubble.js";
import { byId, element } from "./elements.js";
import { dayText } from "./texts.js";

const SAME_GROUP_S = 120;

export class Transcript {
  /** @param {{press: Function, remove: Function, command: Function}} acts */
  constructor(acts) {
    this.acts = { ...acts, find: (id) => this.shown.get(id)?.message };
    this.list = byId("messages");
    /** @type {Map<number, {message: object, node: HTMLElement}>} */
    this.shown = new Map();
  }

  get isEmpty() {
    return this.shown.size === 0;
  }

  /** Show exactly these messages; what did not change is not touched. */
  reset(messages) {
    const wanted = new Set(messages.map((message) => message.message_id));
    for (const id of this.shown.keys()) if (!wanted.has(id)) this.remove(id);
    for (const message of messages) this.put(message, { isFresh: false });
  }

  put(message, { isFresh }) {
    const known = this.shown.get(message.message_id);
    if (known) {
      if (message.edits <= known.message.edits) return;
      known.message = message;
      fillBubble(known.node, message, this.acts);
      return;
    }
    const node = bubbleNode(message, this.acts);
    if (isFresh) node.classList.add("fresh");
    const before = [...this.shown.values()].at(-1);
    this.shown.set(message.message_id, { message, node });
    this.separate(before?.message, message, node);
    this.list.append(node);
  }

  remove(id) {
    this.shown.get(id)?.node.remove();
    this.shown.delete(id);
  }

  clear() {
    this.shown.clear();
    this.list.replaceChildren();
  }

  separate(before, message, node) {
    const day = dayText(message.date);
    if (!before || dayText(before.date) !== day) {
      this.list.append(element("li.day", {}, element("span", {}, day)));
    } else if (before.from === message.from && message.date - before.date < SAME_GROUP_S) {
      node.classList.add("follows");
    }
  }
}
