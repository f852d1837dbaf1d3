// The line where the visitor writes.

import { byId } from "./elements.js";
import { text } from "./texts.js";

const HEIGHT_PX_MAX = 160;
const HAS_TOUCH_KEYBOARD = matchMedia("(hover: none) and (pointer: coarse)");

export class Composer {
  /** @param {{send: (text: string) => Promise<void>, menu: import("./commands.js").CommandMenu}} to */
  constructor({ send, menu }) {
    this.send = send;
    this.menu = menu;
    this.form = byId("composer");
    this.input = byId("message-input");
    this.button = byId("send-button");
    this.input.placeholder = text("message");
    byId("message-label").textContent = text("message");
    this.button.setAttribute("aria-label", text("send"));
    this.form.addEventListener("submit", (event) => this.submit(event));
    this.input.addEventListener("input", () => this.changed());
    this.input.addEventListener("keydown", (event) => this.key(event));
  }

  changed() {
    this.button.disabled = this.input.value.trim() === "";
    this.input.style.height = "auto";
    this.input.style.height = `${Math.min(this.input.scrollHeight, HEIGHT_PX_MAX)}px`;
    this.menu.follow(this.input.value);
  }

  key(event) {
    if (event.isComposing || this.menu.key(event)) return;
    // On a phone Enter makes a new line, as in Telegram; its own button sends.
    if (event.key === "Enter" && !event.shiftKey && !HAS_TOUCH_KEYBOARD.matches) {
      this.submit(event);
    }
  }

  async submit(event) {
    event.preventDefault();
    const typed = this.input.value;
    if (!typed.trim()) return;
    this.input.value = "";
    this.changed();
    try {
      await this.send(typed);
    } catch (error) {
      this.input.value = typed;
      this.changed();
      throw error;
    }
  }
}
