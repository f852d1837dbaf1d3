"""From an accepted order to a message in a worker's hands, on real PostgreSQL and NATS."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from types import SimpleNamespace
from typing import cast
from uuid import UUID

import asyncpg
import pytest
from prometheus_client import CollectorRegistry

from neurocards.adapters.nats.connection import NatsConnection
from neurocards.adapters.nats.consumer import NatsJobQueue
from neurocards.adapters.nats.publisher import NatsPublisher
from neurocards.adapters.nats.stream import JobStream
from neurocards.adapters.postgres import (
    Database,
    PostgresJobStore,
    PostgresOrderStore,
    PostgresOutbox,
)
from neurocards.domain.jobs import JobStatus
from neurocards.ports.queue import Delivery, OverdueJob
from neurocards.settings import Broker
from neurocards.telemetry.metrics import CommonMetrics
from neurocards.testing.world import World, accepted, brought_to
from neurocards_bot.clock import SystemClock
from neurocards_bot.housekeeping import Housekeeping, Kept
from neurocards_bot.outbox_metrics import OutboxMetrics
from neurocards_bot.reaper import Reaper
from neurocards_bot.relay import Relay
from support.broker import Nats
from support.statements import load

SQL = load("outbox_relay")
BOUND_S = 30.0
NEVER_S = 3600.0
KEPT = Kept(drafts_s=NEVER_S, dialogues_s=NEVER_S)


async def _tell_nobody(_jobs: Sequence[OverdueJob]) -> list[UUID]:
    return []


class Replica:
    """What one replica of the bot runs beside its handlers, on connections of its own."""

    def __init__(self, pool: asyncpg.Pool, connection: NatsConnection, settings: Broker) -> None:
        metrics = CommonMetrics(CollectorRegistry())
        outbox = PostgresOutbox(Database(pool))
        outbox_metrics = OutboxMetrics(CollectorRegistry())
        self.stream = JobStream(connection, settings, ack_wait_s=60.0, metrics=metrics)
        self.relay = Relay(
            outbox,
            NatsPublisher(connection, self.stream, metrics),
            outbox_metrics,
            poll_s=0.2,
        )
        self.reaper = Reaper(
            outbox,
            stream_created=self.stream.ensure,
            wake_relay=self.relay.wake,
            clock=SystemClock(),
            metrics=outbox_metrics,
            every_s=NEVER_S,
            unseen_s=NEVER_S,
            tell_overdue=_tell_nobody,
            housekeeping=Housekeeping(outbox, outbox_metrics, KEPT),
        )
        connection.on_connected(self.relay.broker_is_back)
        connection.on_connected(self.reaper.wake)
        self.stream.on_made(self.reaper.wake)

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self.relay.run())
            group.create_task(self.reaper.run())


class Worker:
    """Takes messages and acknowledges each; `seen` keeps them all, in order."""

    def __init__(self, connection: NatsConnection, settings: Broker) -> None:
        metrics = CommonMetrics(CollectorRegistry())
        stream = JobStream(connection, settings, ack_wait_s=60.0, metrics=metrics)
        self._queue = NatsJobQueue(connection, stream, pool="default", metrics=metrics)
        self.acknowledges = True
        self.seen: list[UUID] = []

    async def run(self) -> None:
        deliveries = self._queue.deliveries(free_slots=lambda: 50)
        async with contextlib.aclosing(deliveries):
            async for delivery in deliveries:
                await self._take(delivery)

    async def _take(self, delivery: Delivery) -> None:
        self.seen.append(delivery.job_id)
        if self.acknowledges:
            await delivery.ack()

    async def until_seen(self, jobs: set[UUID]) -> None:
        async def all_seen() -> bool:
            return jobs <= set(self.seen)

        await until(all_seen)


class Site:
    """One database and one NATS, with as many replicas and workers as a test starts."""

    def __init__(self, pool: asyncpg.Pool, nats_url: str, stack: contextlib.AsyncExitStack) -> None:
        self.pool = pool
        self._settings = Broker.model_validate({"nats_url": nats_url})
        self._stack = stack
        database = Database(pool)
        self.outbox = PostgresOutbox(database)
        # The helpers of World need these three only.
        parts = SimpleNamespace(
            orders=PostgresOrderStore(database),
            jobs=PostgresJobStore(database),
            outbox=self.outbox,
        )
        self.world = cast("World", parts)

    async def replica(self) -> tuple[Replica, asyncio.Task[None]]:
        replica = await self.prepared_replica()
        return replica, self.start(replica)

    async def prepared_replica(self) -> Replica:
        replica = Replica(self.pool, await self._connect(), self._settings)
        # The first look at a stream that was made just now announces every job once more.
        await replica.reaper.round()
        return replica

    def start(self, replica: Replica) -> asyncio.Task[None]:
        return self._start(replica.run())

    async def worker(self) -> Worker:
        worker = Worker(await self._connect(), self._settings)
        self._start(worker.run())
        return worker

    async def outbox_is_empty(self) -> bool:
        return (await self.outbox.depth())[0] == 0

    async def _connect(self) -> NatsConnection:
        metrics = CommonMetrics(CollectorRegistry())
        connection = NatsConnection(self._settings, name="test", metrics=metrics)
        return await self._stack.enter_async_context(connection)

    def _start(self, loop: Awaitable[None]) -> asyncio.Task[None]:
        task = asyncio.ensure_future(loop)
        self._stack.push_async_callback(_ended, task)
        return task


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait({task})
    assert task.cancelled(), task.exception()


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(BOUND_S):
        while True:
            if await condition():
                return
            await asyncio.sleep(0.02)


@pytest.fixture
async def site(pool: asyncpg.Pool, nats_url: str) -> AsyncIterator[Site]:
    async with contextlib.AsyncExitStack() as stack:
        yield Site(pool, nats_url, stack)


async def _accept(site: Site, count: int, *, first_user: int = 6000) -> set[UUID]:
    return {await accepted(site.world, user_id=first_user + n) for n in range(count)}


async def test_an_accepted_order_reaches_a_worker_and_leaves_the_outbox(site: Site):
    worker = await site.worker()
    replica, _ = await site.replica()
    jobs = await _accept(site, 5)
    replica.relay.wake()
    await worker.until_seen(jobs)
    await until(site.outbox_is_empty)
    assert sorted(worker.seen) == sorted(jobs)


async def test_orders_accepted_while_the_broker_is_away_go_out_when_it_is_back(
    site: Site, nats_server: Nats
):
    worker = await site.worker()
    await site.replica()
    await nats_server.stop()
    try:
        jobs = await _accept(site, 5)
        assert (await site.outbox.depth())[0] == 5
    finally:
        await nats_server.start()
    await worker.until_seen(jobs)
    await until(site.outbox_is_empty)


async def test_when_the_broker_has_lost_its_store_every_unfinished_job_is_there_again(
    site: Site, nats_server: Nats
):
    replica, _ = await site.replica()
    queued = await _accept(site, 3)
    running = await brought_to(site.world, JobStatus.SCRIPTING, user_id=7000)
    await until(site.outbox_is_empty)
    created = await replica.stream.ensure()
    await nats_server.wipe()
    worker = await site.worker()
    await worker.until_seen(queued | {running.id})
    assert await replica.stream.ensure() > created


async def test_a_stream_deleted_by_hand_brings_every_unfinished_job_back(site: Site, nats_url: str):
    worker = await site.worker()
    worker.acknowledges = False
    replica, _ = await site.replica()
    jobs = await _accept(site, 3)
    replica.relay.wake()
    await worker.until_seen(jobs)
    connection = await site._connect()
    await connection.client.jetstream().delete_stream("JOBS")
    worker.seen.clear()
    more = await _accept(site, 1, first_user=7000)
    replica.relay.wake()
    await worker.until_seen(jobs | more)


async def test_what_one_replica_leaves_another_one_relays(site: Site):
    """A replica that stands still (SIGSTOP) or is gone relays nothing and wakes nobody."""
    worker = await site.worker()
    _, standing_still = await site.replica()
    await site.replica()
    standing_still.cancel()
    jobs = await _accept(site, 5)
    await worker.until_seen(jobs)
    assert sorted(worker.seen) == sorted(jobs)


async def test_rows_that_a_dead_replica_had_locked_are_relayed_by_another(
    site: Site, database_url: str
):
    replica = await site.prepared_replica()
    jobs = await _accept(site, 3)
    dying = await asyncpg.connect(database_url)
    await dying.execute("BEGIN")
    locked = await dying.fetch(SQL["lock_outbox"])
    assert len(locked) == 3
    worker = await site.worker()
    site.start(replica)
    late = await _accept(site, 2, first_user=7000)
    await worker.until_seen(late)
    assert set(worker.seen) == late
    dying.terminate()
    await worker.until_seen(jobs)
    await until(site.outbox_is_empty)


async def test_two_replicas_neither_lose_nor_double(site: Site):
    worker = await site.worker()
    first, _ = await site.replica()
    second, _ = await site.replica()
    jobs: set[UUID] = set()
    for number in range(60):
        jobs |= await _accept(site, 1, first_user=6000 + number)
        first.relay.wake()
        second.relay.wake()
    await worker.until_seen(jobs)
    await until(site.outbox_is_empty)
    assert sorted(worker.seen) == sorted(jobs)


async def test_a_due_retry_and_a_lost_lease_come_back_by_the_reaper_alone(site: Site):
    worker = await site.worker()
    replica, _ = await site.replica()
    job = await brought_to(site.world, JobStatus.SCRIPTING)
    await until(site.outbox_is_empty)
    await worker.until_seen({job.id})
    worker.seen.clear()
    await site.pool.execute(SQL["lose_leases"])
    replica.reaper.wake()
    await worker.until_seen({job.id})


async def test_the_reaper_makes_partitions_and_forgets_old_updates(site: Site):
    await site.pool.execute(SQL["old_updates"])
    await site.pool.execute(SQL["fresh_update"])
    before = await site.pool.fetchval(SQL["count_partitions"])
    last = await site.pool.fetchval(SQL["last_partition"])
    await site.pool.execute(SQL["drop_partition"].format(partition=last))
    await site.replica()

    async def housekept() -> bool:
        updates = await site.pool.fetchval(SQL["count_updates"])
        return (updates, await site.pool.fetchval(SQL["count_partitions"])) == (1, before)

    await until(housekept)
