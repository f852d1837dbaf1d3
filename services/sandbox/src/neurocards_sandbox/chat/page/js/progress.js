// The bot draws progress as a row of ▰▱; here it becomes a bar that glides from edit to edit.

import { element } from "./elements.js";

/** How full the bar is: by the percentage in the text if there is one, else by its cells. */
export function shareOf(cells, wholeText) {
  const percent = /(\d{1,3})\s*%/.exec(wholeText);
  const full = [...cells].filter((cell) => cell === "▰").length / [...cells].length;
  return percent ? Math.min(100, Number(percent[1])) / 100 : full;
}

export function progressBar(cells, wholeText) {
  const share = shareOf(cells, wholeText);
  const fill = element("span.progress-fill");
  fill.style.setProperty("--share", String(share));
  return element("span.progress", {
    role: "progressbar",
    "aria-valuemin": 0,
    "aria-valuemax": 100,
    "aria-valuenow": Math.round(share * 100),
    data: { share: String(share) },
  }, fill);
}

/** Let the bar of a redrawn message start where the old one stood. */
export function glide(oldBody, newBody) {
  const before = oldBody?.querySelector(".progress");
  const after = newBody.querySelector(".progress");
  if (!before || !after) return;
  const fill = after.firstElementChild;
  fill.style.setProperty("--share", before.dataset.share);
  // Two frames: the first one has to be painted for the transition to begin from it.
  requestAnimationFrame(() => requestAnimationFrame(() => {
    fill.style.setProperty("--share", after.dataset.share);
  }));
}
