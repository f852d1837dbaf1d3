// The menu of visitors: change to another one, add one, block the bot as this one.

import { byId, element, icon, ICONS } from "./elements.js";
import { text } from "./texts.js";
import { hue, initials } from "./visitors.js";

export class VisitorMenu {
  /**
   * @param {import("./visitors.js").Visitors} visitors
   * @param {{change: () => void, setBlocked: (isBlocked: boolean) => void}} acts
   */
  constructor(visitors, acts) {
    this.visitors = visitors;
    this.acts = acts;
    this.isBlocked = false;
    this.menu = byId("visitor-menu");
    this.menu.addEventListener("toggle", (event) => {
      if (event.newState === "open") this.fill();
    });
    this.draw();
  }

  draw() {
    const { present } = this.visitors;
    badge(byId("visitor-initials"), present);
    byId("visitor-name").textContent = present.name;
    byId("visitor-button").setAttribute("aria-label", `${text("visitor")}: ${present.name}`);
  }

  fill() {
    const items = this.visitors.all.map((visitor) => element("button.menu-item", {
      type: "button",
      "aria-current": visitor === this.visitors.present ? "true" : undefined,
      onclick: () => this.act(() => this.visitors.choose(visitor.id)),
    }, badge(element("span.initials", { "aria-hidden": "true" }), visitor),
    element("span", {}, visitor.name)));
    const add = element("button.menu-item", {
      type: "button", id: "new-visitor", onclick: () => this.act(() => this.visitors.add()),
    }, icon(ICONS.plus), element("span", {}, text("new_visitor")));
    const block = element("button.menu-item", {
      type: "button",
      onclick: () => {
        this.menu.hidePopover();
        this.acts.setBlocked(!this.isBlocked);
      },
    }, icon(ICONS.block), element("span", {}, text(this.isBlocked ? "unblock" : "block")));
    this.menu.replaceChildren(
      element("h2", {}, text("visitors")), element("p", {}, text("visitors_note")),
      ...items, element("hr"), add, block,
    );
  }

  act(change) {
    this.menu.hidePopover();
    change();
    this.draw();
    this.acts.change();
  }
}

function badge(node, visitor) {
  node.textContent = initials(visitor.name);
  node.style.setProperty("--hue", String(hue(visitor)));
  return node;
}
