"""From an unblocked or a new key to a worker that goes on with a parked job, on real servers."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from uuid import UUID

import asyncpg
import pytest
from prometheus_client import CollectorRegistry

from neurocards.adapters.nats.connection import NatsConnection
from neurocards.adapters.nats.consumer import NatsJobQueue
from neurocards.adapters.nats.publisher import NatsPublisher
from neurocards.adapters.nats.stream import JobStream
from neurocards.adapters.postgres import Database, PostgresKeyStore, PostgresOutbox
from neurocards.adapters.postgres.operations import Operations
from neurocards.domain.keys import ProviderKey, parse_keys
from neurocards.domain.outcomes import Snooze
from neurocards.settings import Broker
from neurocards.telemetry.metrics import CommonMetrics
from neurocards.testing.world import accepted, claimed, taken_messages
from neurocards_bot.outbox_metrics import OutboxMetrics
from neurocards_bot.relay import Relay
from neurocards_worker.key_gate import KeyGate, KeyWindow, Turn
from neurocards_worker.moments import SystemMoments
from support.postgres_world import PostgresWorld

BOUND_S = 20.0
"""Ten times what it may take."""
KEYS = parse_keys({"KIE_API_KEY": "one,two"})
WINDOW = KeyWindow(20, 10.0, margin_s=1.0)


def _gate(database: Database, *keys: ProviderKey) -> KeyGate:
    return KeyGate(
        PostgresKeyStore(database), keys, window=WINDOW, wait_s_max=1.0, moments=SystemMoments()
    )


async def _taken(gate: KeyGate) -> ProviderKey:
    turn = await gate.take()
    assert isinstance(turn, Turn), turn
    return turn.key


@pytest.fixture
async def arrived(database: Database, nats_url: str) -> AsyncIterator[asyncio.Queue[UUID]]:
    """The jobs that reach a worker: a relay and a consumer run, the outbox is polled as always."""
    settings = Broker.model_validate({"nats_url": nats_url})
    metrics = CommonMetrics(CollectorRegistry())
    jobs: asyncio.Queue[UUID] = asyncio.Queue()
    async with NatsConnection(settings, name="tests", metrics=metrics) as connection:
        stream = JobStream(connection, settings, ack_wait_s=60.0, metrics=metrics)
        publisher = NatsPublisher(connection, stream, metrics)
        counts = OutboxMetrics(CollectorRegistry())
        relay = Relay(PostgresOutbox(database), publisher, counts, poll_s=0.5)
        queue = NatsJobQueue(connection, stream, pool="default", metrics=metrics)

        async def take() -> None:
            async with contextlib.aclosing(queue.deliveries(free_slots=lambda: 9)) as deliveries:
                async for delivery in deliveries:
                    await delivery.ack()
                    jobs.put_nowait(delivery.job_id)

        running = [asyncio.create_task(relay.run()), asyncio.create_task(take())]
        yield jobs
        for task in running:
            task.cancel()
        await asyncio.wait(running)


async def _parked(world: PostgresWorld, gate: KeyGate) -> UUID:
    """Park a job as a worker does that is told that no key is healthy."""
    job = await claimed(world, await accepted(world))
    told = await gate.take()
    assert isinstance(told, Snooze)
    await world.jobs.postpone(job.fence, after_s=told.after_s, reason=told.reason)
    await taken_messages(world)
    return job.id


async def test_an_unblocked_key_is_usable_for_every_worker_and_the_parked_job_comes_at_once(
    database: Database, pool: asyncpg.Pool, arrived: asyncio.Queue[UUID]
):
    """I10, S0-38, S0-39: no worker is restarted and none keeps a word of its own about a key."""
    world, gates = PostgresWorld(database, pool), [_gate(database, KEYS[0]) for _ in range(3)]
    await gates[0].register()
    await gates[0].block(KEYS[0], for_s=3600, reason="rate_limit")
    job_id = await _parked(world, gates[1])
    assert [type(await gate.take()) for gate in gates] == [Snooze] * 3
    await Operations(database, actor="tests").unblock_keys(None)
    assert [await _taken(gate) for gate in gates] == [KEYS[0]] * 3
    assert await asyncio.wait_for(arrived.get(), BOUND_S) == job_id
    assert (await claimed(world, job_id)).tries == 0


async def test_a_worker_that_starts_with_a_new_key_wakes_the_parked_job(
    database: Database, pool: asyncpg.Pool, arrived: asyncio.Queue[UUID]
):
    """S0-38: adding a key is enough."""
    world, old, new = (
        PostgresWorld(database, pool),
        _gate(database, KEYS[0]),
        _gate(database, *KEYS),
    )
    await old.register()
    await old.block(KEYS[0], for_s=3600, reason="billing")
    job_id = await _parked(world, old)
    await new.register()
    assert await asyncio.wait_for(arrived.get(), BOUND_S) == job_id
    assert await _taken(new) == KEYS[1]
