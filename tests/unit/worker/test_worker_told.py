"""The end of a job is told, though its teller dies, though Telegram is away, and told once (I6)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast
from uuid import UUID

import pytest

from neurocards.domain.jobs import JobStatus
from neurocards.errors import ProviderError
from neurocards.ports.jobs import Claimed, NothingToDo, Untold
from neurocards.ports.queue import Delivery, OutboxMessage
from neurocards.testing.queue import MemoryPublisher
from neurocards.testing.world import BOT_ID, LEASE_S, USER_ID
from neurocards_worker.leases import HeldJob
from neurocards_worker.run import Run
from neurocards_worker.settlement import Settled
from support.worker_bench import (
    STATUS_MESSAGE,
    WorkerBench,
    no_answer,
    not_sent,
    openai_error,
    telegram_error,
)

TURNS = 200
READY = "видео готово"
SEE_ABOVE = "в сообщении выше"
REFUNDED = "возвращён 1 кредит"
TOO_MANY = telegram_error("Too Many Requests: retry after 7", 429, retry_after_s=7.0)


class Killed(BaseException):
    """The process is gone in mid-call."""


def dies_at(bench: WorkerBench, monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    async def dies(*args: object, **named: object) -> None:
        raise Killed

    monkeypatch.setattr(bench.messenger, method, dies)


def count(bench: WorkerBench, words: str) -> int:
    return sum(words in text for text in bench.texts)


async def untold(bench: WorkerBench, job_id: UUID) -> Untold | None:
    claim = await bench.world.jobs.claim(job_id, worker="successor", lease_s=LEASE_S)
    assert isinstance(claim, NothingToDo)
    return claim.untold


async def held(bench: WorkerBench, job_id: UUID) -> Run:
    """Claim a job as the runner does, so that its lease is known."""
    keeper, holding = bench.assembly.leases, HeldJob(cast("Delivery", object()))
    keeper.add(job_id, holding)
    claim = await keeper.claim(
        holding, bench.world.jobs.claim(job_id, worker="bench", lease_s=LEASE_S)
    )
    assert isinstance(claim, Claimed)
    holding.run = Run(claim.job, holding.uninterrupted)
    return holding.run


async def told_by_a_successor(bench: WorkerBench, job_id: UUID) -> bool:
    left = await untold(bench, job_id)
    assert left is not None
    return await bench.new_worker().carrier.tell(left)


@asynccontextmanager
async def working(bench: WorkerBench, *job_ids: UUID) -> AsyncIterator[None]:
    """A worker that has met messages of these jobs and done with them what it can without time."""
    messages = [OutboxMessage(n, job_id, "default") for n, job_id in enumerate(job_ids)]
    await MemoryPublisher(bench.broker).publish(messages)
    stop = asyncio.Event()
    running = asyncio.create_task(bench.assembly.runner.run(stop))
    for _ in range(TURNS):
        await asyncio.sleep(0)
    yield
    stop.set()
    await running


async def still(seconds: float) -> None:
    del seconds
    await asyncio.Event().wait()


async def test_a_refusal_whose_teller_died_is_told_by_the_next_worker_in_the_same_words(
    bench: WorkerBench, monkeypatch: pytest.MonkeyPatch
):
    """It knows whose rules were broken: that is stored with the failure."""
    bench.writer.errors.append(openai_error("I can't help with that.", code="refusal"))
    job_id = await bench.accept()
    with monkeypatch.context() as patch:
        dies_at(bench, patch, "edit_status")
        with pytest.raises(Killed):
            await bench.carry(job_id)
    assert bench.record(job_id).status is JobStatus.FAILED
    assert bench.record(job_id).told_at is None

    assert await told_by_a_successor(bench, job_id)

    assert "Вы нарушили правила OpenAI" in bench.status_message.html
    assert REFUNDED in bench.status_message.html
    assert count(bench, SEE_ABOVE) == 1
    assert await untold(bench, job_id) is None


async def test_a_video_whose_notice_was_lost_is_told_of_by_the_next_worker(
    bench: WorkerBench, monkeypatch: pytest.MonkeyPatch
):
    job_id = await bench.accept()
    with monkeypatch.context() as patch:
        dies_at(bench, patch, "send_text")
        with pytest.raises(Killed):
            await bench.carry(job_id)
    assert count(bench, READY) == 0

    assert await told_by_a_successor(bench, job_id)

    assert count(bench, READY) == 1
    assert await untold(bench, job_id) is None


async def test_a_notice_that_went_out_before_the_crash_comes_at_most_once_more(
    bench: WorkerBench, monkeypatch: pytest.MonkeyPatch
):
    """Told is stored after the telling: at least once, and twice only by a crash in between."""
    job_id = await bench.accept()

    async def dies(*args: object, **named: object) -> bool:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(bench.world.jobs, "mark_told", dies)
        with pytest.raises(Killed):
            await bench.carry(job_id)
    assert count(bench, READY) == 1

    assert await told_by_a_successor(bench, job_id)

    assert count(bench, READY) == 2
    assert await untold(bench, job_id) is None


async def test_who_had_blocked_the_bot_reads_of_the_failure_when_he_comes_back(
    bench: WorkerBench,
):
    """Nobody else would put an end to the progress that stands in his chat."""
    bench.writer.errors.append(openai_error("I can't help with that.", code="refusal"))
    job_id = await bench.accept()
    record = bench.record(job_id)
    bench.messenger.chat(record.chat_id).blocked = True
    await bench.carry(job_id)
    assert record.status is JobStatus.FAILED
    assert await untold(bench, job_id) is None

    bench.messenger.chat(record.chat_id).blocked = False
    await bench.world.orders.requeue_undelivered(record.tg_user_id, bot_id=record.bot_id)
    assert await told_by_a_successor(bench, job_id)

    assert "Вы нарушили правила OpenAI" in bench.status_message.html
    assert count(bench, SEE_ABOVE) == 1


async def test_a_told_job_is_told_of_once_however_often_its_message_comes(bench: WorkerBench):
    job_id = await bench.accept()
    await bench.carry(job_id)
    bench.clock.sleep = still  # type: ignore[method-assign]

    for _ in range(2):
        async with working(bench, job_id):
            assert bench.broker.job_ids == frozenset()
        bench.new_worker()

    assert count(bench, READY) == 1


async def test_the_message_of_an_untold_job_is_acknowledged_when_it_was_told(
    bench: WorkerBench,
):
    job_id = await bench.accept()
    await bench.carry(job_id)
    bench.record(job_id).told_at = bench.record(job_id).notice_sent_at = None
    bench.clock.sleep = still  # type: ignore[method-assign]

    async with working(bench, job_id):
        assert bench.broker.job_ids == frozenset()

    assert count(bench, READY) == 2
    assert bench.record(job_id).told_at is not None
    assert bench.record(job_id).attempt == 1


@pytest.mark.parametrize("error", [TOO_MANY, not_sent(), telegram_error("Unauthorized", 401)])
async def test_what_cannot_be_told_now_stays_untold_and_its_message_comes_back(
    bench: WorkerBench, error: ProviderError
):
    bench.messenger.files.clear()
    job_id = await bench.accept()
    bench.messenger.fail("edit_status", *[error] * 8)

    settled = await bench.assembly.carrier.carry(await bench.claim(job_id))

    assert settled is Settled.UNTOLD
    assert bench.refunds(job_id) == 1, "the money does not wait for the words"
    async with working(bench, job_id):
        assert bench.broker.job_ids == {job_id}
    bench.messenger.errors.clear()
    assert await told_by_a_successor(bench, job_id)
    assert REFUNDED in bench.status_message.html


async def test_an_end_is_told_again_after_half_a_minute(bench: WorkerBench):
    assert bench.assembly.runner._limits.tell_again_s == 30.0


async def test_a_user_who_blocked_the_bot_counts_as_told(bench: WorkerBench):
    bench.messenger.files.clear()
    job_id = await bench.accept()
    bench.chat.blocked = True

    await bench.carry(job_id)

    assert bench.record(job_id).status is JobStatus.FAILED
    assert await untold(bench, job_id) is None


async def test_words_that_telegram_will_never_take_are_not_tried_for_ever(bench: WorkerBench):
    bench.messenger.files.clear()
    job_id = await bench.accept()
    bench.messenger.fail("edit_status", telegram_error("Bad Request: can't parse entities", 400))

    await bench.carry(job_id)

    assert await untold(bench, job_id) is None


async def test_after_a_day_an_end_that_could_not_be_told_is_left_to_the_history(
    bench: WorkerBench,
):
    bench.messenger.files.clear()
    job_id = await bench.accept()
    bench.messenger.fail("edit_status", *[not_sent()] * 100)
    await bench.carry(job_id)
    assert not await told_by_a_successor(bench, job_id)
    bench.clock.advance(24 * 3600)

    assert await told_by_a_successor(bench, job_id)

    assert await untold(bench, job_id) is None


async def test_after_two_notices_that_may_have_come_no_third_is_sent(bench: WorkerBench):
    bench.messenger.fail("send_text", *[no_answer()] * 10)
    job_id = await bench.accept()

    await bench.carry(job_id)

    assert count(bench, READY) == 2
    assert await untold(bench, job_id) is None


async def test_a_refund_whose_status_message_is_gone_is_told_in_two_new_messages_at_most(
    bench: WorkerBench,
):
    bench.messenger.files.clear()
    bench.messenger.fail("send_text", no_answer(), no_answer())
    job_id = await bench.accept()
    del bench.chat.messages[STATUS_MESSAGE]

    await bench.carry(job_id)

    assert count(bench, REFUNDED) == 2
    assert await untold(bench, job_id) is None


async def test_a_failure_that_a_new_message_tells_is_not_announced_by_another_one(
    bench: WorkerBench,
):
    """It has made its sound already, and nothing stands above it."""
    bench.messenger.files.clear()
    job_id = await bench.accept()
    del bench.chat.messages[STATUS_MESSAGE]

    await bench.carry(job_id)

    assert count(bench, REFUNDED) == 1
    assert count(bench, SEE_ABOVE) == 0
    assert await untold(bench, job_id) is None


async def test_why_a_job_waits_is_not_said_when_another_worker_may_have_it(
    bench: WorkerBench, monkeypatch: pytest.MonkeyPatch
):
    """This one was stopped between the commit and the words, and knows of nothing."""
    bench.writer.errors.append(openai_error("busy", status=500))
    job_id = await bench.accept()
    run = await held(bench, job_id)
    postpone = bench.world.jobs.postpone

    async def stops_after(*args: Any, **named: Any) -> bool:
        is_kept = await postpone(*args, **named)
        bench.clock.advance(LEASE_S)
        bench.status_message.html = "what another worker said"
        return is_kept

    monkeypatch.setattr(bench.world.jobs, "postpone", stops_after)
    await bench.assembly.carrier.carry(run)

    assert bench.record(job_id).status is JobStatus.QUEUED
    assert bench.status_message.html == "what another worker said"


async def test_why_a_job_waits_is_not_said_after_telegram_s_silence(bench: WorkerBench):
    """The job may be due by then, and in other hands."""
    bench.writer.errors.append(openai_error("busy", status=500))
    job_id = await bench.accept()
    await bench.world.outbound.pause(BOT_ID, USER_ID, for_s=30)

    await bench.carry(job_id)

    assert bench.record(job_id).status is JobStatus.QUEUED
    assert bench.messenger.calls.count("edit_status") == 0


async def test_why_a_job_waits_is_said_by_who_surely_has_it(bench: WorkerBench):
    bench.writer.errors.append(openai_error("busy", status=500))
    job_id = await bench.accept()

    await bench.assembly.carrier.carry(await held(bench, job_id))

    assert "повторяем" in bench.status_message.html


async def test_an_end_told_by_an_older_release_is_not_announced_a_second_time(
    bench: WorkerBench,
):
    """It noted the notice before it was sent, and knows nothing of the note of the telling."""
    bench.messenger.files.clear()
    job_id = await bench.accept()
    await bench.carry(job_id)
    record = bench.record(job_id)
    record.told_at = None

    assert await told_by_a_successor(bench, job_id)

    assert count(bench, SEE_ABOVE) == 1
    assert record.told_at is not None


async def test_a_cancellation_is_told_whoever_else_has_told_of_it(bench: WorkerBench):
    """The bot that answers may have died; a person of the operations says nothing at all."""
    job_id = await bench.accept()
    await bench.world.orders.cancel(job_id, tg_user_id=bench.record(job_id).tg_user_id)

    assert await told_by_a_successor(bench, job_id)

    assert "Заказ отменён" in bench.status_message.html
    assert REFUNDED in bench.status_message.html


async def test_an_order_that_cannot_be_read_ends_with_a_refund_and_a_word(bench: WorkerBench):
    job_id = await bench.accept()
    await bench.world.spoil_order(job_id)
    bench.clock.sleep = still  # type: ignore[method-assign]

    async with working(bench, job_id):
        assert bench.broker.job_ids == frozenset()

    record = bench.record(job_id)
    assert (record.status, record.error_class) == (JobStatus.FAILED, "UNKNOWN")
    assert (record.error_code, record.attempt) == ("unreadable", 1)
    assert bench.refunds(job_id) == 1
    assert REFUNDED in bench.status_message.html
    assert bench.provider.created == []


async def test_an_unreadable_order_whose_video_may_have_been_shown_is_not_refunded(
    bench: WorkerBench,
):
    job_id = await bench.accept()
    bench.messenger.fail("replace_with_video", *[no_answer()] * 6)
    await bench.carry(job_id)
    await bench.world.spoil_order(job_id)
    record = bench.record(job_id)
    bench.clock.advance(4 * 3600)

    claim = await bench.world.jobs.claim(job_id, worker="bench", lease_s=LEASE_S)
    assert not isinstance(claim, NothingToDo)
    bench.clock.advance(LEASE_S + 1)
    bench.clock.sleep = still  # type: ignore[method-assign]
    async with working(bench, job_id):
        pass

    assert record.status is JobStatus.DONE
    assert record.undelivered_at is not None
    assert bench.refunds(job_id) == 0
