"""What makes a photo usable, as limits and as reasons that a user can act on."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

PHOTO_BYTES_MAX = 20 * 1024 * 1024
"""Telegram's own limit for a file that a bot may download."""
PHOTO_PIXELS_MAX = 50_000_000
PHOTO_SIDE_PIXELS_MIN = 64
PHOTO_SIDE_PIXELS_MAX = 2048
"""A larger photo is scaled down to this side before it leaves the house."""
UPLOAD_BYTES_MAX = 10 * 1024 * 1024
"""The video models take no larger image."""
FORMATS = ("JPEG", "PNG", "WEBP")


class PhotoFault(StrEnum):
    """Why a photo cannot be used."""

    EMPTY = "empty"
    TOO_MANY_BYTES = "too_many_bytes"
    TOO_MANY_PIXELS = "too_many_pixels"
    TOO_SMALL = "too_small"
    NOT_AN_IMAGE = "not_an_image"
    DAMAGED = "damaged"
    HEIC = "heic"
    ANIMATED = "animated"
    UNSUPPORTED_FORMAT = "unsupported_format"


@dataclass(frozen=True, slots=True)
class PhotoFacts:
    """A usable photo, as it will be shown: turned upright."""

    width: int
    height: int
    format: str
