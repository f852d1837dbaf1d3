"""The smallest files that pass for a video and a photo; nothing can be seen in them."""

from __future__ import annotations

import struct

TINY_JPEG = bytes.fromhex("ffd8ffe000104a46494600010100000100010000ffd9")
"""The first and the last bytes of a JPEG; enough for whoever looks no further."""


def tiny_mp4(*, width: int = 720, height: int = 1280, duration_s: float = 5.0) -> bytes:
    """Make a whole mp4 with an index and without a picture."""
    scale = 1000
    header = struct.pack(">4xIIII", 0, 0, scale, round(duration_s * scale)) + bytes(80)
    track_header = bytes(76) + struct.pack(">II", width << 16, height << 16)
    handler = _box(b"hdlr", bytes(8) + b"vide" + bytes(12) + b"\0")
    track = _box(b"trak", _box(b"tkhd", track_header) + _box(b"mdia", handler))
    moov = _box(b"moov", _box(b"mvhd", header) + track)
    return _box(b"ftyp", b"isom\0\0\2\0isomiso2mp41") + moov + _box(b"mdat", bytes(16))


def _box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content
