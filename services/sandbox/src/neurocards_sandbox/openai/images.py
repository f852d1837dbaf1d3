"""Looks at a picture that came as a data URL: is it one, how large, of which tone?"""

from __future__ import annotations

import base64
import binascii
import colorsys
import hashlib
import io
from dataclasses import dataclass

from PIL import Image, ImageStat

from neurocards_sandbox.openai import errors

PIXELS_MAX = 60_000_000
FORMATS = frozenset({"JPEG", "PNG", "GIF", "WEBP"})


@dataclass(frozen=True, slots=True)
class PictureFacts:
    """What an honest text may say of a photo without understanding it."""

    width: int
    height: int
    format: str
    tone: str
    """`dark`, `light`, `neutral`, `warm`, `cool` or `fresh`."""
    digest: str


def looked_at(url: str, bytes_max: int) -> PictureFacts:
    """Decode a data URL for real; ApiError 400 for what is no picture or too large."""
    header, comma, encoded = url.partition(",")
    if not comma or not header.startswith("data:image/") or not header.endswith(";base64"):
        raise errors.invalid_image()
    if len(encoded) * 3 // 4 > bytes_max:
        raise errors.image_too_large(bytes_max)
    try:
        content = base64.b64decode(encoded, validate=True)
        return _facts(content, bytes_max)
    except (binascii.Error, OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        raise errors.invalid_image() from None


def _facts(content: bytes, bytes_max: int) -> PictureFacts:
    with Image.open(io.BytesIO(content)) as picture:
        if picture.format not in FORMATS:
            raise errors.invalid_image()
        if picture.width * picture.height > PIXELS_MAX:
            raise errors.image_too_large(bytes_max)
        width, height, kind = picture.width, picture.height, picture.format
        picture.draft("RGB", (128, 128))
        small = picture.convert("RGB").resize((32, 32), Image.Resampling.BOX)
    red, green, blue = ImageStat.Stat(small).mean
    return PictureFacts(width, height, kind, _tone(red, green, blue), _digest(content))


def _tone(red: float, green: float, blue: float) -> str:
    hue, lightness, saturation = colorsys.rgb_to_hls(red / 255, green / 255, blue / 255)
    if lightness < 0.2:
        return "dark"
    if lightness > 0.85:
        return "light"
    if saturation < 0.12:
        return "neutral"
    degrees = hue * 360
    if degrees < 75 or degrees >= 315:
        return "warm"
    return "fresh" if degrees < 165 else "cool"


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
