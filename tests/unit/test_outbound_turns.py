"""Turns in one process: the urgent first, progress not at all, answers at once, and no store."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
import structlog
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from neurocards.domain.outbound import WHOLE_BOT, OutboundLimits, Priority, Wish
from neurocards.errors import StoreUnavailableError
from neurocards.outbound import AWAY_S, NoTurnError, Turns
from neurocards.ports.outbound import OutboundBuckets, Silence
from neurocards.telemetry.metrics import CommonMetrics
from neurocards.testing.clock import FakeClock
from neurocards.testing.database import MemoryDatabase
from neurocards.testing.outbound import MemoryOutboundBuckets
from support.turns import LIMITS

BOT = 1


class Store:
    """The buckets of memory, that can be away, broken or slow."""

    def __init__(self, clock: FakeClock) -> None:
        self.inside = MemoryOutboundBuckets(MemoryDatabase(clock))
        self.error: Exception | None = None
        self.questions: list[Sequence[Wish]] = []
        self.open = asyncio.Event()
        self.open.set()

    async def take(
        self, bot_id: int, wishes: Sequence[Wish], *, answers: int, limits: OutboundLimits
    ) -> Sequence[float]:
        self.questions.append(wishes)
        await self.open.wait()
        if self.error is not None:
            raise self.error
        return await self.inside.take(bot_id, wishes, answers=answers, limits=limits)

    async def pause(self, bot_id: int, chat_id: int, *, for_s: float) -> Silence:
        if self.error is not None:
            raise self.error
        return await self.inside.pause(bot_id, chat_id, for_s=for_s)


class Process:
    """One process over a store; `spoken` is who had his turn, in that order."""

    def __init__(self, clock: FakeClock, buckets: OutboundBuckets) -> None:
        self.clock = clock
        self.registry = CollectorRegistry()
        metrics = CommonMetrics(self.registry)
        self.turns = Turns(buckets, LIMITS, alone_share=0.2, metrics=metrics, moments=clock)
        self.spoken: list[str] = []

    def says(
        self, priority: Priority, *, chat_id: int = 1, name: str = "", patience_s: float = 1000
    ) -> asyncio.Task[None]:
        async def say() -> None:
            await self.turns.turn(BOT, chat_id, priority, patience_s=patience_s)
            self.spoken.append(name or priority.name)

        return asyncio.create_task(say())

    async def empties_the_bucket(self) -> None:
        for chat_id in range(100, 106):
            await self.turns.turn(BOT, chat_id, Priority.DELIVERY, patience_s=0)

    def metric(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(name, labels) or 0.0


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def store(clock: FakeClock) -> Store:
    return Store(clock)


@pytest.fixture
def process(clock: FakeClock, store: Store) -> Process:
    return Process(clock, store)


async def test_the_urgent_speak_first_whoever_came_first(process: Process, store: Store):
    """They gather while a question is under way, and the next one asks in their order."""
    await process.empties_the_bucket()
    names = ("BROADCAST", "STATE", "NOTICE", "DELIVERY")
    tasks = [process.says(Priority[name], chat_id=n) for n, name in enumerate(names, 1)]
    await asyncio.gather(*tasks)
    assert process.spoken == ["DELIVERY", "NOTICE", "STATE", "BROADCAST"]


async def test_equals_speak_in_the_order_in_which_they_came(process: Process):
    await process.empties_the_bucket()
    tasks = [
        process.says(Priority.DELIVERY, chat_id=chat_id, name=f"{chat_id}")
        for chat_id in range(1, 9)
    ]
    await asyncio.gather(*tasks)
    assert process.spoken == [f"{chat_id}" for chat_id in range(1, 9)]


async def test_many_who_wait_are_one_question(process: Process, store: Store):
    store.open.clear()
    tasks = [process.says(Priority.DELIVERY, chat_id=chat_id) for chat_id in range(1, 7)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    store.open.set()
    await asyncio.gather(*tasks)
    assert len(store.questions) <= 2


async def test_progress_is_dropped_where_less_than_half_is_left(process: Process):
    """It does not wait: what is true when there is room again is said then."""
    for chat_id in range(100, 104):
        await process.turns.turn(BOT, chat_id, Priority.DELIVERY, patience_s=0)
    with pytest.raises(NoTurnError):
        await process.turns.turn(BOT, 1, Priority.PROGRESS, patience_s=1000)
    await process.turns.turn(BOT, 1, Priority.STATE, patience_s=0)
    assert process.metric("neurocards_outbound_held_back_total", priority="progress") == 1


async def test_an_answer_waits_for_nothing_and_is_booked_by_the_next_question(
    process: Process, store: Store
):
    """Not even for the store; the others miss what it took."""
    store.open.clear()
    for _ in range(100):
        await process.turns.turn(BOT, 1, Priority.ANSWER, patience_s=0)
    assert store.questions == []
    store.open.set()
    with pytest.raises(NoTurnError) as refused:
        await process.turns.turn(BOT, 1, Priority.DELIVERY, patience_s=0)
    assert refused.value.after_s == pytest.approx(LIMITS.bot.refill_s)


async def test_who_has_no_patience_is_told_when_it_is_worth_it(process: Process):
    await process.turns.silenced(BOT, 7, for_s=30)
    with pytest.raises(NoTurnError) as refused:
        await process.turns.turn(BOT, 7, Priority.NOTICE, patience_s=3)
    assert refused.value.after_s == pytest.approx(30)


async def test_what_one_process_hears_silences_the_other(clock: FakeClock, store: Store):
    """Two chats of two processes are asked for silence: nobody of the bot speaks until then."""
    one, other = Process(clock, store), Process(clock, store)
    await one.turns.silenced(BOT, 7, for_s=30)
    await one.turns.silenced(BOT, 8, for_s=30)
    began = clock.monotonic()
    await other.turns.turn(BOT, 9, Priority.DELIVERY, patience_s=60)
    assert clock.monotonic() - began >= 30
    assert one.metric("neurocards_outbound_refusals_total", scope="chat") == 1
    assert one.metric("neurocards_outbound_refusals_total", scope="bot") == 1


@pytest.mark.parametrize("error", [StoreUnavailableError("away"), ValueError("a bug")])
async def test_without_the_store_a_process_keeps_to_its_share(
    process: Process, store: Store, error: Exception
):
    """Deliveries go on, at a fifth of 24 a second, and the store is asked again later."""
    store.error = error
    began = process.clock.monotonic()
    await asyncio.gather(
        *(process.says(Priority.DELIVERY, chat_id=chat_id) for chat_id in range(1, 11))
    )
    took_s = process.clock.monotonic() - began
    assert len(process.spoken) == 10
    assert took_s == pytest.approx(9 / 4.8, abs=0.5)
    assert process.metric("neurocards_outbound_alone") == 1
    store.error = None
    process.clock.advance(AWAY_S)
    await process.turns.turn(BOT, 1, Priority.DELIVERY, patience_s=0)
    assert process.metric("neurocards_outbound_alone") == 0


async def test_what_was_silenced_is_silent_without_the_store_too(process: Process, store: Store):
    store.error = StoreUnavailableError("away")
    await process.turns.silenced(BOT, WHOLE_BOT, for_s=30)
    with pytest.raises(NoTurnError):
        await process.turns.turn(BOT, 1, Priority.DELIVERY, patience_s=10)


async def test_who_is_cancelled_while_he_waits_takes_no_turn(process: Process, store: Store):
    store.open.clear()
    given_up = process.says(Priority.DELIVERY, chat_id=1, name="given up")
    after = process.says(Priority.DELIVERY, chat_id=2, name="after")
    await asyncio.sleep(0)
    given_up.cancel()
    store.open.set()
    await after
    assert process.spoken == ["after"]


async def test_who_gives_the_turns_does_not_log_in_the_name_of_who_waits_for_one(
    clock: FakeClock,
):
    """G-14: one task gives the turns of all jobs, begun by whichever waits first."""
    store = Store(clock)
    process = Process(clock, store)
    store.error = StoreUnavailableError("away")
    with (
        capture_logs(processors=[structlog.contextvars.merge_contextvars]) as lines,
        structlog.contextvars.bound_contextvars(job_id="of the first"),
    ):
        await process.turns.turn(BOT, 1, Priority.DELIVERY, patience_s=0)

    (line,) = lines
    assert line["event"] == "outbound.alone"
    assert "job_id" not in line
