"""Sets text: the typeface, line breaks, and text as a transparent picture with a soft shadow.

The typeface comes as a Python package, since neither Pillow's own nor a bare machine's fonts can
be relied on for Cyrillic. Invariant: a character that the typeface lacks is left out rather than
shown as an empty box.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import fontpkg_inter  # type: ignore[import-untyped]
from PIL import Image, ImageDraw, ImageFilter, ImageFont

LINE_HEIGHT = 1.24
SIZE_STEP = 0.94
SIZE_SHARE_MIN = 0.55
_FONT_FILE = fontpkg_inter.ROOT / "files" / "Inter[opsz,wght].ttf"
_SEMIBOLD = [28, 650]
# Groups of digits, a number and its unit, and a short word and the next one stay together.
_INSEPARABLE = re.compile(
    r"(?<=\d) (?=\d{3}\b)|(?<=\d) (?=[₽€$£%°]|[a-zа-я]{1,3}\b)|(?<=\b[A-Za-zА-Яа-яЁё]) (?=\w)"
    r"|(?<=\b[а-яё]{2}) (?=\w)| (?=[—–])"
)
_INVISIBLE = frozenset("\u200b\u200c\u200d\ufe0e\ufe0f\u00ad")


@dataclass(frozen=True, slots=True)
class TextBox:
    """Where a text has to fit, in pixels."""

    width: int
    height: int
    size: int
    align: Literal["left", "center"]


@lru_cache(maxsize=64)
def typeface(size: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.truetype(str(_FONT_FILE), size)
    font.set_variation_by_axes(list(_SEMIBOLD))
    return font


def printable(text: str) -> str:
    """Leave out what cannot be drawn, such as emoji, and bind what a line must not part."""
    kept = "".join(" " if c.isspace() else c for c in text if c not in _INVISIBLE and _has_glyph(c))
    return _INSEPARABLE.sub("\u00a0", " ".join(kept.split()))


@lru_cache(maxsize=4096)
def _has_glyph(character: str) -> bool:
    if character.isspace():
        return True
    font = typeface(24)
    return bytes(font.getmask(character)) != _empty_box()


@lru_cache(maxsize=1)
def _empty_box() -> bytes:
    return bytes(typeface(24).getmask("\U0010ffff"))


def text_picture(text: str, box: TextBox, shadow: int) -> Image.Image:
    """Draw the text as large as it fits (white on nothing); `shadow` is the blur in pixels.

    The picture is as wide as the box plus a border of two shadows on each side.
    """
    font, lines = _fitted(text, box)
    step = round(font.size * LINE_HEIGHT)
    border = shadow * 2
    size = (box.width + 2 * border, step * len(lines) + 2 * border)
    mask = Image.new("L", size, 0)
    pen = ImageDraw.Draw(mask)
    for number, line in enumerate(lines):
        free = box.width - font.getlength(line)
        x = border + (free / 2 if box.align == "center" else 0)
        pen.text((x, border + number * step + step // 2), line, font=font, fill=255, anchor="lm")
    dark = mask.filter(ImageFilter.GaussianBlur(shadow)).point(lambda v: min(255, int(v * 1.35)))
    alpha = Image.composite(mask, dark, mask)
    picture = Image.merge("RGBA", [mask, mask, mask, alpha])
    picture.putalpha(Image.eval(alpha, lambda v: v))
    return picture


def _fitted(text: str, box: TextBox) -> tuple[ImageFont.FreeTypeFont, list[str]]:
    size = float(box.size)
    while True:
        font = typeface(max(8, round(size)))
        lines = _wrapped(text, font, box.width)
        high_enough = len(lines) * font.size * LINE_HEIGHT <= box.height
        wide_enough = all(_fits(word, font, box.width) for word in text.split())
        if (high_enough and wide_enough) or size <= box.size * SIZE_SHARE_MIN:
            return font, lines[: max(1, int(box.height / (font.size * LINE_HEIGHT)))]
        size *= SIZE_STEP


def _wrapped(text: str, font: ImageFont.FreeTypeFont, width: int) -> list[str]:
    lines = [""]
    for word in text.split(" "):
        for piece in _pieces(word, font, width):
            longer = f"{lines[-1]} {piece}".strip()
            if font.getlength(longer) <= width:
                lines[-1] = longer
            else:
                lines.append(piece)
    return _without_orphan([line for line in lines if line], font, width)


def _pieces(word: str, font: ImageFont.FreeTypeFont, width: int) -> list[str]:
    """Cut a word that is wider than a line; there is no better place than any."""
    pieces = [word]
    while font.getlength(pieces[-1]) > width and len(pieces[-1]) > 1:
        tail = pieces.pop()
        end = next(n for n in range(len(tail) - 1, 0, -1) if n == 1 or _fits(tail[:n], font, width))
        pieces += [tail[:end], tail[end:]]
    return pieces


def _fits(text: str, font: ImageFont.FreeTypeFont, width: int) -> bool:
    return font.getlength(text) <= width


def _without_orphan(lines: list[str], font: ImageFont.FreeTypeFont, width: int) -> list[str]:
    """Give a last line of one short word company, as a typesetter would."""
    if len(lines) < 2 or " " in lines[-1] or " " not in lines[-2]:
        return lines
    head, _, moved = lines[-2].rpartition(" ")
    joined = f"{moved} {lines[-1]}"
    if font.getlength(lines[-1]) > width / 3 or not _fits(joined, font, width):
        return lines
    return [*lines[:-2], head, joined]
