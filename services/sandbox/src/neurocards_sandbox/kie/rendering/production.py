"""Turns an order into an mp4 file: photo and captions -> stills -> film.

Invariant: everything it writes lies in the given folder.
"""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from neurocards_sandbox.kie.rendering import stills
from neurocards_sandbox.kie.rendering.encoder import Camera, Film, Layer, Overlay, encode
from neurocards_sandbox.kie.rendering.layout import Layout, frame_size

CAPTION_SLOT_S_MIN = 1.0
LEAD_S = 0.2
PAUSE_S = 0.12


@dataclass(frozen=True, slots=True)
class RenderOrder:
    photo: bytes | None
    captions: tuple[str, ...]
    seconds: int
    aspect_ratio: str


@dataclass(frozen=True, slots=True)
class RenderQuality:
    height_max: int
    frames_per_s: int
    audio: bool
    timeout_s: float


async def produce(order: RenderOrder, quality: RenderQuality, target: Path) -> None:
    """Render into `target`; UnusablePhotoError or RenderError when that is impossible."""
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        film = await asyncio.to_thread(draw, order, quality, Path(folder))
        unfinished = Path(folder) / "video.mp4"
        await encode(film, unfinished, quality.timeout_s)
        unfinished.replace(target)


def draw(order: RenderOrder, quality: RenderQuality, folder: Path) -> Film:
    """Draw the stills of an order into `folder`."""
    photo = stills.open_photo(order.photo) if order.photo is not None else None
    size = frame_size(order.aspect_ratio, photo.size if photo else None, quality.height_max)
    layout = stills.layout_of(photo, size)
    return Film(
        layers=_layers(photo, layout, folder),
        overlays=_overlays(photo, layout, order, folder),
        seconds=order.seconds,
        frames_per_s=quality.frames_per_s,
        audio=quality.audio,
    )


def caption_times(count: int, seconds: int) -> list[tuple[float, float]]:
    """Share the video's time among the captions: (start, end) in seconds; the last one stays."""
    slot = (seconds - LEAD_S) / max(1, count)
    starts = [LEAD_S + number * slot for number in range(count)]
    return [
        (start, start + slot - PAUSE_S if number < count - 1 else float(seconds))
        for number, start in enumerate(starts)
    ]


def _chosen(captions: tuple[str, ...], seconds: int) -> tuple[str, ...]:
    """When there is no time for all, keep the first ones and the last, which calls to act."""
    room = max(1, int((seconds - LEAD_S) / CAPTION_SLOT_S_MIN))
    return captions if len(captions) <= room else (*captions[: room - 1], captions[-1])


def _layers(photo: Image.Image | None, layout: Layout, folder: Path) -> tuple[Layer, ...]:
    behind, front = stills.background(photo, layout), stills.product(photo, layout)
    back_path = _saved(behind, folder / "background.png")
    if front is None:
        return (Layer(back_path, Camera(1.0, 0.88, 0.5, 0.42)),)
    front_path = _saved(front, folder / "product.png")
    middle_x = (layout.card.x + layout.card.width / 2) / layout.width
    middle_y = (layout.card.y + layout.card.height / 2) / layout.height
    return (
        Layer(back_path, Camera(0.86, 0.98, 0.5, 0.5)),
        Layer(front_path, Camera(1.0, 0.925, round(middle_x, 4), round(middle_y, 4))),
    )


def _overlays(
    photo: Image.Image | None, layout: Layout, order: RenderOrder, folder: Path
) -> tuple[Overlay, ...]:
    accent = stills.accent_colour(photo)
    drawn = [
        picture
        for text in _chosen(order.captions, order.seconds)
        if (picture := stills.caption(text, layout, accent))
    ]
    overlays = []
    shade = stills.scrim(layout)
    if shade and drawn:
        overlays.append(_overlay(shade, folder / "scrim.png"))
    times = caption_times(len(drawn), order.seconds)
    for number, (picture, (start_s, end_s)) in enumerate(zip(drawn, times, strict=True)):
        overlays.append(_overlay(picture, folder / f"caption{number}.png", start_s, end_s))
    overlays.append(_overlay(stills.mark(layout), folder / "mark.png"))
    return tuple(overlays)


def _overlay(
    placed: stills.Placed, path: Path, start_s: float | None = None, end_s: float | None = None
) -> Overlay:
    return Overlay(_saved(placed.picture, path), placed.x, placed.y, start_s, end_s)


def _saved(picture: Image.Image, path: Path) -> Path:
    picture.save(path, compress_level=1)
    return path
