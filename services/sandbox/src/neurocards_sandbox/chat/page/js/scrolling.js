// Stay at the end while the visitor is there; otherwise leave him where he reads.

import { byId } from "./elements.js";

const NEAR_END_PX = 140;

export class Scrolling {
  constructor() {
    this.scroller = byId("scroller");
    this.button = byId("to-end");
    this.count = byId("to-end-count");
    this.isAtEnd = true;
    this.unread = 0;
    this.scroller.addEventListener("scroll", () => this.look(), { passive: true });
    this.button.addEventListener("click", () => this.toEnd({ isSmooth: true }));
    // Pictures and edits change the height after the fact.
    new ResizeObserver(() => this.isAtEnd && this.toEnd()).observe(byId("messages"));
    new ResizeObserver(() => this.isAtEnd && this.toEnd()).observe(this.scroller);
  }

  arrived({ isMine }) {
    if (isMine) this.isAtEnd = true;
    if (this.isAtEnd) {
      this.toEnd({ isSmooth: true });
      return;
    }
    this.unread += 1;
    this.draw();
  }

  toEnd({ isSmooth = false } = {}) {
    this.isAtEnd = true;
    this.unread = 0;
    this.scroller.scrollTo({
      top: this.scroller.scrollHeight, behavior: isSmooth ? "smooth" : "instant",
    });
    this.draw();
  }

  look() {
    const { scrollTop, scrollHeight, clientHeight } = this.scroller;
    const isNear = scrollHeight - scrollTop - clientHeight < NEAR_END_PX;
    // A smooth scroll passes far places on its way to the end.
    if (isNear || scrollTop < (this.lastTop ?? 0)) this.isAtEnd = isNear;
    this.lastTop = scrollTop;
    if (this.isAtEnd) this.unread = 0;
    this.draw();
  }

  draw() {
    const { scrollTop, scrollHeight, clientHeight } = this.scroller;
    this.button.hidden = this.isAtEnd || scrollHeight - scrollTop - clientHeight < NEAR_END_PX;
    this.count.hidden = this.unread === 0;
    this.count.textContent = String(this.unread);
  }
}
