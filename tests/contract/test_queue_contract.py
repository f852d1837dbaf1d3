"""What every job queue does: the one in memory and the one on NATS."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from uuid import UUID, uuid4

import pytest
from prometheus_client import CollectorRegistry

from neurocards.adapters.nats.connection import NatsConnection
from neurocards.adapters.nats.consumer import NatsJobQueue
from neurocards.adapters.nats.hints import NatsHints
from neurocards.adapters.nats.publisher import NatsPublisher
from neurocards.adapters.nats.stream import JobStream
from neurocards.ports.queue import (
    Delivery,
    HintListener,
    Hints,
    JobQueue,
    OutboxMessage,
    Publisher,
)
from neurocards.settings import Broker
from neurocards.telemetry.metrics import CommonMetrics
from neurocards.testing.queue import MemoryBroker, MemoryHints, MemoryJobQueue, MemoryPublisher

ACK_WAIT_S = 3.0
BOUND_S = 20.0
QUIET_S = 0.3
"""How long nothing must come when nothing should come."""


@dataclass
class Equipment:
    """One broker and everything that talks to it."""

    publisher: Publisher
    queue: Callable[[str], JobQueue]
    hints: Hints
    listener: HintListener


@pytest.fixture
def memory() -> Equipment:
    broker = MemoryBroker(ack_wait_s=ACK_WAIT_S)
    hints = MemoryHints(broker)
    return Equipment(
        MemoryPublisher(broker), lambda pool: MemoryJobQueue(broker, pool), hints, hints
    )


@pytest.fixture
async def real(nats_url: str) -> AsyncIterator[Equipment]:
    settings = Broker.model_validate({"nats_url": nats_url})
    metrics = CommonMetrics(CollectorRegistry())
    async with NatsConnection(settings, name="contract", metrics=metrics) as connection:
        stream = JobStream(connection, settings, ack_wait_s=ACK_WAIT_S, metrics=metrics)
        hints = NatsHints(connection)
        yield Equipment(
            NatsPublisher(connection, stream, metrics),
            lambda pool: NatsJobQueue(connection, stream, pool=pool, metrics=metrics),
            hints,
            hints,
        )


@pytest.fixture(params=["memory", "real"])
def broker(request: pytest.FixtureRequest) -> Equipment:
    equipment: Equipment = request.getfixturevalue(request.param)
    return equipment


class Worker:
    """Takes deliveries as a worker does: each one holds a slot until it is released."""

    def __init__(self, queue: JobQueue, slots: int) -> None:
        self._queue = queue
        self.slots = slots
        self.held: list[Delivery] = []
        self.seen: asyncio.Queue[Delivery] = asyncio.Queue()

    def free_slots(self) -> int:
        return self.slots - len(self.held)

    async def run(self) -> None:
        async with aclosing(self._queue.deliveries(free_slots=self.free_slots)) as deliveries:
            async for delivery in deliveries:
                self.held.append(delivery)
                self.seen.put_nowait(delivery)

    async def next(self) -> Delivery:
        return await asyncio.wait_for(self.seen.get(), BOUND_S)

    async def release(self, delivery: Delivery) -> None:
        self.held.remove(delivery)
        self._queue.slots_freed()

    async def is_left_alone(self) -> bool:
        await asyncio.sleep(QUIET_S)
        return self.seen.empty()


@contextlib.asynccontextmanager
async def working(broker: Equipment, *, slots: int, pool: str = "default") -> AsyncIterator[Worker]:
    worker = Worker(broker.queue(pool), slots)
    task = asyncio.create_task(worker.run())
    try:
        yield worker
    finally:
        task.cancel()
        await asyncio.wait({task})


def _messages(*job_ids: UUID, pool: str = "default", first: int = 1) -> list[OutboxMessage]:
    return [OutboxMessage(first + n, job_id, pool) for n, job_id in enumerate(job_ids)]


async def test_a_published_job_reaches_a_waiting_worker(broker: Equipment) -> None:
    job_id = uuid4()
    async with working(broker, slots=1) as worker:
        await asyncio.sleep(QUIET_S)
        assert set(await broker.publisher.publish(_messages(job_id))) == {1}
        assert (await worker.next()).job_id == job_id


async def test_a_job_published_before_any_worker_exists_is_kept(broker: Equipment) -> None:
    job_id = uuid4()
    await broker.publisher.publish(_messages(job_id))
    async with working(broker, slots=1) as worker:
        assert (await worker.next()).job_id == job_id


async def test_publishing_a_stored_job_again_is_a_success_and_no_second_message(
    broker: Equipment,
) -> None:
    job_id = uuid4()
    await broker.publisher.publish(_messages(job_id))
    assert set(await broker.publisher.publish(_messages(job_id, first=2))) == {2}
    async with working(broker, slots=2) as worker:
        await worker.next()
        assert await worker.is_left_alone()


async def test_a_job_can_be_published_again_after_its_acknowledgement(broker: Equipment) -> None:
    job_id = uuid4()
    async with working(broker, slots=2) as worker:
        for row in (1, 2):
            await broker.publisher.publish(_messages(job_id, first=row))
            delivery = await worker.next()
            await delivery.ack()
            await worker.release(delivery)


async def test_a_worker_never_holds_more_than_its_slots(broker: Equipment) -> None:
    jobs = [uuid4() for _ in range(7)]
    await broker.publisher.publish(_messages(*jobs))
    done: set[UUID] = set()
    async with working(broker, slots=3) as worker:
        for _ in jobs:
            delivery = await worker.next()
            assert len(worker.held) <= 3
            done.add(delivery.job_id)
            await delivery.ack()
            await worker.release(delivery)
    assert done == set(jobs)


async def test_a_full_worker_gets_nothing_until_a_slot_is_free(broker: Equipment) -> None:
    await broker.publisher.publish(_messages(uuid4(), uuid4()))
    async with working(broker, slots=1) as worker:
        delivery = await worker.next()
        assert await worker.is_left_alone()
        await delivery.ack()
        await worker.release(delivery)
        await worker.next()


async def test_messages_that_a_full_worker_leaves_reach_another_one(broker: Equipment) -> None:
    jobs = {uuid4(), uuid4()}
    async with working(broker, slots=1) as first, working(broker, slots=1) as second:
        await broker.publisher.publish(_messages(*jobs))
        assert {(await first.next()).job_id, (await second.next()).job_id} == jobs


async def test_an_acknowledged_message_never_comes_again(broker: Equipment) -> None:
    await broker.publisher.publish(_messages(uuid4()))
    async with working(broker, slots=2) as worker:
        await (await worker.next()).ack()
        await asyncio.sleep(2 * ACK_WAIT_S)
        assert worker.seen.empty()


async def test_a_message_without_a_word_for_the_ack_wait_comes_again(broker: Equipment) -> None:
    job_id = uuid4()
    await broker.publisher.publish(_messages(job_id))
    async with working(broker, slots=2) as worker:
        await worker.next()
        assert (await worker.next()).job_id == job_id


async def test_signs_of_life_keep_a_message(broker: Equipment) -> None:
    await broker.publisher.publish(_messages(uuid4()))
    async with working(broker, slots=2) as worker:
        delivery = await worker.next()
        for _ in range(6):
            await asyncio.sleep(ACK_WAIT_S / 4)
            await delivery.in_progress()
        assert worker.seen.empty()


async def test_a_message_given_back_comes_again_at_once(broker: Equipment) -> None:
    job_id = uuid4()
    await broker.publisher.publish(_messages(job_id))
    async with working(broker, slots=1) as worker:
        delivery = await worker.next()
        await delivery.nak()
        await worker.release(delivery)
        assert (await worker.next()).job_id == job_id


async def test_a_message_given_back_with_a_delay_comes_again_after_it(broker: Equipment) -> None:
    job_id = uuid4()
    await broker.publisher.publish(_messages(job_id))
    loop = asyncio.get_running_loop()
    async with working(broker, slots=2) as worker:
        delivery = await worker.next()
        given_back_at = loop.time()
        await delivery.nak(after_s=2 * ACK_WAIT_S)
        assert (await worker.next()).job_id == job_id
        assert loop.time() - given_back_at > 1.9 * ACK_WAIT_S


async def test_pools_do_not_see_each_other(broker: Equipment) -> None:
    express, common = uuid4(), uuid4()
    async with (
        working(broker, slots=2, pool="express") as fast,
        working(broker, slots=2) as worker,
    ):
        await broker.publisher.publish(_messages(express, pool="express"))
        await broker.publisher.publish(_messages(common, first=2))
        assert (await fast.next()).job_id == express
        assert (await worker.next()).job_id == common
        assert await fast.is_left_alone()


async def test_what_was_fetched_and_not_taken_is_handed_back_on_close(broker: Equipment) -> None:
    jobs = {uuid4(), uuid4(), uuid4()}
    await broker.publisher.publish(_messages(*jobs))
    queue = broker.queue("default")
    async with aclosing(queue.deliveries(free_slots=lambda: 3)) as deliveries:
        first = await asyncio.wait_for(anext(deliveries), BOUND_S)
        await asyncio.sleep(QUIET_S)
    await first.nak()
    loop = asyncio.get_running_loop()
    started_at = loop.time()
    async with working(broker, slots=3) as worker:
        assert {(await worker.next()).job_id for _ in jobs} == jobs
    assert loop.time() - started_at < BOUND_S


async def test_publishing_nothing_is_fine(broker: Equipment) -> None:
    assert set(await broker.publisher.publish([])) == set()


async def test_a_hint_reaches_whoever_listens_to_its_subject(broker: Equipment) -> None:
    heard: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue()

    def listen(subject: str, payload: bytes) -> None:
        heard.put_nowait((subject, payload))

    async with broker.listener.listening("wake.render.*", listen):
        await broker.hints.announce("wake.scaling.default")
        await broker.hints.announce("wake.render.0190", b"task-1")
        assert await asyncio.wait_for(heard.get(), BOUND_S) == ("wake.render.0190", b"task-1")
    await broker.hints.announce("wake.render.0190", b"late")
    await asyncio.sleep(QUIET_S)
    assert heard.empty()


async def test_a_hint_that_the_broker_has_taken_is_heard(broker: Equipment) -> None:
    """`announce_surely` returns only then."""
    heard: asyncio.Queue[bytes] = asyncio.Queue()
    async with broker.listener.listening("wake.render.*", lambda _, word: heard.put_nowait(word)):
        await broker.hints.announce_surely("wake.render.0190", b"task-1")
        assert await asyncio.wait_for(heard.get(), BOUND_S) == b"task-1"


async def test_a_listener_that_fails_once_goes_on_listening(broker: Equipment) -> None:
    heard: asyncio.Queue[bytes] = asyncio.Queue()

    def listen(_subject: str, payload: bytes) -> None:
        if payload == b"bad":
            raise ValueError(payload)
        heard.put_nowait(payload)

    async with broker.listener.listening("wake.>", listen):
        await broker.hints.announce("wake.render.1", b"bad")
        await broker.hints.announce("wake.render.2", b"good")
        assert await asyncio.wait_for(heard.get(), BOUND_S) == b"good"
