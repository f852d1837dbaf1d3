"""Small pictures made on the spot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PIL import Image


def picture(
    path: Path, *, size: tuple[int, int] = (800, 600), mode: str = "RGB", **saving: Any
) -> Path:
    """Write a picture with a little structure; the format follows the file's name."""
    image = Image.linear_gradient("L").resize(size).convert(mode)
    image.save(path, **saving)
    return path
