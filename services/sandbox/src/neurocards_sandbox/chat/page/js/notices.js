// Toasts and alerts: what a bot answers to a pressed button, and what went wrong.

import { byId, element } from "./elements.js";
import { text } from "./texts.js";

const TOAST_MS = 3600;
const TOASTS_MAX = 3;

export function toast(words) {
  const place = byId("toasts");
  const node = element("div.toast", {}, words);
  place.append(node);
  while (place.children.length > TOASTS_MAX) place.firstElementChild.remove();
  setTimeout(() => {
    node.classList.add("leaving");
    setTimeout(() => node.remove(), 300);
  }, TOAST_MS);
}

export function alertUser(words) {
  const dialog = byId("alert-dialog");
  const close = element("button.text-button.primary", {
    type: "button", onclick: () => dialog.close(),
  }, text("ok"));
  dialog.replaceChildren(
    element("p", { id: "alert-text" }, words),
    element("div.sheet-actions", {}, close),
  );
  if (!dialog.open) dialog.showModal();
}

export function showFailure(error) {
  toast(text("impossible", { reason: error.message }));
}
