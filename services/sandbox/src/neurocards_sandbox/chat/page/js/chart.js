// Two lanes over one time: the queue as a hill, the workers as steps.

import { element } from "./elements.js";
import { text } from "./texts.js";

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 300;
const LANE = 44;
const SPAN_S_MIN = 60;

/** @param {{at: number, history: number[][], policy: {max: number}}} scaling */
export function chart({ at, history, policy }) {
  const span = Math.max(SPAN_S_MIN, at - (history[0]?.[0] ?? at));
  const x = (when) => WIDTH - (at - when) * WIDTH / span;
  const samples = history.map(([when, queued, , wanted, ready]) => ({ x: x(when), queued, wanted, ready }));
  const longest = Math.max(5, ...samples.map(({ queued }) => queued));
  const most = Math.max(policy.max, ...samples.map(({ wanted }) => wanted));
  const queue = lane(samples.map((one) => [one.x, one.queued / longest]), "queue-area");
  const wanted = lane(samples.map((one) => [one.x, one.wanted / most]), "wanted-area");
  const ready = lane(samples.map((one) => [one.x, one.ready / most]), "ready-area");
  return element("figure.chart", { role: "img", "aria-label": text("scaling_chart") },
    element("figcaption", {}, text("scaling_queue_line", { count: longest })), frame(queue),
    element("figcaption", {}, text("scaling_workers_line", { count: most })), frame(wanted, ready));
}

function frame(...paths) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 ${WIDTH} ${LANE}`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true");
  svg.append(...paths);
  return svg;
}

/** Steps from left to right, closed along the ground. */
function lane(points, name) {
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("class", name);
  if (!points.length) return path;
  const y = (share) => (LANE - 1 - share * (LANE - 3)).toFixed(1);
  const steps = points.map(([x, share]) => `H${x.toFixed(1)}V${y(share)}`).join("");
  path.setAttribute("d", `M${points[0][0].toFixed(1)} ${y(0)}${steps}H${WIDTH}V${y(0)}Z`);
  return path;
}
