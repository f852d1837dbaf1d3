"""The photo that every order of a benchmark carries: made here, the size of a phone's picture."""

from __future__ import annotations

import io
from functools import cache

from PIL import Image, ImageDraw

SIZE = (1280, 960)
_BLOCK = 16


@cache
def photo() -> bytes:
    """Give a JPEG with the detail of a photo, so that decoding it costs what a photo costs."""
    image = Image.effect_noise(SIZE, 12).convert("RGB")
    draw = ImageDraw.Draw(image)
    for row in range(0, SIZE[1], _BLOCK):
        shade = 60 + row * 120 // SIZE[1]
        draw.line([(0, row), (SIZE[0], row)], fill=(shade, shade // 2, 200 - shade))
    draw.ellipse((400, 200, 880, 760), fill=(200, 170, 140), outline=(60, 40, 30), width=12)
    encoded = io.BytesIO()
    image.save(encoded, "JPEG", quality=85)
    return encoded.getvalue()
