"""A TCP proxy that misbehaves on request: what stands between the processes and everything else."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

CHUNK_BYTES = 65_536
CONNECT_S = 2.0
Address = tuple[str, int]


class Fault(StrEnum):
    """What a link does to those who use it."""

    LATENCY = "latency"
    """Every piece of an answer is late."""
    REFUSE = "refuse"
    """Connections are closed as soon as they are open."""
    SILENCE = "silence"
    """Half-open: bytes are taken, nothing comes back."""
    RESET_AFTER_REQUEST = "reset_after_request"
    """The request goes out; the connection breaks when its answer begins."""


@dataclass(slots=True)
class Trouble:
    """`share` of the answers is struck; `delay_s` is the latency."""

    fault: Fault
    share: float = 1.0
    delay_s: float = 0.0


class FaultProxy:
    """One link; behind it one server, or several that take turns."""

    def __init__(self, name: str, upstreams: Sequence[Address], *, dice: random.Random) -> None:
        self.name = name
        self.trouble: Trouble | None = None
        self._upstreams = list(upstreams)
        self._dice = dice
        self._turn = 0
        self._writers: set[asyncio.StreamWriter] = set()
        self._muted: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.port = 0

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        self.cut()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def cut(self) -> None:
        """Reset every connection that is open now."""
        for writer in list(self._writers):
            writer.transport.abort()

    def mute(self) -> None:
        """Leave every connection that is open now half-open for good; later ones are well."""
        self._muted |= self._writers

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
        self._writers.add(writer)
        try:
            await self._relay(reader, writer)
        except (OSError, TimeoutError, asyncio.CancelledError):
            # The end of a connection is what this is here for.
            pass
        finally:
            self._writers.discard(writer)
            self._muted.discard(writer)
            writer.transport.abort()
            if task is not None:
                self._tasks.discard(task)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.trouble is not None and self.trouble.fault is Fault.REFUSE:
            return
        server_reader, server_writer = await self._connected()
        self._writers.add(server_writer)
        ways = [
            asyncio.create_task(_pump(reader, server_writer)),
            asyncio.create_task(self._answers(server_reader, writer)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._writers.discard(server_writer)
            self._muted.discard(server_writer)
            for way in ways:
                way.cancel()
            await asyncio.wait(ways)
            server_writer.transport.abort()

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect to the next server whose turn it is and that answers."""
        error: OSError | TimeoutError = ConnectionRefusedError()
        for _ in self._upstreams:
            host, port = self._upstreams[self._turn % len(self._upstreams)]
            self._turn += 1
            try:
                async with asyncio.timeout(CONNECT_S):
                    return await asyncio.open_connection(host, port)
            except (OSError, TimeoutError) as failed:
                error = failed
        raise error

    async def _answers(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while chunk := await reader.read(CHUNK_BYTES):
                if writer in self._muted:
                    continue
                trouble = self.trouble
                if trouble is not None and self._dice.random() < trouble.share:
                    match trouble.fault:
                        case Fault.LATENCY:
                            await asyncio.sleep(trouble.delay_s)
                        case Fault.RESET_AFTER_REQUEST | Fault.REFUSE:
                            return
                        case Fault.SILENCE:
                            continue
                writer.write(chunk)
                await writer.drain()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while chunk := await reader.read(CHUNK_BYTES):
            writer.write(chunk)
            await writer.drain()
