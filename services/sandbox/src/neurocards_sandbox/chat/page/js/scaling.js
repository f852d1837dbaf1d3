// "Workers": what the scaler sees, how many workers it wants and why, and a crowd to try it with.

import { scalingNow, sendCrowd } from "./api.js";
import { chart } from "./chart.js";
import { byId, element } from "./elements.js";
import { showFailure } from "./notices.js";
import { Tabs } from "./tabs.js";
import { language, text } from "./texts.js";

const LOOK_MS = 1000;

export class Scaling {
  constructor({ isShown }) {
    if (!isShown) return;
    new Tabs([["order-tab", "panel-body"], ["workers-tab", "scaling"]]);
    this.live = element("div");
    this.wishes = element("ul.wishes");
    this.button = element("button.crowd-button", {
      type: "button", id: "crowd-button", onclick: () => this.send(),
    }, text("crowd"));
    this.hint = element("p.crowd-hint", { role: "status" }, text("crowd_hint"));
    byId("scaling").append(
      this.live,
      element("details", {}, element("summary", {}, text("scaling_wishes")), this.wishes),
      this.button, this.hint,
    );
    byId("workers-tab").addEventListener("focus", () => this.look());
    this.look();
  }

  /** @param {number} userId  whose last photo the crowd orders with */
  follow(userId) {
    this.userId = userId;
  }

  async look() {
    clearTimeout(this.timer);
    if (!byId("panel").hidden && !byId("scaling").hidden) {
      try {
        this.draw(await scalingNow());
      } catch {
        // The chat itself tells that the connection is gone; here the last picture stays.
      }
    }
    this.timer = setTimeout(() => this.look(), LOOK_MS);
  }

  async send() {
    this.button.disabled = true;
    try {
      this.draw(await sendCrowd(this.userId, language));
    } catch (error) {
      this.button.disabled = false;
      showFailure(error);
    }
  }

  draw({ scaling, crowd }) {
    this.drawCrowd(crowd);
    const drawn = JSON.stringify(scaling);
    if (drawn === this.drawn) return;
    this.drawn = drawn;
    this.live.replaceChildren(...(scaling ? liveNodes(scaling) : [element("p", {}, text("scaling_asleep"))]));
    this.wishes.replaceChildren(...(scaling?.contributions || []).map(wishNode));
  }

  drawCrowd(crowd) {
    const isGoing = crowd && crowd.accepted + crowd.refused < crowd.wanted;
    this.button.disabled = Boolean(isGoing);
    if (!crowd) return;
    const words = [text("crowd_going", crowd)];
    if (crowd.refused) words.push(text("crowd_refused", { count: crowd.refused }));
    this.hint.textContent = words.join(", ");
  }
}

function liveNodes(scaling) {
  const { workers } = scaling;
  const starting = workers.wanted - workers.ready;
  const notes = [
    starting > 0 && text("scaling_starting", { count: starting }),
    workers.going > 0 && text("scaling_going", { count: workers.going }),
  ].filter(Boolean).join(", ");
  return [
    element("dl.gauges", {},
      gauge("queued", scaling.queued), gauge("running", scaling.running),
      gauge("workers", workers.wanted, `${workers.ready} / ${workers.wanted}`)),
    element("p.scaling-notes", {}, notes || "\u00a0"),
    chart(scaling),
    element("h3", {}, text("scaling_why")),
    element("p.reason", { lang: "en" }, element("b.reason-word", {}, scaling.reason), " ", scaling.message),
  ];
}

function gauge(name, value, shown = String(value)) {
  return element("div.gauge", { data: { gauge: name, value: String(value) } },
    element("dt", {}, text(`scaling_${name}`)), element("dd", {}, shown));
}

function wishNode({ kind, source, replicas, text: words }) {
  return element(`li.wish.${kind}`, { lang: "en" },
    element("span.wish-replicas", {}, kind === "advice" ? "" : String(replicas)),
    element("span", {}, element("b", {}, source), ` ${words}`));
}
