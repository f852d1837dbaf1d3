"""A service that fails is left alone, and its jobs wait: parked, not failed (G-25)."""

from __future__ import annotations

import asyncio

import pytest
from prometheus_client.exposition import generate_latest

from neurocards.domain.jobs import JobStatus
from neurocards.errors import ProviderError
from neurocards.ports.providers import Render, RenderState
from neurocards.testing.world import USER_ID
from neurocards_worker.breakers import SPREAD_MAX, ServiceBreaker, ServiceRestsError
from support.worker_bench import (
    PEOPLE,
    SERVER_ERROR,
    WorkerBench,
    kie_error,
    no_answer,
    not_sent,
    openai_error,
    telegram_error,
)

FAILURES = 10
OPEN_S = 30.0


def breaker_of(bench: WorkerBench, service: str) -> ServiceBreaker:
    """Give one with the limits that the worker has by default."""
    return bench.assembly._breaker(service)


async def fails(error: ProviderError) -> None:
    raise error


async def _down(bench: WorkerBench, service: str, error: ProviderError) -> None:
    """Let as many calls of other jobs fail as it takes."""
    guarded = {
        "openai": bench.assembly._outside.writer,
        "kie": bench.assembly._outside.provider,
        "telegram": bench.assembly._outside.messenger,
    }[service]
    breaker: ServiceBreaker = guarded._breaker  # type: ignore[attr-defined]
    for _ in range(FAILURES):
        with pytest.raises(ProviderError):
            await breaker.through(lambda: fails(error))


@pytest.mark.parametrize(
    ("service", "error", "reason"),
    [
        ("openai", openai_error("server error", status=503), "openai_rests"),
        ("kie", kie_error(*SERVER_ERROR), "kie_rests"),
        ("telegram", no_answer(), "telegram_rests"),
    ],
)
async def test_while_a_service_rests_jobs_are_parked_without_a_call_or_a_try(
    bench: WorkerBench, service: str, error: ProviderError, reason: str
):
    job_id = await bench.accept()
    await _down(bench, service, error)

    record = await bench.carry(job_id)

    assert (record.status, record.postponed_reason) == (JobStatus.QUEUED, reason)
    assert (record.tries, record.submissions, record.error_class) == (0, 0, None)
    assert record.retry_at is not None
    wait_s = (record.retry_at - bench.clock.now()).total_seconds()
    assert 0 < wait_s <= OPEN_S * (1 + SPREAD_MAX)
    assert bench.provider.created == []
    assert bench.refunds(job_id) == 0
    assert (await bench.carry_to_end(job_id)).status is JobStatus.DONE


async def test_an_order_that_was_held_back_stands_in_no_counter(bench: WorkerBench):
    """It was counted before it was to be sent; nobody may wait for word of it."""
    job_id = await bench.accept()
    guarded = bench.assembly._outside.provider
    create = guarded.create

    async def held_back(*args: object, **named: object) -> str:
        del args, named
        raise ServiceRestsError("kie", after_s=OPEN_S)

    guarded.create = held_back  # type: ignore[method-assign]
    record = await bench.carry(job_id)
    assert (record.status, record.postponed_reason) == (JobStatus.QUEUED, "kie_rests")
    assert (record.submissions, record.orphans, record.tries) == (0, 0, 0)
    guarded.create = create  # type: ignore[method-assign]

    record = await bench.carry_to_end(job_id)

    assert (record.status, record.orphans) == (JobStatus.DONE, 0)
    assert len(bench.provider.created) == 1


async def test_a_render_is_watched_on_while_its_provider_rests(bench: WorkerBench):
    """Looks that are not made conclude nothing, and the paid task is not given up."""
    bench.provider.renders.extend([kie_error(*SERVER_ERROR)] * FAILURES)
    bench.provider.renders.append(Render(RenderState.PENDING))
    job_id = await bench.accept()

    record = await bench.carry(job_id)

    assert (record.status, record.tries) == (JobStatus.DONE, 0)
    assert len(bench.provider.created) == 1


async def test_a_paid_video_waits_while_telegram_rests(bench: WorkerBench):
    bench.messenger.fail("replace_with_video", *[no_answer()] * 40)
    job_id = await bench.accept()
    for _ in range(4):
        record = await bench.carry(job_id)
        assert (record.status, record.tries) == (JobStatus.QUEUED, 0)
        bench.clock.advance(300)
    bench.messenger.errors.clear()

    record = await bench.carry_to_end(job_id)

    assert (record.status, record.undelivered_at) == (JobStatus.DONE, None)
    assert bench.refunds(job_id) == 0


@pytest.mark.parametrize(
    "error",
    [
        kie_error(*PEOPLE),
        telegram_error("Bad Request: can't parse entities", 400),
        telegram_error("Too Many Requests: retry after 7", 429, retry_after_s=7.0),
    ],
)
async def test_who_refuses_is_there(bench: WorkerBench, error: ProviderError):
    breaker = breaker_of(bench, "kie")
    for _ in range(3 * FAILURES):
        with pytest.raises(ProviderError) as caught:
            await breaker.through(lambda: fails(error))
        assert caught.value is error


async def test_one_call_tries_and_its_answer_lets_all_through(bench: WorkerBench):
    breaker = breaker_of(bench, "kie")
    for _ in range(FAILURES):
        with pytest.raises(ProviderError):
            await breaker.through(lambda: fails(not_sent()))
    bench.clock.advance(OPEN_S)
    let_go = asyncio.Event()

    async def answers() -> str:
        await let_go.wait()
        return "answer"

    trying = asyncio.create_task(breaker.through(answers))
    await asyncio.sleep(0)
    with pytest.raises(ServiceRestsError):
        await breaker.through(answers)
    let_go.set()
    assert await trying == "answer"
    assert await breaker.through(answers) == "answer"


async def test_a_cancelled_try_leaves_the_way_to_the_next_one(bench: WorkerBench):
    breaker = breaker_of(bench, "kie")
    for _ in range(FAILURES):
        with pytest.raises(ProviderError):
            await breaker.through(lambda: fails(not_sent()))
    bench.clock.advance(OPEN_S)
    trying = asyncio.create_task(breaker.through(asyncio.Event().wait))
    await asyncio.sleep(0)
    trying.cancel()
    await asyncio.wait({trying})

    async def answers() -> str:
        return "answer"

    assert await breaker.through(answers) == "answer"


async def test_an_open_breaker_is_a_metric(bench: WorkerBench):
    await _down(bench, "kie", not_sent())
    await bench.carry(await bench.accept(USER_ID))

    text = generate_latest(bench.registry).decode()

    assert 'neurocards_breaker_open{service="kie"} 1.0' in text
    assert 'neurocards_breaker_open{service="openai"} 0.0' in text
    assert 'neurocards_breaker_held_back_total{service="kie"} 1.0' in text
