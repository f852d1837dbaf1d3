"""Facts of an MP4 read from its boxes: size, duration, rotation.

Not a validator: it reads `moov/mvhd`, the first video track's `tkhd` and nothing else, and
says None for anything that is no MP4.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

BOXES_MAX = 10_000


@dataclass(frozen=True, slots=True)
class VideoFacts:
    """What a player shows before it plays."""

    width: int
    height: int
    duration_s: int


def read_video_facts(data: bytes) -> VideoFacts | None:
    """None if the bytes are no MP4 with a picture track."""
    if data[4:8] != b"ftyp":
        return None
    duration_s = 0.0
    for kind, start, end in _boxes(data, 0, len(data)):
        if kind != b"moov":
            continue
        size = (0, 0)
        for child, child_start, child_end in _boxes(data, start, end):
            if child == b"mvhd":
                duration_s = _duration_s(data[child_start:child_end])
            elif child == b"trak" and size == (0, 0):
                size = _track_size(data, child_start, child_end)
        if size != (0, 0):
            return VideoFacts(size[0], size[1], round(duration_s))
    return None


def _boxes(data: bytes, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    for _ in range(BOXES_MAX):
        if start + 8 > end:
            return
        size, kind = struct.unpack_from(">I4s", data, start)
        header = 8
        if size == 1 and start + 16 <= end:
            (size,) = struct.unpack_from(">Q", data, start + 8)
            header = 16
        elif size == 0:
            size = end - start
        if size < header:
            return
        yield kind, start + header, min(start + size, end)
        start += size


def _duration_s(header: bytes) -> float:
    try:
        if header[0] == 1:
            scale, duration = struct.unpack_from(">IQ", header, 20)
        else:
            scale, duration = struct.unpack_from(">II", header, 12)
    except (struct.error, IndexError):
        return 0.0
    return duration / scale if scale else 0.0


def _track_size(data: bytes, start: int, end: int) -> tuple[int, int]:
    size, is_video = (0, 0), False
    for kind, box_start, box_end in _boxes(data, start, end):
        if kind == b"tkhd":
            size = _shown_size(data[box_start:box_end])
        elif kind == b"mdia":
            is_video = any(
                child == b"hdlr" and data[child_start + 8 : child_start + 12] == b"vide"
                for child, child_start, _ in _boxes(data, box_start, box_end)
            )
    return size if is_video else (0, 0)


def _shown_size(header: bytes) -> tuple[int, int]:
    offset = 52 if header[:1] == b"\x01" else 40
    try:
        matrix = struct.unpack_from(">9i", header, offset)
        width, height = struct.unpack_from(">II", header, offset + 36)
    except struct.error:
        return (0, 0)
    size = (width >> 16, height >> 16)
    # A quarter turn has an empty main diagonal: the film is shown on its side.
    return size[::-1] if matrix[0] == 0 and matrix[4] == 0 else size
