// The menu of the bot's commands: opened by its button or by typing a slash.

import { byId, element } from "./elements.js";
import { language, text } from "./texts.js";

/** The commands that a private chat in this language shows, most specific scope first. */
export function commandsOf(bot) {
  const sets = bot.profile.commands || {};
  for (const scope of ["all_private_chats", "default"]) {
    for (const tongue of [language, ""]) {
      const commands = sets[`${scope}///${tongue}`];
      if (commands?.length) return commands;
    }
  }
  return [];
}

export class CommandMenu {
  /** @param {(command: string) => void} choose */
  constructor(choose) {
    this.choose = choose;
    this.list = byId("commands");
    this.button = byId("commands-button");
    this.commands = [];
    this.selected = 0;
    this.list.setAttribute("aria-label", text("commands"));
    this.button.addEventListener("click", () => (this.isOpen ? this.close() : this.open("")));
  }

  get isOpen() {
    return !this.list.hidden;
  }

  setCommands(commands) {
    this.commands = commands;
    this.button.hidden = commands.length === 0;
  }

  /** Follow what is typed: a lone slash word opens the menu, anything else closes it. */
  follow(typed) {
    const word = /^\/(\w*)$/.exec(typed);
    if (word) this.open(word[1]);
    else this.close();
  }

  open(prefix) {
    const found = this.commands.filter(({ command }) => command.startsWith(prefix));
    this.selected = 0;
    this.list.replaceChildren(...found.map(({ command, description }, index) =>
      element("li", {
        role: "option", id: `command-${index}`, "aria-selected": String(index === 0),
        onclick: () => this.take(command),
      }, element("b", {}, `/${command}`), element("span", {}, description))));
    this.found = found;
    this.show(found.length > 0);
  }

  close() {
    this.show(false);
  }

  show(isOpen) {
    this.list.hidden = !isOpen;
    this.button.setAttribute("aria-expanded", String(isOpen));
    const input = byId("message-input");
    if (isOpen) input.setAttribute("aria-activedescendant", `command-${this.selected}`);
    else input.removeAttribute("aria-activedescendant");
  }

  /** @returns {boolean} whether the key was the menu's */
  key(event) {
    if (!this.isOpen) return false;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) this.move(step);
    else if (event.key === "Escape") this.close();
    else if (event.key === "Enter" || event.key === "Tab") {
      this.take(this.found[this.selected].command);
    } else return false;
    event.preventDefault();
    return true;
  }

  move(step) {
    this.selected = (this.selected + step + this.found.length) % this.found.length;
    [...this.list.children].forEach((item, index) => {
      item.setAttribute("aria-selected", String(index === this.selected));
      if (index === this.selected) item.scrollIntoView({ block: "nearest" });
    });
    this.show(true);
  }

  take(command) {
    this.close();
    this.choose(`/${command}`);
  }
}
