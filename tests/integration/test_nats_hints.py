"""Hints on a real NATS server that is restarted, and one that is away."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from prometheus_client import CollectorRegistry

from neurocards.adapters.nats.connection import NatsConnection
from neurocards.adapters.nats.hints import NatsHints
from neurocards.errors import QueueUnavailableError
from neurocards.settings import Broker
from neurocards.telemetry.metrics import CommonMetrics
from support.broker import Nats

BOUND_S = 30.0


@contextlib.asynccontextmanager
async def _connected(url: str) -> AsyncIterator[NatsHints]:
    settings = Broker.model_validate({"nats_url": url})
    metrics = CommonMetrics(CollectorRegistry())
    async with NatsConnection(settings, name="test", metrics=metrics) as connection:
        yield NatsHints(connection)


async def test_a_hint_listener_survives_a_restart_of_the_server(
    nats_url: str, nats_server: Nats
) -> None:
    heard = asyncio.Event()
    async with (
        _connected(nats_url) as hints,
        hints.listening("wake.render.*", lambda _subject, _payload: heard.set()),
    ):
        await nats_server.restart()
        async with asyncio.timeout(BOUND_S):
            while not heard.is_set():
                await hints.announce("wake.render.0190")
                await asyncio.sleep(0.05)


async def test_a_hint_that_must_be_taken_is_refused_while_the_server_is_away(
    nats_url: str, nats_server: Nats
) -> None:
    """Whoever told us something can then be asked to tell it again."""
    async with _connected(nats_url) as hints:
        await hints.announce_surely("wake.render.0190", b"task")
        await nats_server.stop()
        try:
            with pytest.raises(QueueUnavailableError):
                await hints.announce_surely("wake.render.0190", b"task")
        finally:
            await nats_server.start()


async def test_a_listener_that_began_without_a_server_hears_later(
    nats_url: str, nats_server: Nats
) -> None:
    heard = asyncio.Event()
    await nats_server.stop()
    try:
        async with (
            _connected(nats_url) as hints,
            hints.listening("wake.*.*", lambda _subject, _payload: heard.set()),
        ):
            await hints.announce("wake.render.lost")
            await nats_server.start()
            async with asyncio.timeout(BOUND_S):
                while not heard.is_set():
                    await hints.announce("wake.render.0190")
                    await asyncio.sleep(0.05)
    finally:
        await nats_server.start()
