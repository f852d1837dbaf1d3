"""Photos as Telegram stores them: several JPEG sizes, upright, without EXIF.

Pure functions of bytes; they take tens of milliseconds and belong in a thread.
"""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass

from PIL import Image, ImageOps

from neurocards_sandbox.telegram.errors import bad_request

SIDES_MAX = (90, 320, 800, 1280)
QUALITY = 87
SIDE_SUM_MAX = 10_000
RATIO_MAX = 20


@dataclass(frozen=True, slots=True)
class Picture:
    """One stored size."""

    data: bytes
    width: int
    height: int


def make_sizes(data: bytes) -> list[Picture]:
    """The sizes of a photo, smallest first; raises 400 as Telegram does for a bad one."""
    image = _open(data)
    width, height = image.size
    if width + height > SIDE_SUM_MAX or max(width, height) > RATIO_MAX * min(width, height):
        raise bad_request("PHOTO_INVALID_DIMENSIONS")
    try:
        flat = _flatten(ImageOps.exif_transpose(image))
    except (OSError, SyntaxError, ValueError):
        raise bad_request("IMAGE_PROCESS_FAILED") from None
    longest = max(flat.size)
    sides = [side for side in SIDES_MAX if side < longest]
    if longest <= SIDES_MAX[-1]:
        sides.append(longest)
    pictures = []
    for side in reversed(sides):
        flat.thumbnail((side, side), Image.Resampling.LANCZOS)
        pictures.append(_encoded(flat))
    return pictures[::-1]


def make_thumbnail(data: bytes, side: int = 320) -> Picture | None:
    """A small JPEG of a picture file, None if it is no picture."""
    try:
        image = _open(data)
        if sum(image.size) > SIDE_SUM_MAX:
            return None
        flat = _flatten(image)
        flat.thumbnail((side, side), Image.Resampling.LANCZOS)
        return _encoded(flat)
    except Exception:  # noqa: BLE001 - a broken document simply has no thumbnail
        return None


def _open(data: bytes) -> Image.Image:
    try:
        with warnings.catch_warnings():
            # Sizes are judged by our own rule, before a pixel is decoded.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            return Image.open(io.BytesIO(data))
    except Image.DecompressionBombError:
        raise bad_request("PHOTO_INVALID_DIMENSIONS") from None
    except (OSError, SyntaxError, ValueError):
        raise bad_request("IMAGE_PROCESS_FAILED") from None


def _flatten(image: Image.Image) -> Image.Image:
    if image.mode in {"RGBA", "LA", "PA"} or "transparency" in image.info:
        layer = image.convert("RGBA")
        ground = Image.new("RGBA", layer.size, "white")
        return Image.alpha_composite(ground, layer).convert("RGB")
    return image.convert("RGB")


def _encoded(image: Image.Image) -> Picture:
    out = io.BytesIO()
    image.save(out, "JPEG", quality=QUALITY)
    return Picture(out.getvalue(), *image.size)
