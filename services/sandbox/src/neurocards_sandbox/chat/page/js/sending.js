// Photos and files: chosen, dropped or pasted, looked at once more, then sent.

import { byId, element, icon, ICONS } from "./elements.js";
import { sizeText, text } from "./texts.js";

const FILES_MAX = 10;
const CAPTION_CHARACTERS_MAX = 1024;

export class Sending {
  /** @param {(files: File[], kind: "photo" | "document", caption: string) => Promise<void>} send */
  constructor(send) {
    this.send = send;
    this.dialog = byId("send-dialog");
    this.listenToButton();
    this.listenToDrops();
    document.addEventListener("paste", (event) => this.pasted(event));
    this.dialog.addEventListener("close", () => this.forget());
  }

  listenToButton() {
    const input = byId("file-input");
    const button = byId("attach-button");
    button.title = text("attach");
    button.setAttribute("aria-label", text("attach"));
    button.addEventListener("click", () => input.click());
    input.addEventListener("change", () => {
      this.look([...input.files]);
      input.value = "";
    });
  }

  listenToDrops() {
    const drop = byId("drop");
    for (const [name, key] of [["photo", "drop_photo"], ["file", "drop_file"]]) {
      byId(`drop-${name}`).textContent = text(key);
      byId(`drop-${name}-hint`).textContent = text(`${key}_hint`);
    }
    const chat = byId("chat");
    chat.addEventListener("dragenter", (event) => {
      if (event.dataTransfer.types.includes("Files") && byId("composer").hidden === false) {
        drop.hidden = false;
      }
    });
    drop.addEventListener("dragover", (event) => {
      event.preventDefault();
      this.mark(event.target.closest(".drop-zone"));
    });
    drop.addEventListener("dragleave", (event) => {
      if (!drop.contains(event.relatedTarget)) drop.hidden = true;
    });
    // Beside the zones a drop would make the browser leave the page.
    for (const name of ["dragover", "drop"]) {
      document.addEventListener(name, (event) => event.preventDefault());
    }
    drop.addEventListener("drop", (event) => {
      drop.hidden = true;
      const as = event.target.closest(".drop-zone")?.dataset.as || "photo";
      this.look([...event.dataTransfer.files], as === "file" ? "document" : "photo");
    });
  }

  mark(zone) {
    for (const one of byId("drop").children) one.classList.toggle("over", one === zone);
  }

  pasted(event) {
    const files = [...(event.clipboardData?.files || [])];
    if (!files.length || byId("composer").hidden) return;
    event.preventDefault();
    this.look(files);
  }

  /** Show what is about to be sent. */
  look(chosen, kind = "photo") {
    const files = chosen.slice(0, FILES_MAX);
    if (!files.length) return;
    this.forget();
    const areImages = files.every((file) => /^image\/(jpeg|png|webp|gif|bmp)$/.test(file.type));
    this.files = files;
    this.draw(areImages ? kind : "document", areImages);
    if (!this.dialog.open) this.dialog.showModal();
  }

  draw(kind, areImages) {
    this.caption = element("textarea", {
      rows: 2, maxLength: CAPTION_CHARACTERS_MAX,
      placeholder: text("caption"), "aria-label": text("caption"),
    });
    this.button = element("button.text-button.primary", { type: "submit" }, text("send"));
    const cancel = element("button.text-button", {
      type: "button", onclick: () => this.dialog.close(),
    }, text("cancel"));
    const title = this.files.length > 1
      ? text("send_many", { count: this.files.length }) : text(areImages ? "send_photo" : "send");
    const form = element("form", { onsubmit: (event) => this.submit(event) },
      element("h2", { id: "send-title" }, title),
      this.preview(areImages),
      this.choice(kind, areImages),
      this.caption,
      element("div.sheet-actions", {}, cancel, this.button));
    this.caption.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing) this.submit(event);
    });
    this.dialog.replaceChildren(form);
    this.caption.autofocus = true;
  }

  preview(areImages) {
    this.addresses = areImages ? this.files.map((file) => URL.createObjectURL(file)) : [];
    const shown = areImages
      ? this.addresses.map((address, index) =>
        element("img", { src: address, alt: this.files[index].name }))
      : this.files.map((file) => element("div.file", {},
        element("span.file-icon", {}, icon(ICONS.file)),
        element("span", {}, element("span.file-name", {}, file.name), element("br"),
          element("span.file-size", {}, sizeText(file.size)))));
    return element("div.preview", {}, ...shown);
  }

  choice(kind, areImages) {
    const hint = element("p.choice-hint", {}, text(kind === "photo" ? "photo_hint" : "file_hint"));
    const option = (value, key) => element("label", {},
      element("input", {
        type: "radio", name: "kind", value, checked: value === kind,
        disabled: value === "photo" && !areImages,
        onchange: () => { hint.textContent = text(`${value === "photo" ? "photo" : "file"}_hint`); },
      }),
      element("span", {}, text(key)));
    return element("div", {},
      element("fieldset.choice", {}, option("photo", "photo_as"), option("document", "file_as")),
      hint);
  }

  async submit(event) {
    event.preventDefault();
    if (this.button.disabled) return;
    this.button.disabled = true;
    const kind = this.dialog.querySelector("input[name=kind]:checked").value;
    try {
      await this.send(this.files, kind, this.caption.value.trim());
      this.dialog.close();
    } finally {
      this.button.disabled = false;
    }
  }

  forget() {
    for (const address of this.addresses || []) URL.revokeObjectURL(address);
    this.addresses = [];
  }
}
