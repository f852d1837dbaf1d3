"""The relay empties the outbox, backs off from a broker that is away, and survives everything."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence

import pytest
from prometheus_client import CollectorRegistry

from neurocards.errors import QueueUnavailableError, StoreUnavailableError
from neurocards.ports.queue import OutboxMessage, OutboxMessages, Publisher
from neurocards.testing.queue import MemoryBroker, MemoryPublisher
from neurocards.testing.world import MemoryWorld, accepted
from neurocards_bot.outbox_metrics import OutboxMetrics
from neurocards_bot.relay import BACK_OFF_S_MAX, FAILURES_TOLERATED, Pass, Relay, pause_s

BOUND_S = 20.0
NEVER_S = 3600.0


class Counted:
    """The part of an outbox that a relay uses; tells how often it was looked into, and may fail."""

    def __init__(self, outbox: OutboxMessages) -> None:
        self._outbox = outbox
        self.looks = 0
        self.failure: Exception | None = None

    async def relay(
        self,
        publish: Callable[[Sequence[OutboxMessage]], Awaitable[Collection[int]]],
        *,
        batch: int,
    ) -> int:
        self.looks += 1
        if self.failure is not None:
            raise self.failure
        return await self._outbox.relay(publish, batch=batch)

    async def depth(self) -> tuple[int, float]:
        return await self._outbox.depth()


class Desk:
    """A relay between an outbox and a broker, both in memory."""

    def __init__(self, *, poll_s: float = NEVER_S, messages_max: int = 1000) -> None:
        self.world = MemoryWorld()
        self.outbox = Counted(self.world.outbox)
        self.broker = MemoryBroker(messages_max=messages_max)
        self.publisher = MemoryPublisher(self.broker)
        self.registry = CollectorRegistry()
        self.relay = self.another_relay(self.publisher, poll_s=poll_s, registry=self.registry)

    def another_relay(
        self, publisher: Publisher, *, poll_s: float, registry: CollectorRegistry
    ) -> Relay:
        return Relay(self.outbox, publisher, OutboxMetrics(registry), poll_s=poll_s, batch=10)

    def value(self, name: str) -> float | None:
        return self.registry.get_sample_value(name)

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(BOUND_S):
            while True:
                if condition():
                    return
                await asyncio.sleep(0)


@contextlib.asynccontextmanager
async def running(*relays: Relay) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(relay.run()) for relay in relays]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    for task in tasks:
        assert task.cancelled(), "a relay ended by itself"


async def test_what_lay_in_the_outbox_before_the_start_goes_out():
    desk = Desk()
    job_id = await accepted(desk.world)
    async with running(desk.relay):
        await desk.until(lambda: desk.broker.job_ids == {job_id})
        await desk.until(lambda: desk.value("neurocards_outbox_relayed_total") == 1)


async def test_an_accepted_order_goes_out_when_the_relay_is_woken():
    desk = Desk()
    async with running(desk.relay):
        await desk.until(lambda: desk.outbox.looks == 1)
        job_id = await accepted(desk.world)
        desk.relay.wake()
        await desk.until(lambda: desk.broker.job_ids == {job_id})


async def test_without_a_word_the_relay_looks_by_itself():
    desk = Desk(poll_s=0.01)
    async with running(desk.relay):
        await desk.until(lambda: desk.outbox.looks >= 2)
        job_id = await accepted(desk.world)
        await desk.until(lambda: desk.broker.job_ids == {job_id})


async def test_many_calls_to_wake_make_few_looks():
    desk = Desk()
    async with running(desk.relay):
        await desk.until(lambda: desk.outbox.looks == 1)
        for _ in range(1000):
            desk.relay.wake()
        for _ in range(100):
            await asyncio.sleep(0)
        assert desk.outbox.looks <= 3


async def test_more_than_a_batch_goes_out_without_a_pause():
    desk = Desk()
    jobs = {await accepted(desk.world, user_id=6000 + n) for n in range(35)}
    async with running(desk.relay):
        await desk.until(lambda: desk.broker.job_ids == jobs)


async def test_while_the_broker_is_away_orders_do_not_make_the_relay_ask_again():
    desk = Desk()
    desk.broker.go_away()
    async with running(desk.relay):
        await accepted(desk.world)
        desk.relay.wake()
        await desk.until(lambda: desk.value("neurocards_outbox_relay_failures_total") == 1)
        looks = desk.outbox.looks
        for _ in range(50):
            desk.relay.wake()
            await asyncio.sleep(0)
        assert desk.outbox.looks <= looks + 1


async def test_the_return_of_the_broker_ends_the_pause():
    desk = Desk()
    desk.broker.go_away()
    job_id = await accepted(desk.world)
    async with running(desk.relay):
        await desk.until(lambda: (desk.value("neurocards_outbox_relay_failures_total") or 0) >= 2)
        desk.broker.come_back()
        desk.relay.broker_is_back()
        await desk.until(lambda: desk.broker.job_ids == {job_id})


async def test_what_a_full_broker_refuses_stays_and_goes_out_later():
    desk = Desk(messages_max=2)
    jobs = [await accepted(desk.world) for _ in range(3)]
    async with running(desk.relay):
        await desk.until(lambda: desk.broker.job_ids == set(jobs[:2]))
        desk.broker.messages_max = 10
        await desk.until(lambda: desk.broker.job_ids == set(jobs))


@pytest.mark.parametrize("failure", [StoreUnavailableError("away"), ZeroDivisionError("a bug")])
async def test_no_error_ends_the_relay(failure: Exception):
    desk = Desk()
    desk.outbox.failure = failure
    async with running(desk.relay):
        await desk.until(lambda: desk.outbox.looks >= 2)
        desk.outbox.failure = None
        job_id = await accepted(desk.world)
        await desk.until(lambda: desk.broker.job_ids == {job_id})


async def test_two_relays_lose_nothing_and_double_nothing():
    desk = Desk()
    other = desk.another_relay(desk.publisher, poll_s=NEVER_S, registry=CollectorRegistry())
    async with running(desk.relay, other):
        jobs = set()
        for number in range(50):
            jobs.add(await accepted(desk.world, user_id=6000 + number))
            desk.relay.wake()
            other.wake()
            await asyncio.sleep(0)
        await desk.until(lambda: desk.broker.job_ids == jobs)
    assert len(desk.publisher.published) == 50


async def test_the_length_of_the_outbox_is_measured():
    desk = Desk()
    desk.broker.go_away()
    for _ in range(3):
        await accepted(desk.world)
    async with running(desk.relay):
        await desk.until(lambda: desk.value("neurocards_outbox_rows") == 3)


@pytest.mark.parametrize(
    ("last", "failures", "expected_s"),
    [
        (Pass(found=0, taken=0), 0, 0.5),
        (Pass(found=3, taken=3), 0, 0.5),
        (Pass(found=10, taken=10), 0, 0.0),
        (Pass(found=10, taken=4), 1, 0.1),
        (Pass(found=0, taken=0, error="away"), 1, 0.1),
        (Pass(found=0, taken=0, error="away"), 3, 0.4),
        (Pass(found=0, taken=0, error="away"), 1000, BACK_OFF_S_MAX),
    ],
)
def test_the_pause_after_a_look(last: Pass, failures: int, expected_s: float):
    assert pause_s(last, batch=10, poll_s=0.5, failures=failures) == pytest.approx(expected_s)


async def test_a_figure_that_cannot_be_measured_does_not_end_the_relay(
    monkeypatch: pytest.MonkeyPatch,
):
    """The end of the relay is the end of the bot, and orders would wait for its restart."""
    desk = Desk()

    async def broken() -> tuple[int, float]:
        raise ZeroDivisionError

    monkeypatch.setattr(desk.outbox, "depth", broken)
    async with running(desk.relay):
        await desk.until(lambda: desk.outbox.looks == 1)
        job_id = await accepted(desk.world)
        desk.relay.wake()
        await desk.until(lambda: desk.broker.job_ids == {job_id})


async def test_a_relay_whose_looks_all_fail_says_so_until_one_succeeds():
    """One failed look is the restart of a broker; several are for somebody to know of."""
    desk = Desk()
    job_id = await accepted(desk.world)
    desk.broker.go_away()
    reasons: list[str] = []
    async with running(desk.relay):

        async def is_held_up() -> bool:
            desk.relay.broker_is_back()
            await asyncio.sleep(0)
            try:
                await desk.relay.check()
            except QueueUnavailableError as error:
                reasons.append(str(error))
            return bool(reasons)

        async with asyncio.timeout(BOUND_S):
            while not await is_held_up():
                pass
        assert "the broker is away" in reasons[0]
        failures = desk.value("neurocards_outbox_relay_failures_total")
        assert failures is not None
        assert failures >= FAILURES_TOLERATED
        desk.broker.come_back()
        desk.relay.broker_is_back()
        await desk.until(lambda: desk.broker.job_ids == {job_id})
        await desk.until(lambda: desk.value("neurocards_outbox_relayed_total") == 1)
        await desk.relay.check()
