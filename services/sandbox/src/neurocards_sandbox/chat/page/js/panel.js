// "What is happening": the newest job of the visitor, as the database tells it.

import { jobsOf } from "./api.js";
import { byId, element } from "./elements.js";
import { clockText, secondsText, text } from "./texts.js";

const STEPS = ["queued", "scripting", "submitting", "rendering", "fetching", "delivering", "done"];
const ENDS = ["done", "failed", "cancelled"];
const BUSY_MS = 700;
const CALM_MS = 4000;
const WIDE = matchMedia("(min-width: 981px)");
const KEY = "neurocards.panel";

export class Panel {
  constructor({ areJobsShown }) {
    this.areJobsShown = areJobsShown;
    this.panel = byId("panel");
    this.body = byId("panel-body");
    this.button = byId("panel-button");
    byId("panel-title").textContent = text("panel");
    this.button.title = text("panel");
    this.button.setAttribute("aria-label", text("panel"));
    byId("panel-close").setAttribute("aria-label", text("close"));
    this.button.addEventListener("click", () => this.show(this.panel.hidden));
    byId("panel-close").addEventListener("click", () => this.closeByHand());
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !this.panel.hidden && !WIDE.matches) this.closeByHand();
    });
    this.drawn = "";
    this.draw(null);
    this.show(WIDE.matches && localStorage.getItem(KEY) !== "closed");
  }

  show(isShown) {
    this.panel.hidden = !isShown;
    this.button.setAttribute("aria-expanded", String(isShown));
    if (WIDE.matches) localStorage.setItem(KEY, isShown ? "open" : "closed");
    if (isShown) this.look();
  }

  closeByHand() {
    this.show(false);
    this.button.focus();
  }

  /** @param {number} userId */
  follow(userId) {
    this.userId = userId;
    this.draw(null);
    this.look();
  }

  /** Something changed in the chat: the job may have moved. */
  async look() {
    clearTimeout(this.timer);
    if (this.panel.hidden || !this.userId || !this.areJobsShown) return;
    const asked = this.userId;
    let job = this.job;
    try {
      job = (await jobsOf(asked)).jobs[0] || null;
    } catch {
      // The chat itself tells that the connection is gone; here the last picture stays.
    }
    if (asked !== this.userId) return;
    this.draw(job);
    clearTimeout(this.timer);
    const isBusy = job && !ENDS.includes(job.status);
    this.timer = setTimeout(() => this.look(), isBusy ? BUSY_MS : CALM_MS);
  }

  draw(job) {
    this.job = job;
    const isRunning = job && !ENDS.includes(job.status);
    const now = isRunning ? Math.floor(Date.now() / 1000) : 0;
    const drawn = JSON.stringify([job, now]);
    if (drawn === this.drawn) return;
    this.drawn = drawn;
    this.body.replaceChildren(...(job ? jobNodes(job) : idleNodes(this.areJobsShown)));
  }
}

function idleNodes(areJobsShown) {
  const parts = ["bot", "data", "queue", "worker", "video"].map((part) => element("li", {},
    element("b", {}, text(`part_${part}`)), element("span", {}, text(`part_${part}_does`))));
  return [
    element("p", {}, text(areJobsShown ? "panel_idle" : "panel_off")),
    element("ol.parts", {}, ...parts),
  ];
}

function jobNodes(job) {
  const look = ENDS.includes(job.status) ? job.status : "running";
  const head = element("div.job-head", {},
    element("h3", {}, job.template),
    element(`span.badge.${look}`, {}, text(`state_${job.status}`)));
  return [head, stepsNode(job), ...scriptNodes(job.script), ...factNodes(job)];
}

function stepsNode(job) {
  const times = Object.fromEntries(job.states.map(({ state, at }) => [state, at]));
  const isBroken = job.status === "failed" || job.status === "cancelled";
  const reached = isBroken ? STEPS.filter((step) => times[step]) : STEPS;
  const names = isBroken ? [...reached, job.status] : reached;
  return element("ol.steps", {}, ...names.map((name, index) =>
    stepNode(job, name, times, names[index + 1], isBroken)));
}

function stepNode(job, name, times, next, isBroken) {
  const at = times[name];
  const place = name === job.status ? (ENDS.includes(name) ? "past" : "present")
    : at && STEPS.indexOf(name) < orderOf(job, isBroken) ? "past" : "future";
  const look = name === job.status && isBroken ? "broken" : place;
  return element(`li.step.${look}`, { "aria-current": look === "present" ? "step" : undefined },
    element("div.step-name", {}, element("span", {}, text(`state_${name}`)),
      element("span.step-time", {}, timeWords(name, at, times[next], look))),
    element("div.step-who", {}, text(`who_${name}`)));
}

const orderOf = (job, isBroken) => (isBroken ? STEPS.length : STEPS.indexOf(job.status));

function timeWords(name, at, nextAt, look) {
  if (!at || look === "future") return "";
  if (ENDS.includes(name)) return clockText(at);
  if (look === "present") return secondsText(Math.max(0, Math.floor(Date.now() / 1000 - at)));
  return nextAt ? secondsText(Math.max(0, nextAt - at)) : "";
}

function scriptNodes(script) {
  if (!script) return [];
  return [element("h3", {}, text("script")), element("div.script", {},
    element("b", {}, script.title),
    element("ol", {}, ...script.scenes.map((scene) => element("li", {}, scene))),
    script.call_to_action && element("p", {}, script.call_to_action))];
}

function factNodes(job) {
  const facts = [
    ["format", `${job.aspect_ratio} · ${secondsText(job.seconds)} · ${job.script_language}`],
    ["price", text("credits", { count: job.price_credits })],
    ["attempts", job.attempt && String(job.attempt)],
    ["task", job.provider_task_id],
    ["error", job.error],
    ["id", job.job_id],
  ].filter(([, value]) => value);
  return [element("h3", {}, text("order")), element("dl.job-facts", {}, ...facts.flatMap(
    ([name, value]) => [element("dt", {}, text(`fact_${name}`)), element("dd", {}, value)]))];
}
