"""A PhotoInspector that decodes nothing itself: every photo gets a process of its own.

A process that is ended by its limit of processor time, or that answers nonsense, means a photo that
cannot be used. One that is killed, for want of memory say, or that the machine gives no time, says
nothing of the photo. Neither means a crash here.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from typing import Any

import structlog

from neurocards.adapters.media.magic import fault_by_header
from neurocards.adapters.media.photo_task import PhotoTask
from neurocards.domain.photos import UPLOAD_BYTES_MAX, PhotoFacts, PhotoFault
from neurocards.errors import PhotoNotInspectedError, PhotoUnusableError

WALL_S_MAX = 30.0
PROCESSES_MAX = 2
OUTPUT_BYTES_MAX = UPLOAD_BYTES_MAX + 64 * 1024
"""The largest photo that comes out, and the line before it. A process that was taken over by its
photo could write without end."""
READ_BYTES = 64 * 1024
_MODULE = "neurocards.adapters.media.photo_process"

log = structlog.get_logger(__name__)


class SubprocessPhotoInspector:
    """A PhotoInspector."""

    def __init__(
        self,
        *,
        processes_max: int = PROCESSES_MAX,
        wall_s_max: float = WALL_S_MAX,
        output_bytes_max: int = OUTPUT_BYTES_MAX,
    ) -> None:
        """At most `processes_max` photos are decoded at once; the others wait their turn."""
        self._turns = asyncio.Semaphore(processes_max)
        self._wall_s_max = wall_s_max
        self._output_bytes_max = output_bytes_max

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
        output: bytes | None = None
        try:
            async with asyncio.timeout(self._wall_s_max):
                _, output = await asyncio.gather(
                    _fed(process, photo), _read(process, bytes_max=self._output_bytes_max)
                )
        except TimeoutError:
            log.warning("photo.process_too_slow", task=task, wall_s_max=self._wall_s_max)
            raise PhotoNotInspectedError(PhotoFault.DAMAGED) from None
        finally:
            if process.returncode is None:
                process.kill()
                await _drained(process)
        if output is None:
            log.warning("photo.process_talks_too_much", task=task)
            return b""
        if process.returncode != 0:
            log.warning("photo.process_failed", task=task, exit_code=process.returncode)
        if _was_killed(process):
            raise PhotoNotInspectedError(PhotoFault.DAMAGED)
        return output


def _was_killed(process: asyncio.subprocess.Process) -> bool:
    """Tell whether somebody else ended it; the limit of processor time ends what costs too much."""
    code = process.returncode or 0
    return code < 0 and -code != signal.SIGXCPU


async def _fed(process: asyncio.subprocess.Process, photo: bytes) -> None:
    """Write the photo; a process that has ended before it read all of it has its reason."""
    if process.stdin is None:
        raise ValueError("the process has no standard input")
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        process.stdin.write(photo)
        await process.stdin.drain()
    process.stdin.close()


async def _read(process: asyncio.subprocess.Process, *, bytes_max: int) -> bytes | None:
    """Read all that the process says and wait for its end; None as soon as it is too much."""
    if process.stdout is None:
        raise ValueError("the process has no standard output")
    output = bytearray()
    while chunk := await process.stdout.read(READ_BYTES):
        output += chunk
        if len(output) > bytes_max:
            process.kill()
            await _drained(process)
            return None
    await process.wait()
    return bytes(output)


async def _drained(process: asyncio.subprocess.Process) -> None:
    """Wait for the end of a killed process; what it has still said must be read for that."""
    while process.stdout is not None and await process.stdout.read(READ_BYTES):
        pass
    await process.wait()
