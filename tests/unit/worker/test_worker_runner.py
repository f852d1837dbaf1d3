"""Messages, leases and the end of a worker: what it takes, keeps, gives back and leaves alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import pytest

from neurocards.domain.jobs import JobStatus
from neurocards.errors import StoreUnavailableError
from neurocards.ports.providers import Render, RenderState
from neurocards.ports.queue import OutboxMessage
from neurocards.testing.queue import MemoryDelivery, MemoryPublisher
from neurocards.testing.world import LEASE_S, USER_ID
from neurocards_worker.leases import BEAT_SHARES
from support.worker_bench import WorkerBench

TURNS = 200


class StandingWakes:
    """Nobody calls back and no time passes: a job that waits for its render waits for good."""

    async def wait(self, job_id: UUID, *, timeout_s: float) -> str | None:
        await asyncio.Event().wait()
        raise AssertionError((job_id, timeout_s))


@asynccontextmanager
async def working(bench: WorkerBench) -> AsyncIterator[asyncio.Event]:
    stop = asyncio.Event()
    task = asyncio.create_task(bench.assembly.runner.run(stop))
    try:
        yield stop
    finally:
        stop.set()
        await asyncio.wait_for(task, timeout=30)


async def settle_down() -> None:
    """Let everything happen that can happen without the clock: it is asked for, not waited for."""
    for _ in range(TURNS):
        await asyncio.sleep(0)
        # Files are read in threads; an empty errand behind them ends after them.
        await asyncio.to_thread(_nothing)


def _nothing() -> None:
    pass


async def publish(bench: WorkerBench, *job_ids: UUID) -> None:
    messages = [OutboxMessage(n, job_id, "default") for n, job_id in enumerate(job_ids, start=1)]
    await MemoryPublisher(bench.broker).publish(messages)


def standing(bench: WorkerBench) -> None:
    """Let renders never end, and the clock of the loops stand still between their sleeps."""
    bench.wakes = StandingWakes()  # type: ignore[assignment]
    bench.clock.sleep = still  # type: ignore[method-assign]
    bench.provider.renders.extend([Render(RenderState.PENDING)] * 100)
    bench.new_worker()


async def still(seconds: float) -> None:
    del seconds
    await asyncio.Event().wait()


async def test_a_message_becomes_a_finished_job_and_is_acknowledged(bench: WorkerBench):
    job_id = await bench.accept()
    bench.wakes.hints.append("task-1")
    bench.clock.sleep = still  # type: ignore[method-assign]
    async with working(bench):
        await publish(bench, job_id)
        await settle_down()

    assert bench.record(job_id).status is JobStatus.DONE
    assert bench.broker.job_ids == frozenset()


async def test_a_finished_job_is_acknowledged_without_being_touched(bench: WorkerBench):
    job_id = await bench.accept()
    await bench.carry(job_id)
    bench.clock.sleep = still  # type: ignore[method-assign]
    async with working(bench):
        await publish(bench, job_id)
        await settle_down()

    assert bench.broker.job_ids == frozenset()
    assert bench.record(job_id).attempt == 1


async def test_a_job_under_the_live_lease_of_another_is_given_back(bench: WorkerBench):
    job_id = await bench.accept()
    await bench.claim(job_id)
    bench.clock.sleep = still  # type: ignore[method-assign]
    async with working(bench):
        await publish(bench, job_id)
        await settle_down()

    assert bench.broker.job_ids == {job_id}
    assert bench.record(job_id).attempt == 1


async def test_a_message_is_given_back_while_the_store_is_away(bench: WorkerBench):
    job_id = await bench.accept()

    async def away(*args: object, **named: object) -> None:
        raise StoreUnavailableError((args, named))

    bench.world.jobs.claim = away  # type: ignore[assignment, method-assign]
    bench.clock.sleep = still  # type: ignore[method-assign]
    async with working(bench):
        await publish(bench, job_id)
        await settle_down()

    assert bench.broker.job_ids == {job_id}
    assert bench.record(job_id).status is JobStatus.QUEUED


async def test_no_more_jobs_are_taken_than_there_are_slots(bench: WorkerBench):
    standing(bench)
    job_ids = [await bench.accept(USER_ID + n) for n in range(25)]
    async with working(bench):
        await publish(bench, *job_ids)
        await settle_down()
        claimed = [bench.record(job_id).attempt for job_id in job_ids]

    assert sum(claimed) == 20


async def test_a_worker_that_ends_hands_its_jobs_over_without_a_loss(bench: WorkerBench):
    standing(bench)
    job_id = await bench.accept()
    async with working(bench):
        await publish(bench, job_id)
        await settle_down()
        assert bench.record(job_id).status is JobStatus.RENDERING

    record = bench.record(job_id)
    assert (record.status, record.leased_by) == (JobStatus.RENDERING, None)
    assert bench.broker.job_ids == {job_id}
    assert any(message.job_id == job_id for message in bench.world.database.outbox)
    claim = await bench.claim(job_id)
    assert (claim.job.attempt, claim.job.lease_losses) == (2, 0)


async def test_an_order_under_way_is_stored_before_the_worker_ends(bench: WorkerBench):
    standing(bench)
    job_id = await bench.accept()
    create, let_go = bench.provider.create, asyncio.Event()

    async def slow_create(*args: object, **named: object) -> str:
        await let_go.wait()
        return await create(*args, **named)  # type: ignore[arg-type]

    bench.provider.create = slow_create  # type: ignore[method-assign]
    async with working(bench) as stop:
        await publish(bench, job_id)
        await settle_down()
        assert bench.record(job_id).status is JobStatus.SUBMITTING
        stop.set()
        await settle_down()
        let_go.set()

    record = bench.record(job_id)
    assert (record.status, record.leased_by) == (JobStatus.RENDERING, None)
    assert record.task is not None


async def test_the_others_do_not_wait_for_the_answer_to_an_order_under_way(bench: WorkerBench):
    """The next worker has them at once, however long the provider takes."""
    standing(bench)
    waiting, ordering = [await bench.accept(USER_ID + n) for n in range(2)]
    create, let_go = bench.provider.create, asyncio.Event()

    async def slow_create(*args: object, **named: object) -> str:
        await let_go.wait()
        return await create(*args, **named)  # type: ignore[arg-type]

    async with working(bench) as stop:
        await publish(bench, waiting)
        await settle_down()
        bench.provider.create = slow_create  # type: ignore[method-assign]
        await publish(bench, ordering)
        await settle_down()
        stop.set()
        await settle_down()
        early, late = bench.record(waiting), bench.record(ordering)
        assert (early.status, early.leased_by) == (JobStatus.RENDERING, None)
        assert (late.status, late.leased_by is None) == (JobStatus.SUBMITTING, False)
        let_go.set()


async def test_a_lost_lease_ends_the_work_and_touches_nothing(bench: WorkerBench):
    standing(bench)
    job_id = await bench.accept()
    async with working(bench):
        await publish(bench, job_id)
        await settle_down()
        bench.clock.advance(61)
        await bench.claim(job_id)
        await bench.assembly.leases.renew()
        await settle_down()
        assert len(bench.assembly.leases) == 0

    record = bench.record(job_id)
    assert (record.status, record.attempt) == (JobStatus.RENDERING, 2)
    assert record.leased_by == "bench"
    assert bench.broker.job_ids == {job_id}, "its message belongs to the other one"
    assert bench.metrics.leases_lost_total._value.get() == 1


async def test_a_worker_that_cannot_renew_lets_the_broker_give_the_job_to_others(
    bench: WorkerBench, monkeypatch: pytest.MonkeyPatch
):
    """PostgreSQL answers all others: a sign of life from here would hold the job for good."""
    standing(bench)
    beats: list[UUID] = []

    async def beat(delivery: MemoryDelivery) -> None:
        beats.append(delivery.job_id)

    monkeypatch.setattr(MemoryDelivery, "in_progress", beat)
    job_id = await bench.accept()
    async with working(bench):
        await publish(bench, job_id)
        await settle_down()
        for passed_s, beats_wanted in ((LEASE_S - 1, 1), (1, 1)):
            bench.clock.advance(passed_s)
            for part in range(BEAT_SHARES):
                await bench.assembly.leases.beat(part)
            assert beats == [job_id] * beats_wanted
        await bench.assembly.leases.renew()
        for part in range(BEAT_SHARES):
            await bench.assembly.leases.beat(part)
        assert len(beats) == 2, "it was renewed after all, and nobody had taken it"


async def test_all_leases_are_renewed_by_one_statement(bench: WorkerBench):
    standing(bench)
    job_ids = [await bench.accept(USER_ID + n) for n in range(10)]
    calls = []
    renew = bench.world.jobs.renew_leases

    async def counted(fences: object, *, lease_s: float) -> frozenset[UUID]:
        calls.append(fences)
        return await renew(fences, lease_s=lease_s)  # type: ignore[arg-type]

    bench.world.jobs.renew_leases = counted  # type: ignore[method-assign]
    async with working(bench):
        await publish(bench, *job_ids)
        await settle_down()
        bench.clock.advance(30)
        await bench.assembly.leases.renew()

    assert len(calls) == 1
    assert len(calls[0]) == 10  # type: ignore[arg-type]


async def test_a_write_waits_while_the_store_is_away(bench: WorkerBench):
    job_id = await bench.accept()
    store_task, failures = bench.world.jobs.store_task, [1, 2, 3]

    async def shaky(*args: object) -> bool:
        if failures:
            raise StoreUnavailableError(f"away {failures.pop()}")
        return await store_task(*args)  # type: ignore[arg-type]

    bench.world.jobs.store_task = shaky  # type: ignore[assignment, method-assign]

    record = await bench.carry(job_id)

    assert record.status is JobStatus.DONE
    assert len(bench.provider.created) == 1


async def test_a_claim_under_way_leaves_no_lease_behind_when_the_worker_ends(bench: WorkerBench):
    standing(bench)
    job_id = await bench.accept()
    claim, let_go = bench.world.jobs.claim, asyncio.Event()

    async def slow_claim(*args: object, **named: object) -> object:
        await let_go.wait()
        return await claim(*args, **named)  # type: ignore[arg-type]

    bench.world.jobs.claim = slow_claim  # type: ignore[assignment, method-assign]
    async with working(bench) as stop:
        await publish(bench, job_id)
        await settle_down()
        stop.set()
        await settle_down()
        let_go.set()

    record = bench.record(job_id)
    assert (record.attempt, record.leased_by) == (1, None)
    assert bench.broker.job_ids == {job_id}
