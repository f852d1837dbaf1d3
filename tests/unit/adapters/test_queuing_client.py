"""Requests beyond the connections wait outside of the HTTP client, in line and not for ever."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from neurocards.adapters.queuing_client import QueuingClient

AT_ONCE = 3
PATIENT = httpx.Timeout(None)


class Server:
    """Answers when it is told, and sees how many requests it has at once."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.under_way = 0
        self.most = 0
        self.answered = 0

    async def answer(self, request: httpx.Request) -> httpx.Response:
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        await self.open.wait()
        self.under_way -= 1
        self.answered += 1
        if request.url.path == "/broken":
            raise httpx.ReadError("broken", request=request)
        return httpx.Response(200, stream=httpx.ByteStream(b"yes"))


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def client(server: Server) -> httpx.AsyncClient:
    return QueuingClient(
        limits=httpx.Limits(max_connections=AT_ONCE),
        transport=httpx.MockTransport(server.answer),
        base_url="http://provider",
        timeout=PATIENT,
    )


async def test_no_more_requests_are_under_way_than_may_be(
    server: Server, client: httpx.AsyncClient
):
    requests = [asyncio.create_task(client.get("/")) for _ in range(50)]
    await _turn_over()
    assert server.under_way == AT_ONCE
    server.open.set()
    answers = await asyncio.gather(*requests)
    assert [answer.text for answer in answers] == ["yes"] * 50
    assert server.most == AT_ONCE


async def test_a_request_whose_turn_does_not_come_was_not_sent(
    server: Server, client: httpx.AsyncClient
):
    """PoolTimeout says so: whoever asked may ask again."""
    busy = [asyncio.create_task(client.get("/")) for _ in range(AT_ONCE)]
    await _turn_over()
    with pytest.raises(httpx.PoolTimeout):
        await client.get("/", timeout=httpx.Timeout(None, pool=0.001))
    server.open.set()
    await asyncio.gather(*busy)
    assert server.answered == AT_ONCE


async def test_a_broken_answer_gives_its_turn_back(server: Server, client: httpx.AsyncClient):
    server.open.set()
    for _ in range(2 * AT_ONCE):
        with pytest.raises(httpx.ReadError):
            await client.get("/broken")
    assert (await client.get("/")).text == "yes"


async def test_a_cancelled_request_gives_its_turn_back(server: Server, client: httpx.AsyncClient):
    for _ in range(2 * AT_ONCE):
        request = asyncio.create_task(client.get("/"))
        await _turn_over()
        request.cancel()
        with pytest.raises(asyncio.CancelledError):
            await request
    server.open.set()
    assert (await client.get("/")).text == "yes"


async def test_the_turn_of_a_streamed_answer_ends_when_it_is_closed(
    server: Server, client: httpx.AsyncClient
):
    server.open.set()
    request = client.build_request("GET", "/")
    streams = [await client.send(request, stream=True) for _ in range(AT_ONCE)]
    with pytest.raises(httpx.PoolTimeout):
        await client.get("/", timeout=httpx.Timeout(None, pool=0.001))
    for stream in streams:
        await stream.aclose()
        await stream.aclose()
    assert (await client.get("/")).text == "yes"


async def _turn_over() -> None:
    """Let every task go as far as it can."""
    for _ in range(200):
        await asyncio.sleep(0)
