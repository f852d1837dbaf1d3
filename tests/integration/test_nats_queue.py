"""The job queue on a real NATS server that is restarted, killed, wiped and filled up."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import nats
import pytest
from nats.aio.client import Client
from prometheus_client import CollectorRegistry

from neurocards.adapters.nats.backlog import PoolBacklog
from neurocards.adapters.nats.connection import NatsConnection
from neurocards.adapters.nats.consumer import NatsJobQueue
from neurocards.adapters.nats.publisher import NatsPublisher
from neurocards.adapters.nats.stream import JobStream
from neurocards.adapters.nats.subjects import STREAM, job_body
from neurocards.errors import ConfigurationError, QueueUnavailableError
from neurocards.ports.queue import Delivery, OutboxMessage
from neurocards.settings import Broker
from neurocards.telemetry.metrics import CommonMetrics
from support.broker import Nats

BOUND_S = 30.0
ACK_WAIT_S = 30.0
"""Longer than every bound here where it matters: nothing comes by being redelivered."""


class Equipment:
    def __init__(self, connection: NatsConnection, settings: Broker, ack_wait_s: float) -> None:
        self.metrics = CommonMetrics(CollectorRegistry())
        self.connection = connection
        self.stream = JobStream(connection, settings, ack_wait_s=ack_wait_s, metrics=self.metrics)
        self.publisher = NatsPublisher(connection, self.stream, self.metrics)
        self.queue = NatsJobQueue(connection, self.stream, pool="default", metrics=self.metrics)
        self.arrived: asyncio.Queue[Delivery] = asyncio.Queue()
        self.free = 10

    async def work(self) -> None:
        async with aclosing(self.queue.deliveries(free_slots=lambda: self.free)) as deliveries:
            async for delivery in deliveries:
                self.free -= 1
                self.arrived.put_nowait(delivery)

    async def next(self) -> Delivery:
        return await asyncio.wait_for(self.arrived.get(), BOUND_S)

    async def publish(self, *job_ids: UUID, first: int = 1) -> set[int]:
        rows = [OutboxMessage(first + n, job_id, "default") for n, job_id in enumerate(job_ids)]
        return set(await self.publisher.publish(rows))

    async def publish_in_the_end(self, job_id: UUID) -> None:
        """Publish as the relay does: again, until the broker takes it."""
        async with asyncio.timeout(BOUND_S):
            while True:
                with contextlib.suppress(QueueUnavailableError):
                    await self.publish(job_id)
                    return
                await asyncio.sleep(0.05)

    def count(self, outcome: str) -> float:
        value = self.metrics.queue_messages_total.labels(outcome)._value.get()
        return float(value)


def _settings(url: str, **changes: object) -> Broker:
    return Broker.model_validate({"nats_url": url} | changes)


@contextlib.asynccontextmanager
async def _equipped(
    url: str, *, ack_wait_s: float = ACK_WAIT_S, **changes: object
) -> AsyncIterator[Equipment]:
    settings = _settings(url, **changes)
    metrics = CommonMetrics(CollectorRegistry())
    async with NatsConnection(settings, name="test", metrics=metrics) as connection:
        yield Equipment(connection, settings, ack_wait_s)


@contextlib.asynccontextmanager
async def _working(url: str, **changes: Any) -> AsyncIterator[Equipment]:
    async with _equipped(url, **changes) as equipment:
        task = asyncio.create_task(equipment.work())
        try:
            yield equipment
        finally:
            task.cancel()
            await asyncio.wait({task})


@pytest.fixture
async def administrator(nats_url: str) -> AsyncIterator[Client]:
    client = await nats.connect(nats_url)
    yield client
    await client.close()


async def _until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(BOUND_S):
        while True:
            with contextlib.suppress(QueueUnavailableError):
                if await condition():
                    return
            await asyncio.sleep(0.05)


async def _until_waiting(administrator: Client, count: int = 1) -> None:
    """Wait until `count` pulls wait at the server."""
    async with asyncio.timeout(BOUND_S):
        while True:
            with contextlib.suppress(nats.js.errors.NotFoundError):
                info = await administrator.jsm().consumer_info(STREAM, "default")
                if (info.num_waiting or 0) >= count:
                    return
            await asyncio.sleep(0.05)


async def test_a_waiting_worker_gets_a_job_after_a_restart_of_the_server(
    nats_url: str, nats_server: Nats, administrator: Client
) -> None:
    async with _working(nats_url) as equipment:
        await _until_waiting(administrator)
        await nats_server.restart()
        job_id = uuid4()
        await equipment.publish_in_the_end(job_id)
        delivery = await equipment.next()
        assert delivery.job_id == job_id
        await delivery.ack()


async def test_a_waiting_worker_gets_a_job_after_a_crash_of_the_server(
    nats_url: str, nats_server: Nats, administrator: Client
) -> None:
    async with _working(nats_url) as equipment:
        await _until_waiting(administrator)
        stored = uuid4()
        equipment.free = 0
        await nats_server.kill()
        await nats_server.start()
        equipment.free = 10
        await equipment.publish_in_the_end(stored)
        assert (await equipment.next()).job_id == stored


async def test_stored_messages_survive_a_crash_of_the_server(
    nats_url: str, nats_server: Nats
) -> None:
    jobs = {uuid4() for _ in range(20)}
    async with _equipped(nats_url) as equipment:
        await equipment.publish(*jobs)
        await nats_server.kill()
        await nats_server.start()
    async with _working(nats_url) as equipment:
        equipment.free = 20
        assert {(await equipment.next()).job_id for _ in jobs} == jobs


async def test_a_wiped_server_gets_its_stream_again_and_the_loss_can_be_seen(
    nats_url: str, nats_server: Nats, administrator: Client
) -> None:
    async with _working(nats_url) as equipment:
        await _until_waiting(administrator)
        before = await equipment.stream.ensure()
        assert await equipment.stream.ensure() == before
        await nats_server.wipe()
        job_id = uuid4()
        await equipment.publish_in_the_end(job_id)
        assert (await equipment.next()).job_id == job_id
        assert await equipment.stream.ensure() != before


async def test_a_deleted_consumer_is_made_again_and_its_messages_come(
    nats_url: str, administrator: Client
) -> None:
    async with _working(nats_url) as equipment:
        await _until_waiting(administrator)
        await administrator.jsm().delete_consumer(STREAM, "default")
        job_id = uuid4()
        await equipment.publish(job_id)
        assert (await equipment.next()).job_id == job_id


async def test_a_deleted_stream_is_made_again_by_whoever_publishes(
    nats_url: str, administrator: Client
) -> None:
    async with _working(nats_url) as equipment:
        await _until_waiting(administrator)
        await administrator.jsm().delete_stream(STREAM)
        job_id = uuid4()
        assert await equipment.publish(job_id) == {1}
        assert (await equipment.next()).job_id == job_id


async def test_settings_change_the_consumer_and_stream_in_place(
    nats_url: str, administrator: Client
) -> None:
    async with _equipped(nats_url) as equipment:
        await equipment.stream.ensure_consumer("default")
        created = await equipment.stream.ensure()
        await equipment.publish(uuid4())
    changed = {"max_ack_pending": 7, "nats_messages_max": 9}
    async with _equipped(nats_url, ack_wait_s=3.0, **changed) as equipment:
        await equipment.stream.ensure_consumer("default")
        assert await equipment.stream.ensure() == created
    consumer = await administrator.jsm().consumer_info(STREAM, "default")
    assert (consumer.config.max_ack_pending, consumer.config.ack_wait) == (7, 3.0)
    assert consumer.num_pending == 1
    stream = await administrator.jsm().stream_info(STREAM)
    assert stream.config.max_msgs == 9


async def test_a_pool_that_no_worker_has_served_yet_holds_what_the_stream_keeps_for_it(
    nats_url: str,
) -> None:
    """Workers make the consumer; one that sleeps at zero would else contradict the database."""
    async with _equipped(nats_url) as equipment:
        backlog = PoolBacklog(equipment.stream)
        assert await backlog.backlog("default") == (0, 0)
        await equipment.publish(*(uuid4() for _ in range(7)))
        await equipment.publisher.publish([OutboxMessage(8, uuid4(), "other")])
        assert await backlog.backlog("default") == (7, 0)
        assert await backlog.backlog("quiet") == (0, 0)
        await equipment.stream.ensure_consumer("default")
        assert await backlog.backlog("default") == (7, 0)


async def test_what_an_administrator_set_beside_our_settings_stays(
    nats_url: str, administrator: Client
) -> None:
    async with _equipped(nats_url) as equipment:
        await equipment.stream.ensure()
    stream = await administrator.jsm().stream_info(STREAM)
    await administrator.jsm().update_stream(stream.config, description="jobs of the shop")
    async with _equipped(nats_url, nats_messages_max=5) as equipment:
        await equipment.stream.ensure()
    stream = await administrator.jsm().stream_info(STREAM)
    assert (stream.config.description, stream.config.max_msgs) == ("jobs of the shop", 5)


async def test_a_stream_of_another_kind_is_refused_with_words(
    nats_url: str, administrator: Client
) -> None:
    await administrator.jsm().add_stream(name=STREAM, subjects=["jobs.*.*"])
    async with _equipped(nats_url) as equipment:
        with pytest.raises(QueueUnavailableError, match="retention"):
            await equipment.stream.ensure()


async def test_a_full_stream_refuses_and_keeps_what_it_has(nats_url: str) -> None:
    first, second, third = uuid4(), uuid4(), uuid4()
    async with _working(nats_url, nats_messages_max=2) as equipment:
        equipment.free = 0
        assert await equipment.publish(first, second, third) == {1, 2}
        with pytest.raises(QueueUnavailableError):
            await equipment.publish(third, first=3)
        assert equipment.count("refused") == 2
        equipment.free = 3
        equipment.queue.slots_freed()
        for expected in (first, second):
            delivery = await equipment.next()
            assert delivery.job_id == expected
            await delivery.ack()
        assert await equipment.publish(third, first=3) == {3}
        assert (await equipment.next()).job_id == third


async def test_a_job_that_is_stored_already_counts_as_published_and_stands_there_once(
    nats_url: str, administrator: Client
) -> None:
    job_id = uuid4()
    async with _equipped(nats_url) as equipment:
        await equipment.publish(job_id)
        assert await equipment.publish(job_id, uuid4(), first=2) == {2, 3}
        assert equipment.count("already_there") == 1
    assert (await administrator.jsm().stream_info(STREAM)).state.messages == 2


async def test_a_job_whose_message_was_used_up_can_be_published_at_once_again(
    nats_url: str,
) -> None:
    job_id = uuid4()
    async with _working(nats_url) as equipment:
        for row in range(1, 4):
            assert await equipment.publish(job_id, first=row) == {row}
            await (await equipment.next()).ack()
        assert equipment.count("stored") == 3


@pytest.mark.parametrize(
    ("subject", "body"),
    [
        ("jobs.default.nonsense", b'{"job_id": "nonsense"}'),
        (f"jobs.default.{UUID(int=1)}", b"\xff not json"),
        (f"jobs.default.{UUID(int=1)}", b"[]"),
        (f"jobs.default.{UUID(int=1)}", b'{"job_id": 7}'),
        (f"jobs.default.{UUID(int=1)}", job_body(UUID(int=2))),
    ],
)
async def test_a_malformed_message_is_ended_and_counted_and_the_next_one_comes(
    nats_url: str, administrator: Client, subject: str, body: bytes
) -> None:
    async with _working(nats_url, ack_wait_s=2.0) as equipment:
        await _until_waiting(administrator)
        await administrator.jetstream().publish(subject, body)
        job_id = uuid4()
        await equipment.publish(job_id)
        delivery = await equipment.next()
        assert delivery.job_id == job_id
        await delivery.ack()
        await asyncio.sleep(3.0)
        assert equipment.count("malformed") == 1
        assert (await administrator.jsm().stream_info(STREAM)).state.messages == 0


async def test_without_a_server_the_process_starts_and_finds_it_later(
    nats_url: str, nats_server: Nats
) -> None:
    await nats_server.stop()
    try:
        async with _working(nats_url) as equipment:
            assert not equipment.connection.is_connected
            with pytest.raises(QueueUnavailableError):
                await equipment.publish(uuid4())
            with pytest.raises(QueueUnavailableError):
                await equipment.connection.check()
            await nats_server.start()
            job_id = uuid4()
            await equipment.publish_in_the_end(job_id)
            assert (await equipment.next()).job_id == job_id
            await equipment.connection.check()
    finally:
        await nats_server.start()


async def test_an_acknowledgement_without_a_server_says_so(
    nats_url: str, nats_server: Nats
) -> None:
    async with _working(nats_url) as equipment:
        await equipment.publish(uuid4())
        delivery = await equipment.next()

        async def disconnected() -> bool:
            return not equipment.connection.is_connected

        await nats_server.stop()
        try:
            await _until(disconnected)
            for word in (delivery.ack, delivery.nak, delivery.in_progress):
                with pytest.raises(QueueUnavailableError):
                    await word()
        finally:
            await nats_server.start()


async def test_an_acknowledgement_counts_after_a_restart_of_the_server(
    nats_url: str, nats_server: Nats
) -> None:
    async with _working(nats_url, ack_wait_s=5.0) as equipment:
        await equipment.publish(uuid4())
        delivery = await equipment.next()
        await nats_server.restart()

        async def acknowledged() -> bool:
            await delivery.ack()
            return True

        async def nothing_left() -> bool:
            return await equipment.stream.backlog("default") == (0, 0)

        await _until(acknowledged)
        await _until(nothing_left)


async def test_a_message_of_a_wiped_server_can_be_acknowledged_without_harm(
    nats_url: str, nats_server: Nats, administrator: Client
) -> None:
    async with _working(nats_url) as equipment:
        await equipment.publish(uuid4())
        delivery = await equipment.next()
        await administrator.jsm().delete_stream(STREAM)
        await delivery.ack()


async def test_many_jobs_on_few_slots_come_once_each_through_a_restart(
    nats_url: str, nats_server: Nats
) -> None:
    jobs = {uuid4() for _ in range(300)}
    done: list[UUID] = []
    async with _working(nats_url) as equipment:
        await equipment.publish(*jobs)
        restart: asyncio.Task[None] | None = None
        while len(set(done)) < len(jobs):
            delivery = await equipment.next()
            assert equipment.free >= 0
            with contextlib.suppress(QueueUnavailableError):
                await delivery.ack()
            done.append(delivery.job_id)
            equipment.free += 1
            equipment.queue.slots_freed()
            if len(done) == 100:
                restart = asyncio.create_task(nats_server.restart())
        assert restart is not None
        await restart
    assert set(done) == jobs


async def test_a_connection_that_the_server_closes_for_good_is_opened_again(
    nats_url: str, administrator: Client
) -> None:
    async with _working(nats_url) as equipment:
        await _until_waiting(administrator)
        refused = equipment.connection.client

        async def another_client() -> bool:
            return equipment.connection.client is not refused

        await refused._process_err("'user authentication expired'")
        await _until(another_client)
        job_id = uuid4()
        await equipment.publish_in_the_end(job_id)
        assert (await equipment.next()).job_id == job_id


async def test_an_address_that_is_none_is_named() -> None:
    with pytest.raises(ConfigurationError, match="NEUROCARDS_NATS_URL"):
        async with _equipped("nats://nowhere:port"):
            pass


async def test_credentials_that_cannot_be_used_end_the_start_with_the_name_of_the_setting(
    nats_url: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigurationError, match="NEUROCARDS_NATS_CREDENTIALS_FILE"):
        async with _equipped(nats_url, nats_credentials_file=tmp_path / "missing.creds"):
            pass


async def test_a_pull_of_the_time_before_is_not_more_than_the_slots_hold(
    nats_url: str, administrator: Client
) -> None:
    async with _working(nats_url) as equipment:
        equipment.free = 1
        await _until_waiting(administrator)
        # A second pull at the server, as one that survived a broken connection.
        await administrator.publish(
            f"$JS.API.CONSUMER.MSG.NEXT.{STREAM}.default",
            json.dumps({"batch": 5, "expires": 20 * 10**9}).encode(),
            reply=await _inbox_of(equipment),
        )
        await administrator.flush()
        await equipment.publish(*(uuid4() for _ in range(3)))
        held = await equipment.next()
        await asyncio.sleep(0.5)
        assert equipment.arrived.empty()
        assert equipment.count("handed_back") >= 1
        await held.ack()
        equipment.free += 1
        equipment.queue.slots_freed()
        await equipment.next()


async def _inbox_of(equipment: Equipment) -> str:
    """Find the reply subject on which the worker listens."""
    client = equipment.connection.client
    wildcards = [sub.subject for sub in client._subs.values() if sub.subject.startswith("_INBOX")]
    muxed = client._resp_sub_prefix
    assert muxed is not None
    (inbox,) = [subject for subject in wildcards if not subject.startswith(muxed.decode())]
    return inbox.replace("*", "stale")
