"""The links of a chaos run do what they are told, and nothing when they are told nothing."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator

import pytest

from chaos.proxy import Fault, FaultProxy, Trouble

PATIENCE_S = 60.0


class Echo:
    """A server that remembers what it was told, and says it back."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while line := await reader.readline():
                self.heard.append(line)
                writer.write(line)
                await writer.drain()
        writer.close()


@pytest.fixture
async def echo() -> Echo:
    return Echo()


@pytest.fixture
async def link(echo: Echo) -> AsyncIterator[FaultProxy]:
    server = await asyncio.start_server(echo.serve, "127.0.0.1", 0)
    address = server.sockets[0].getsockname()
    nobody = ("127.0.0.1", 1)
    proxy = FaultProxy("test", [nobody, (address[0], address[1])], dice=random.Random(1))
    await proxy.start()
    yield proxy
    await proxy.stop()
    server.close()
    await server.wait_closed()


async def _asked(link: FaultProxy, *, within_s: float = PATIENCE_S) -> bytes:
    """Say a line on a new connection; gives the answer, nothing when it was broken off."""
    async with asyncio.timeout(within_s):
        reader, writer = await asyncio.open_connection("127.0.0.1", link.port)
        try:
            writer.write(b"hello\n")
            await writer.drain()
            return await reader.readline()
        except ConnectionError:
            return b""
        finally:
            writer.transport.abort()


async def test_a_link_without_trouble_reaches_the_server_that_answers(link: FaultProxy):
    """The one that is away is passed over, whosever turn it is."""
    assert [await _asked(link) for _ in range(3)] == [b"hello\n"] * 3


async def test_a_request_goes_out_although_its_answer_is_torn_off(link: FaultProxy, echo: Echo):
    """That is the doubt which money hangs on."""
    link.trouble = Trouble(Fault.RESET_AFTER_REQUEST)
    assert await _asked(link) == b""
    assert echo.heard == [b"hello\n"]
    link.trouble = None
    assert await _asked(link) == b"hello\n"


async def test_a_link_that_refuses_lets_nothing_through(link: FaultProxy, echo: Echo):
    """As a server does that is being started."""
    link.trouble = Trouble(Fault.REFUSE)
    assert await _asked(link) == b""
    assert echo.heard == []


async def test_a_silent_link_takes_the_request_and_answers_nothing(link: FaultProxy, echo: Echo):
    """As after a firewall has forgotten the connection."""
    link.trouble = Trouble(Fault.SILENCE)
    with pytest.raises(TimeoutError):
        await _asked(link, within_s=2.0)
    assert echo.heard == [b"hello\n"]


async def test_a_slow_link_answers_late(link: FaultProxy):
    """By the delay at least."""
    loop = asyncio.get_running_loop()
    link.trouble = Trouble(Fault.LATENCY, delay_s=0.3)
    began = loop.time()
    assert await _asked(link) == b"hello\n"
    assert loop.time() - began >= 0.3


async def test_cut_breaks_what_is_open_and_nothing_later(link: FaultProxy):
    """Every client notices at once."""
    reader, writer = await asyncio.open_connection("127.0.0.1", link.port)
    writer.write(b"hello\n")
    assert await reader.readline() == b"hello\n"
    link.cut()
    async with asyncio.timeout(PATIENCE_S):
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""
    writer.transport.abort()
    assert await _asked(link) == b"hello\n"


async def test_mute_leaves_what_is_open_half_open_and_nothing_later(link: FaultProxy, echo: Echo):
    """As after a machine between the two has lost its memory of the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", link.port)
    writer.write(b"hello\n")
    assert await reader.readline() == b"hello\n"
    link.mute()
    writer.write(b"anybody there?\n")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(2.0):
            await reader.readline()
    assert echo.heard == [b"hello\n", b"anybody there?\n"]
    writer.transport.abort()
    assert await _asked(link) == b"hello\n"
