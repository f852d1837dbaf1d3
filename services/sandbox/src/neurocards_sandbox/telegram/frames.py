"""The first frame of a film, taken by the ffmpeg that comes with imageio-ffmpeg.

One ffmpeg at a time, and one run per film: the same bytes are not opened twice.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections import OrderedDict
from pathlib import Path
from tempfile import TemporaryDirectory

import imageio_ffmpeg  # type: ignore[import-untyped]

TIMEOUT_S = 30
FRAMES_KEPT = 200


class FrameTaker:
    """Takes first frames and remembers the last ones."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._frames: OrderedDict[str, bytes | None] = OrderedDict()
        self._one_at_a_time = asyncio.Lock()

    async def first_frame(self, film: bytes) -> bytes | None:
        """A JPEG, or None if ffmpeg cannot read the film."""
        digest = hashlib.sha256(film).hexdigest()
        async with self._one_at_a_time:
            if digest not in self._frames:
                self._frames[digest] = await self._extract(film)
                if len(self._frames) > FRAMES_KEPT:
                    self._frames.popitem(last=False)
            return self._frames[digest]

    async def _extract(self, film: bytes) -> bytes | None:
        with TemporaryDirectory(dir=self._folder) as scratch:
            source, target = Path(scratch, "film.mp4"), Path(scratch, "frame.jpg")
            await asyncio.to_thread(source.write_bytes, film)
            await _run_ffmpeg(source, target)
            return await asyncio.to_thread(_read_if_there, target)


async def _run_ffmpeg(source: Path, target: Path) -> None:
    fitted = "scale=320:320:force_original_aspect_ratio=decrease"
    process = await asyncio.create_subprocess_exec(
        imageio_ffmpeg.get_ffmpeg_exe(),
        *("-v", "error", "-threads", "1", "-i", str(source)),
        *("-frames:v", "1", "-vf", fitted, str(target)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), TIMEOUT_S)
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


def _read_if_there(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None
