// Photos, videos, files and stickers of a message.

import { element, icon, ICONS } from "./elements.js";
import { sizeText, text } from "./texts.js";

export const PLAYS_H264 = document.createElement("video")
  .canPlayType('video/mp4; codecs="avc1.42E01E"') !== "";

const CALM = matchMedia("(prefers-reduced-motion: reduce)");

/** @returns {{node: Node, isMedia: boolean} | null} */
export function mediaNode(media) {
  if (!media) return null;
  switch (media.kind) {
    case "photo": return { node: photo(media), isMedia: true };
    case "video":
    case "animation": return { node: video(media), isMedia: true };
    case "sticker": return { node: sticker(media), isMedia: true };
    default: return { node: file(media), isMedia: false };
  }
}

function shape(node, media) {
  // Set before the bytes are here, so that nothing jumps when they come.
  if (media.width && media.height) node.style.aspectRatio = `${media.width} / ${media.height}`;
  return node;
}

function photo(media) {
  const picture = element("img", { src: media.url, alt: text("photo"), decoding: "async" });
  return shape(element("a.media.photo", {
    href: media.url, target: "_blank", rel: "noopener",
  }, picture), media);
}

function video(media) {
  const frame = shape(element("div.media.video"), media);
  if (media.width && media.height) {
    const tall = media.height > media.width;
    frame.style.width = tall ? `min(${Math.round((media.width / media.height) * 520)}px, 72vw)`
      : "min(500px, 82vw)";
  }
  return PLAYS_H264 ? player(frame, media) : poster(frame, media);
}

function player(frame, media) {
  const node = element("video", {
    src: media.url, controls: true, loop: true, muted: true, playsInline: true,
    preload: "metadata", "aria-label": text("video"),
  });
  if (media.thumbnail_url) node.poster = media.thumbnail_url;
  node.autoplay = !CALM.matches;
  frame.append(node);
  return frame;
}

function poster(frame, media) {
  if (media.thumbnail_url) {
    frame.append(element("img", { src: media.thumbnail_url, alt: text("video") }));
  }
  return element("div", {}, frame, element("p.video-note", { role: "note" },
    text("no_h264"), " ",
    element("a", { href: media.url, download: media.file_name || "video.mp4" }, text("download"))));
}

function sticker(media) {
  return element("div.sticker", {},
    element("img", { src: media.url, alt: text("sticker"), decoding: "async" }));
}

function file(media) {
  const symbol = media.thumbnail_url
    ? element("span.file-icon.thumbnail", {}, element("img", { src: media.thumbnail_url, alt: "" }))
    : element("span.file-icon", {}, icon(ICONS.file));
  return element("a.file", { href: media.url, download: media.file_name || "" }, symbol,
    element("span", {},
      element("span.file-name", {}, media.file_name || media.kind), element("br"),
      element("span.file-size", {}, sizeText(media.file_size || 0))));
}
