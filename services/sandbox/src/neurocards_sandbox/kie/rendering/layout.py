"""Where things stand in the frame: pure geometry, in pixels.

Three layouts: `full` (the photo has nearly the frame's ratio and fills it), `stacked` (the photo
as a card above the captions) and `beside` (a wide frame: the card left, the captions right).
Invariant: sides are even numbers, as yuv420p wants, and captions keep a safe margin.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

SIZES = {"9:16": (720, 1280), "16:9": (1280, 720), "1:1": (960, 960)}
LONG_SIDE = 1280
RATIO_MIN, RATIO_MAX = 9 / 21, 21 / 9
FULL_BLEED_TOLERANCE = 1.18
UPSCALING_MAX = 3.0
CARD_SHARE_MIN = 0.62

Arrangement = Literal["full", "stacked", "beside"]


@dataclass(frozen=True, slots=True)
class Area:
    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Layout:
    width: int
    height: int
    arrangement: Arrangement
    card: Area
    captions: Area
    text_size: int


def frame_size(
    aspect_ratio: str, photo: tuple[int, int] | None, height_max: int
) -> tuple[int, int]:
    """Give the frame for a ratio `W:H` or `photo`, its longer side at most `height_max`."""
    width, height = SIZES.get(aspect_ratio) or _size_of_ratio(_ratio(aspect_ratio, photo))
    scale = min(1.0, height_max / max(width, height))
    return _even(width * scale), _even(height * scale)


def arrange(frame: tuple[int, int], photo: tuple[int, int]) -> Layout:
    width, height = frame
    ratio = photo[0] / photo[1]
    if _is_full_bleed(ratio, width / height):
        return _full(width, height)
    if width > height * 1.2 and ratio < 1.3:
        return _beside(width, height, photo)
    return _stacked(width, height, photo)


def _full(width: int, height: int) -> Layout:
    lower = 0.16 if height > width else 0.09
    block = round(height * (0.24 if height > width else 0.30))
    bottom = round(height * (1 - lower))
    captions = Area(round(width * 0.08), bottom - block, round(width * 0.84), block)
    size = _text_size(width, height)
    return Layout(width, height, "full", Area(0, 0, width, height), captions, size)


def _stacked(width: int, height: int, photo: tuple[int, int]) -> Layout:
    room = Area(
        round(width * 0.07),
        round(height * 0.09),
        round(width * 0.86),
        round(height * (0.60 if height > width else 0.62)),
    )
    top = room.y + room.height + round(height * 0.02)
    bottom = round(height * (0.89 if height > width else 0.94))
    captions = Area(round(width * 0.08), top, round(width * 0.84), bottom - top)
    size = _text_size(width, height)
    return Layout(width, height, "stacked", _card(room, photo), captions, size)


def _beside(width: int, height: int, photo: tuple[int, int]) -> Layout:
    room = Area(
        round(width * 0.06), round(height * 0.09), round(width * 0.42), round(height * 0.82)
    )
    captions = Area(
        round(width * 0.54), round(height * 0.16), round(width * 0.39), round(height * 0.68)
    )
    size = round(height * 0.078)
    return Layout(width, height, "beside", _card(room, photo), captions, size)


def _card(room: Area, photo: tuple[int, int]) -> Area:
    fit = min(room.width / photo[0], room.height / photo[1])
    scale = min(fit, max(UPSCALING_MAX, fit * CARD_SHARE_MIN))
    width = max(2, round(photo[0] * scale))
    height = max(2, round(photo[1] * scale))
    return Area(
        room.x + (room.width - width) // 2, room.y + (room.height - height) // 2, width, height
    )


def _is_full_bleed(ratio: float, wanted: float) -> bool:
    return max(ratio / wanted, wanted / ratio) <= FULL_BLEED_TOLERANCE


def _text_size(width: int, height: int) -> int:
    return round(width * 0.064) if height > width else round(height * 0.062)


def _ratio(aspect_ratio: str, photo: tuple[int, int] | None) -> float:
    width, _, height = aspect_ratio.partition(":")
    if width.isdigit() and height.isdigit() and int(height):
        ratio = int(width) / int(height)
    else:
        ratio = photo[0] / photo[1] if photo else 9 / 16
    return max(RATIO_MIN, min(RATIO_MAX, ratio))


def _size_of_ratio(ratio: float) -> tuple[float, float]:
    return (LONG_SIDE, LONG_SIDE / ratio) if ratio >= 1 else (LONG_SIDE * ratio, LONG_SIDE)


def _even(pixels: float) -> int:
    return max(2, 2 * round(pixels / 2))
