// The two views of the panel: the visitor's order, and the workers behind it.

import { byId } from "./elements.js";
import { text } from "./texts.js";

const KEY = "neurocards.tab";

export class Tabs {
  /** @param {[string, string][]} pairs  ids of a tab and of what it shows; the first is shown */
  constructor(pairs) {
    this.pairs = pairs;
    pairs.forEach(([tab], index) => {
      byId(tab).textContent = text(tab.replace("-", "_"));
      byId(tab).addEventListener("click", () => this.show(index));
      byId(tab).addEventListener("keydown", (event) => {
        if (event.key !== "ArrowRight" && event.key !== "ArrowLeft") return;
        const other = (index + (event.key === "ArrowRight" ? 1 : pairs.length - 1)) % pairs.length;
        this.show(other);
        byId(pairs[other][0]).focus();
      });
      byId(pairs[index][1]).setAttribute("role", "tabpanel");
      byId(pairs[index][1]).setAttribute("aria-labelledby", tab);
    });
    byId("panel-tabs").hidden = false;
    const kept = pairs.findIndex(([tab]) => tab === localStorage.getItem(KEY));
    this.show(Math.max(0, kept));
  }

  show(shown) {
    this.pairs.forEach(([tab, view], index) => {
      byId(tab).setAttribute("aria-selected", String(index === shown));
      byId(tab).tabIndex = index === shown ? 0 : -1;
      byId(view).hidden = index !== shown;
    });
    localStorage.setItem(KEY, this.pairs[shown][0]);
  }
}
