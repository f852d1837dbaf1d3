"""Size and length of an mp4, read from its boxes.

Not a decoder: it proves that the file is whole and says what it claims to be, nothing more.
Every length in the file is foreign and checked against the file before it is believed.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

BOXES_MAX = 10_000
MOOV_BYTES_MAX = 16 * 1024 * 1024
_HEADER = 8
_LONG_HEADER = 16


class DamagedVideoError(ValueError):
    """The file is not a whole mp4 with a picture in it; the message says why."""


@dataclass(frozen=True, slots=True)
class Mp4Facts:
    """`starts_at_once`: the index stands before the data, so a player need not load it all."""

    width: int
    height: int
    duration_s: float
    bytes: int
    starts_at_once: bool


def read_facts(path: Path) -> Mp4Facts:
    """Read the facts of a file; DamagedVideoError when it is cut or has no video track."""
    size = path.stat().st_size
    with path.open("rb") as file:
        positions: dict[bytes, tuple[int, int]] = {}
        for kind, start, end in _top_boxes(file, size):
            positions.setdefault(kind, (start, end))
        if b"ftyp" not in positions or b"moov" not in positions or b"mdat" not in positions:
            raise DamagedVideoError("a part of the mp4 is missing")
        start, end = positions[b"moov"]
        if end - start > MOOV_BYTES_MAX:
            raise DamagedVideoError("the index of the mp4 is too large")
        file.seek(start)
        moov = memoryview(file.read(end - start))
    width, height = _picture_size(moov)
    return Mp4Facts(
        width=width,
        height=height,
        duration_s=_duration_s(moov),
        bytes=size,
        starts_at_once=positions[b"moov"] < positions[b"mdat"],
    )


def _top_boxes(file: BinaryIO, size: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield kind, start of the content and end of each box of the file."""
    offset = 0
    for _ in range(BOXES_MAX):
        if offset == size:
            return
        file.seek(offset)
        header = file.read(_LONG_HEADER)
        if len(header) < _HEADER:
            break
        kind, content, end = _box(header, offset, size)
        yield kind, content, end
        offset = end
    raise DamagedVideoError("the mp4 is cut")


def _box(header: bytes | memoryview, offset: int, limit: int) -> tuple[bytes, int, int]:
    length, kind = struct.unpack_from(">I4s", header)
    content = offset + _HEADER
    if length == 1:
        if len(header) < _LONG_HEADER:
            raise DamagedVideoError("the mp4 is cut")
        (length,) = struct.unpack_from(">Q", header, _HEADER)
        content = offset + _LONG_HEADER
    end = limit if length == 0 else offset + length
    if end > limit or end < content:
        raise DamagedVideoError("the mp4 is cut")
    return kind, content, end


def _children(view: memoryview, kind: bytes) -> Iterator[memoryview]:
    offset = 0
    for _ in range(BOXES_MAX):
        if offset + _HEADER > len(view):
            return
        found, content, end = _box(view[offset : offset + _LONG_HEADER], offset, len(view))
        if found == kind:
            yield view[content:end]
        offset = end


def _child(view: memoryview, *path: bytes) -> memoryview | None:
    found: memoryview | None = view
    for kind in path:
        if found is None:
            return None
        found = next(_children(found, kind), None)
    return found


def _picture_size(moov: memoryview) -> tuple[int, int]:
    for track in _children(moov, b"trak"):
        handler = _child(track, b"mdia", b"hdlr")
        header = _child(track, b"tkhd")
        if handler is None or header is None or bytes(handler[8:12]) != b"vide":
            continue
        try:
            width, height = struct.unpack_from(">II", header, len(header) - 8)
        except struct.error:
            break
        if width >> 16 and height >> 16:
            return width >> 16, height >> 16
    raise DamagedVideoError("the mp4 has no picture")


def _duration_s(moov: memoryview) -> float:
    header = _child(moov, b"mvhd")
    if header is None:
        raise DamagedVideoError("the mp4 does not tell its length")
    try:
        form = ">4xQQIQ" if header[0] == 1 else ">4xIIII"
        _, _, scale, duration = struct.unpack_from(form, header)
    except (struct.error, IndexError):
        raise DamagedVideoError("the mp4 does not tell its length") from None
    if scale == 0 or duration == 0:
        raise DamagedVideoError("the mp4 lasts no time")
    return float(duration) / float(scale)
