"""Showing the video: in the place of the status message, at least once, and never twice unseen."""

from __future__ import annotations

import pytest

from neurocards.domain.failures import Failure, FailureSource, classify
from neurocards.domain.jobs import JobStatus
from neurocards.errors import ProviderError
from neurocards.ports.providers import Render, RenderState
from neurocards.testing.world import USER_ID
from support.worker_bench import (
    STATUS_MESSAGE,
    WorkerBench,
    no_answer,
    not_sent,
    telegram_error,
)


def videos(bench: WorkerBench) -> list[str]:
    return [message.video for message in bench.chat.messages.values() if message.video]


async def test_the_video_carries_its_size_and_length(bench: WorkerBench):
    await bench.carry(await bench.accept())

    facts = bench.status_message.facts
    assert facts is not None
    assert (facts.width, facts.height, facts.duration_s) == (720, 1280, 5.0)


async def test_one_short_notice_follows_the_video(bench: WorkerBench):
    await bench.carry(await bench.accept())

    assert sum("видео готово" in text for text in bench.texts) == 1


@pytest.mark.parametrize(
    "error",
    [
        no_answer(),
        not_sent(),
        telegram_error("Too Many Requests: retry after 7", 429, retry_after_s=7.0),
    ],
)
async def test_the_edit_is_repeated_until_telegram_answers(bench: WorkerBench, error: Exception):
    bench.messenger.fail("replace_with_video", error, error, error)  # type: ignore[arg-type]
    job_id = await bench.accept()

    record = await bench.carry(job_id)

    assert (record.status, record.tries) == (JobStatus.DONE, 0)
    assert len(videos(bench)) == 1
    assert bench.refunds(job_id) == 0


async def test_while_telegram_is_away_the_job_waits_and_is_never_refunded(bench: WorkerBench):
    bench.messenger.fail("replace_with_video", *[no_answer()] * 100)
    job_id = await bench.accept()
    for _ in range(10):
        record = await bench.carry(job_id)
        assert (record.status, record.postponed_reason) == (JobStatus.QUEUED, "telegram_away")
        bench.clock.advance(3600)
    bench.messenger.errors.clear()

    record = await bench.carry(job_id)

    assert (record.status, record.tries) == (JobStatus.DONE, 0)
    assert len(bench.provider.created) == 1
    assert bench.refunds(job_id) == 0


async def test_a_deleted_status_message_brings_the_video_as_a_new_one(bench: WorkerBench):
    job_id = await bench.accept()
    del bench.chat.messages[STATUS_MESSAGE]

    record = await bench.carry(job_id)

    assert record.status is JobStatus.DONE
    assert record.fallback_sent_at is not None
    assert videos(bench) == [record.result_file_id]
    assert not any("готово" in text for text in bench.texts), "the video makes its own sound"


async def test_after_a_doubt_about_a_new_message_it_is_sent_once_more_and_counted(
    bench: WorkerBench,
):
    job_id = await bench.accept()
    del bench.chat.messages[STATUS_MESSAGE]
    bench.messenger.fail("send_video", no_answer())

    record = await bench.carry(job_id)

    assert record.status is JobStatus.DONE
    assert len(videos(bench)) == 2
    repeated = bench.metrics.fallback_deliveries_total.labels("true")
    assert repeated._value.get() == 1


async def test_after_two_doubts_nothing_more_is_sent_unasked(bench: WorkerBench):
    job_id = await bench.accept()
    del bench.chat.messages[STATUS_MESSAGE]
    bench.messenger.fail("send_video", no_answer(), no_answer())

    record = await bench.carry(job_id)

    assert record.status is JobStatus.DONE
    assert record.undelivered_at is not None
    assert bench.messenger.calls.count("send_video") == 2
    assert bench.refunds(job_id) == 0
    assert sum("/start" in text for text in bench.texts) == 1, "he hears how to get it"
    assert record.told_at is not None


async def test_a_user_who_blocked_the_bot_has_his_job_done_and_undelivered(bench: WorkerBench):
    job_id = await bench.accept()
    bench.chat.blocked = True

    record = await bench.carry(job_id)

    assert record.status is JobStatus.DONE
    assert record.undelivered_at is not None
    assert record.task is not None, "it can be fetched again when he comes back"
    assert record.told_at is not None, "there is nobody to be told"
    assert bench.refunds(job_id) == 0


async def test_a_user_who_comes_back_gets_his_video_without_a_new_render(bench: WorkerBench):
    job_id = await bench.accept()
    bench.chat.blocked = True
    await bench.carry(job_id)
    bench.chat.blocked = False
    bench.clock.advance(3 * 24 * 3600)
    await bench.world.orders.requeue_undelivered(USER_ID, bot_id=bench.record(job_id).bot_id)

    record = await bench.carry(job_id)

    assert (record.status, record.undelivered_at) == (JobStatus.DONE, None)
    assert bench.status_message.video == record.result_file_id
    assert len(bench.provider.created) == 1


async def test_a_refusal_after_requests_that_never_left_ends_with_a_refund(bench: WorkerBench):
    """Nothing can have been shown, however long ago the delivery began."""
    bench.messenger.fail("replace_with_video", *[not_sent()] * 6)
    job_id = await bench.accept()
    assert (await bench.carry(job_id)).status is JobStatus.QUEUED
    bench.messenger.errors.clear()
    bench.messenger.fail("replace_with_video", telegram_error("Bad Request: file is broken", 400))

    record = await bench.carry_to_end(job_id)

    assert (record.status, record.undelivered_at) == (JobStatus.FAILED, None)
    assert bench.refunds(job_id) == 1


async def test_a_video_that_may_have_been_shown_and_is_given_up_is_told_of(bench: WorkerBench):
    """He paid: without a word he would wait in front of "Sending the video" for ever."""
    refusal = telegram_error("Bad Request: file is broken", 400)
    bench.messenger.fail("replace_with_video", no_answer(), *[refusal] * 9)
    job_id = await bench.accept()
    assert (await bench.carry(job_id)).status is JobStatus.QUEUED
    bench.clock.advance(24 * 3600)

    record = await bench.carry(job_id)

    assert (record.status, record.undelivered_at is not None) == (JobStatus.DONE, True)
    assert bench.refunds(job_id) == 0
    assert sum("/start" in text for text in bench.texts) == 1


async def test_a_video_that_telegram_refuses_ends_with_a_refund(bench: WorkerBench):
    bench.messenger.fail("replace_with_video", telegram_error("Bad Request: file is broken", 400))
    job_id = await bench.accept()

    record = await bench.carry(job_id)

    assert (record.status, record.error_class) == (JobStatus.FAILED, "UNKNOWN")
    assert bench.refunds(job_id) == 1


async def test_without_the_token_of_the_bot_a_paid_video_waits(bench: WorkerBench):
    bench.messenger.fail("replace_with_video", telegram_error("Unauthorized", 401))
    job_id = await bench.accept()

    assert (await bench.carry(job_id)).status is JobStatus.QUEUED
    record = await bench.carry_to_end(job_id)

    assert (record.status, len(bench.provider.created)) == (JobStatus.DONE, 1)


@pytest.mark.parametrize(
    ("before", "status", "refunds"),
    [((), JobStatus.FAILED, 1), ((no_answer(),), JobStatus.DONE, 0)],
    ids=["never shown", "perhaps shown"],
)
async def test_without_the_token_of_the_bot_a_video_waits_no_longer_than_its_deadline(
    bench: WorkerBench, before: tuple[ProviderError, ...], status: JobStatus, refunds: int
):
    """It was downloaded again each minute, for ever."""
    no_token = telegram_error("Unauthorized", 401)
    bench.messenger.fail("replace_with_video", *before, *[no_token] * 1000)
    job_id = await bench.accept()
    for _ in range(3):
        record = await bench.carry(job_id)
        assert (record.status, record.postponed_reason) == (JobStatus.QUEUED, "telegram_away")
        bench.clock.advance(60)
    bench.clock.advance(3 * 3600)

    record = await bench.carry(job_id)

    assert (record.status, bench.refunds(job_id)) == (status, refunds)
    assert (record.undelivered_at is not None) == (status is JobStatus.DONE)


async def test_whoever_takes_a_delivering_job_over_repeats_the_edit(bench: WorkerBench):
    job_id = await bench.accept()
    run = await bench.claim(job_id)
    for step in bench.assembly.carrier._steps[:4]:
        assert await step.run(run) is None
    await bench.die_in(job_id, JobStatus.DELIVERING)

    record = await bench.carry(job_id)

    assert (record.status, record.attempt) == (JobStatus.DONE, 2)
    assert len(videos(bench)) == 1
    assert len(bench.provider.created) == 1


async def test_a_failed_job_is_told_of_in_its_status_message_and_by_a_notice(bench: WorkerBench):
    bench.messenger.files.clear()
    job_id = await bench.accept()

    record = await bench.carry(job_id)

    assert record.status is JobStatus.FAILED
    assert "возвращён 1 кредит" in bench.status_message.html
    assert sum("в сообщении выше" in text for text in bench.texts) == 1


async def test_a_failed_job_without_a_status_message_is_told_of_in_a_new_one(bench: WorkerBench):
    bench.messenger.files.clear()
    job_id = await bench.accept()
    del bench.chat.messages[STATUS_MESSAGE]

    await bench.carry(job_id)

    assert any("возвращён 1 кредит" in text for text in bench.texts)


async def test_a_failed_job_is_refunded_though_nobody_can_be_told(bench: WorkerBench):
    bench.messenger.files.clear()
    bench.messenger.fail("edit_status", *[no_answer()] * 10)
    job_id = await bench.accept()

    record = await bench.carry(job_id)

    assert record.status is JobStatus.FAILED
    assert bench.refunds(job_id) == 1


async def test_a_video_that_may_have_been_shown_is_never_refunded(bench: WorkerBench):
    job_id = await bench.accept()
    bench.messenger.fail("replace_with_video", *[no_answer()] * 6)
    assert (await bench.carry(job_id)).status is JobStatus.QUEUED
    assert bench.status_message.video is not None
    bench.provider.fetch_errors.extend([not_sent()] * 4)

    record = await bench.carry_to_end(job_id)

    assert (record.status, record.undelivered_at) == (JobStatus.DONE, None)
    assert bench.refunds(job_id) == 0


async def test_a_crash_between_the_video_and_its_commit_never_ends_in_a_refund(
    bench: WorkerBench, monkeypatch: pytest.MonkeyPatch
):
    class Killed(BaseException):
        pass

    async def dies(*args: object, **named: object) -> bool:
        raise Killed

    job_id = await bench.accept()
    with monkeypatch.context() as patch:
        patch.setattr(bench.world.jobs, "finish", dies)
        with pytest.raises(Killed):
            await bench.carry(job_id)
    await bench.die_in(job_id, JobStatus.DELIVERING)
    bench.provider.renders.append(Render(RenderState.FAILED, failure=classify(no_answer().failure)))

    record = await bench.carry_to_end(job_id)

    assert (record.status, len(bench.provider.created)) == (JobStatus.DONE, 1)
    assert bench.refunds(job_id) == 0


async def test_a_video_that_was_perhaps_shown_ends_at_its_deadline_as_undelivered(
    bench: WorkerBench,
):
    job_id = await bench.accept()
    bench.messenger.fail("replace_with_video", *[no_answer()] * 6)
    await bench.carry(job_id)
    refused = ProviderError(Failure(FailureSource.KIE, text="may not be asked", code="403"))
    bench.provider.fetch_errors.extend([refused] * 1000)
    bench.clock.advance(2 * 3600)

    record = await bench.carry_to_end(job_id)

    assert record.status is JobStatus.DONE
    assert record.undelivered_at is not None
    assert record.undelivered_at >= record.deadline_at
    assert bench.refunds(job_id) == 0


async def test_a_refusal_after_an_unanswered_showing_is_not_refunded(bench: WorkerBench):
    job_id = await bench.accept()
    bench.messenger.fail("replace_with_video", no_answer(), telegram_error("Bad Request", 400))

    assert (await bench.carry(job_id)).status is JobStatus.QUEUED
    assert (await bench.carry_to_end(job_id)).status is JobStatus.DONE
    assert bench.refunds(job_id) == 0


async def test_a_refusal_after_requests_that_were_never_sent_is_refunded(bench: WorkerBench):
    job_id = await bench.accept()
    bench.messenger.fail("replace_with_video", not_sent(), telegram_error("Bad Request", 400))

    assert (await bench.carry(job_id)).status is JobStatus.FAILED
    assert bench.refunds(job_id) == 1
