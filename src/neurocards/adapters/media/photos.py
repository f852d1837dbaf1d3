"""A PhotoInspector that decodes nothing itself: every photo gets a process of its own.

A process that is killed by its limits, or that answers nonsense, means a photo that cannot be
used; it never means a crash here.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import Any

import structlog

from neurocards.adapters.media.magic import fault_by_header
from neurocards.adapters.media.photo_task import PhotoTask
from neurocards.domain.photos import PhotoFacts, PhotoFault
from neurocards.errors import PhotoUnusableError

WALL_S_MAX = 30.0
PROCESSES_MAX = 2
_MODULE = "neurocards.adapters.media.photo_process"

log = structlog.get_logger(__name__)


class SubprocessPhotoInspector:
    """A PhotoInspector."""

    def __init__(
        self, *, processes_max: int = PROCESSES_MAX, wall_s_max: float = WALL_S_MAX
    ) -> None:
        """At most `processes_max` photos are decoded at once; the others wait their turn."""
        self._turns = asyncio.Semaphore(processes_max)
        self._wall_s_max = wall_s_max

    async def inspect(self, photo: bytes) -> PhotoFacts:
        reply, _ = await self._decoded(PhotoTask.INSPECT, photo)
        try:
            return PhotoFacts(int(reply["width"]), int(reply["height"]), str(reply["format"]))
        except (KeyError, TypeError, ValueError):
            raise PhotoUnusableError(PhotoFault.DAMAGED) from None

    async def cleaned(self, photo: bytes) -> bytes:
        _, image = await self._decoded(PhotoTask.CLEAN, photo)
        if not image:
            raise PhotoUnusableError(PhotoFault.DAMAGED)
        return image

    async def _decoded(self, task: PhotoTask, photo: bytes) -> tuple[dict[str, Any], bytes]:
        fault = fault_by_header(photo)
        if fault is not None:
            raise PhotoUnusableError(fault)
        async with self._turns:
            output = await self._process(task, photo)
        line, _, image = output.partition(b"\n")
        try:
            reply = json.loads(line)
            known = reply.get("fault")
            fault = PhotoFault(known) if known is not None else None
        except (ValueError, AttributeError):
            raise PhotoUnusableError(PhotoFault.DAMAGED) from None
        if fault is not None:
            raise PhotoUnusableError(fault)
        return reply, image

    async def _process(self, task: PhotoTask, photo: bytes) -> bytes:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-I",
            "-m",
            _MODULE,
            task.value,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={"PATH": os.defpath},
            cwd="/",
        )
        try:
            async with asyncio.timeout(self._wall_s_max):
                output, _ = await process.communicate(photo)
        except TimeoutError:
            output = b""
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode != 0:
            log.warning("photo.process_failed", task=task, exit_code=process.returncode)
        return output
