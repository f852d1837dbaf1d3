"""Watching a render, fetching its video, and what becomes of one that fails or never ends."""

from __future__ import annotations

from datetime import timedelta

import pytest

from neurocards.domain.failures import Failure, FailureSource, classify
from neurocards.domain.jobs import JobStatus
from neurocards.errors import ProviderError
from neurocards.ports.providers import Render, RenderState
from neurocards.testing.videos import tiny_mp4
from neurocards.testing.world import USER_ID
from support.worker_bench import (
    SUPPORT,
    UNAUTHORIZED,
    WorkerBench,
    kie_error,
    no_answer,
    not_sent,
)

PENDING = Render(RenderState.PENDING)
UNKNOWN = Render(RenderState.UNKNOWN_TASK)
WITHOUT_RESULT = Render(RenderState.SUCCEEDED)


def failed(text: str, code: str = "500") -> Render:
    failure = classify(Failure(FailureSource.KIE, text=text, code=code))
    return Render(RenderState.FAILED, failure=failure)


async def test_a_pending_render_is_looked_at_until_it_is_there(bench: WorkerBench):
    bench.provider.renders.extend([PENDING] * 5)

    record = await bench.carry(await bench.accept())

    assert record.status is JobStatus.DONE
    assert len(bench.provider.looks) == 6


async def test_with_callbacks_it_is_looked_at_every_30_to_60_seconds(bench: WorkerBench):
    bench.provider.renders.extend([PENDING] * 20)

    await bench.carry(await bench.accept())

    waits = [timeout_s for _, timeout_s in bench.wakes.waits]
    assert len(waits) == 21
    assert all(30 <= wait_s <= 60 for wait_s in waits)


async def test_without_callbacks_it_is_looked_at_every_5_to_15_seconds(uncalled: WorkerBench):
    uncalled.provider.renders.extend([PENDING] * 20)

    await uncalled.carry(await uncalled.accept())

    assert all(5 <= wait_s <= 15 for _, wait_s in uncalled.wakes.waits)


async def test_a_callback_ends_the_wait_at_once(bench: WorkerBench):
    bench.wakes.hints.append("task-1")
    start = bench.clock.now()

    await bench.carry(await bench.accept())

    assert bench.clock.now() == start


async def test_a_forged_callback_only_makes_us_look_again(bench: WorkerBench):
    bench.provider.renders.append(PENDING)
    bench.wakes.hints.append("task-1")

    record = await bench.carry(await bench.accept())

    assert record.status is JobStatus.DONE
    assert len(bench.provider.looks) == 2


@pytest.mark.parametrize(
    "error", [not_sent(), kie_error("Rate limit exceeded", "429"), kie_error("oops", "500")]
)
async def test_a_look_that_fails_is_no_failure_of_the_job(bench: WorkerBench, error: ProviderError):
    bench.provider.renders.extend([error, error, error, error])

    record = await bench.carry(await bench.accept())

    assert (record.status, record.tries) == (JobStatus.DONE, 0)


async def test_a_task_that_is_not_known_yet_is_given_time(bench: WorkerBench):
    bench.provider.renders.extend([UNKNOWN, UNKNOWN])

    record = await bench.carry(await bench.accept())

    assert record.status is JobStatus.DONE


async def test_a_task_that_stays_unknown_for_two_minutes_is_lost(bench: WorkerBench):
    bench.provider.renders.extend([UNKNOWN] * 20)
    job_id = await bench.accept()

    record = await bench.carry(job_id)

    assert (record.status, record.error_code) == (JobStatus.FAILED, "task_unknown")
    assert bench.refunds(job_id) == 1
    assert len(bench.provider.created) == 1


async def test_a_stuck_render_ends_after_half_an_hour_with_a_refund(bench: WorkerBench):
    bench.provider.renders.extend([PENDING] * 200)
    job_id = await bench.accept()
    start = bench.clock.now()

    record = await bench.carry(job_id)

    assert (record.status, record.error_code) == (JobStatus.FAILED, "render_deadline")
    assert timedelta(minutes=30) <= bench.clock.now() - start < timedelta(minutes=32)
    assert len(bench.provider.created) == 1
    assert "возвращён 1 кредит" in bench.status_message.html


async def test_a_render_that_failed_for_a_moment_is_ordered_again(bench: WorkerBench):
    bench.provider.renders.append(failed("internal error, please try again later."))

    record = await bench.carry_to_end(await bench.accept())

    assert (record.status, record.tries) == (JobStatus.DONE, 1)
    assert len(bench.provider.created) == 2
    assert record.orphans == 0
    assert len(bench.writer.requests) == 1


async def test_after_three_failed_renders_the_user_gets_his_credit_back(bench: WorkerBench):
    bench.provider.renders.extend([failed("Internal server error")] * 3)
    job_id = await bench.accept()

    record = await bench.carry_to_end(job_id)

    assert (record.status, record.error_class) == (JobStatus.FAILED, "TEMPORARY")
    assert len(bench.provider.created) == 3
    assert bench.refunds(job_id) == 1


async def test_a_render_against_the_rules_is_not_repeated_and_the_user_is_told(
    bench: WorkerBench,
):
    bench.provider.renders.append(failed("This content may violate our guardrails"))
    job_id = await bench.accept()

    record = await bench.carry(job_id)

    assert (record.status, record.error_class) == (JobStatus.FAILED, "USER_VIOLATION")
    assert "Вы нарушили правила Kling 3.0" in bench.status_message.html
    assert bench.refunds(job_id) == 1


async def test_an_unknown_failure_is_not_repeated_and_its_words_are_kept(bench: WorkerBench):
    bench.provider.renders.append(failed("the moon is in the wrong house", "9999"))
    job_id = await bench.accept()

    record = await bench.carry(job_id)

    assert (record.status, record.error_class) == (JobStatus.FAILED, "UNKNOWN")
    assert (record.error_code, record.error_text) == ("9999", "the moon is in the wrong house")
    assert f"Обратитесь в тех.поддержку {SUPPORT}" in bench.status_message.html
    assert str(job_id) in bench.status_message.html


async def test_a_render_without_credits_rests_its_key(bench: WorkerBench):
    bench.provider.renders.append(failed("Credits insufficient", "402"))

    record = await bench.carry(await bench.accept())

    assert record.error_class == "BILLING"
    assert bench.blocked("key-1") == "billing"


async def test_whoever_takes_a_rendering_job_over_goes_on_with_the_same_task(bench: WorkerBench):
    job_id = await bench.accept()
    run = await bench.claim(job_id)
    await bench.assembly.carrier._steps[0].run(run)
    await bench.assembly.carrier._steps[1].run(run)
    await bench.die_in(job_id, JobStatus.RENDERING)

    record = await bench.carry(job_id)

    assert (record.status, record.attempt, record.lease_losses) == (JobStatus.DONE, 2, 1)
    assert len(bench.provider.created) == 1
    assert len(bench.writer.requests) == 1


async def test_a_job_that_killed_more_than_twenty_workers_is_given_up(bench: WorkerBench):
    job_id = await bench.accept()
    bench.record(job_id).lease_losses = 21

    record = await bench.carry(job_id)

    assert (record.status, record.error_code) == (JobStatus.FAILED, "lease_losses")
    assert bench.refunds(job_id) == 1


async def test_a_task_whose_key_is_missing_here_waits_without_using_a_try(bench: WorkerBench):
    job_id = await bench.accept()
    run = await bench.claim(job_id)
    await bench.assembly.carrier._steps[0].run(run)
    await bench.assembly.carrier._steps[1].run(run)
    bench.assembly.gate._keys.clear()
    await bench.assembly.carrier.carry(run)
    record = bench.record(job_id)
    assert (record.status, record.postponed_reason) == (JobStatus.QUEUED, "key_missing")

    bench.new_worker()
    record = await bench.carry_to_end(job_id)

    assert (record.status, record.tries) == (JobStatus.DONE, 0)
    assert len(bench.provider.created) == 1


@pytest.mark.parametrize("video", [b"<html>not a video</html>", tiny_mp4()[:-8], b""])
async def test_a_damaged_video_is_fetched_again_and_never_shown(bench: WorkerBench, video: bytes):
    bench.provider.video = video
    job_id = await bench.accept()

    record = await bench.carry(job_id)
    assert (record.status, record.tries) == (JobStatus.QUEUED, 1)
    bench.provider.video = tiny_mp4()
    record = await bench.carry_to_end(job_id)

    assert record.status is JobStatus.DONE
    assert len(bench.provider.created) == 1
    assert "replace_with_video" not in bench.messenger.calls[:-2]


async def test_an_address_that_may_not_be_asked_ends_the_job(bench: WorkerBench):
    refused = Failure(FailureSource.NEUROCARDS, text="not listed", code="host_not_allowed")
    bench.provider.fetch_errors.append(ProviderError(refused))
    job_id = await bench.accept()

    record = await bench.carry(job_id)

    assert (record.status, record.error_code) == (JobStatus.FAILED, "host_not_allowed")
    assert bench.refunds(job_id) == 1


async def test_a_returned_user_gets_his_video_though_one_look_fails(bench: WorkerBench):
    bench.chat.blocked = True
    record = await bench.carry(job_id := await bench.accept())
    assert record.undelivered_at is not None
    bench.clock.advance(3 * 86_400)
    bench.chat.blocked = False
    await bench.world.orders.requeue_undelivered(USER_ID, bot_id=record.bot_id)
    bench.provider.renders.append(not_sent())

    record = await bench.carry_to_end(job_id)

    assert (record.status, record.undelivered_at) == (JobStatus.DONE, None)
    assert bench.status_message.video is not None


async def test_a_finished_render_is_never_too_late_for_its_delivery(bench: WorkerBench):
    job_id = await bench.accept()
    bench.messenger.fail("replace_with_video", *[not_sent()] * 6)
    await bench.carry(job_id)
    bench.clock.advance(31 * 60)
    bench.provider.renders.extend([not_sent(), Render(RenderState.PENDING)])

    assert (await bench.carry_to_end(job_id)).status is JobStatus.DONE


async def test_half_an_hour_without_an_answer_does_not_end_a_render(bench: WorkerBench):
    bench.provider.renders.extend([not_sent()] * 50)

    record = await bench.carry(await bench.accept())

    assert record.status is JobStatus.DONE
    assert bench.clock.now() - record.created_at > timedelta(minutes=31)


async def test_a_provider_that_never_answers_again_is_waited_for_until_the_deadline(
    bench: WorkerBench,
):
    bench.provider.renders.extend([not_sent()] * 1000)

    record = await bench.carry(job_id := await bench.accept())

    assert (record.status, record.error_code) == (JobStatus.FAILED, "render_deadline")
    assert bench.clock.now() >= record.deadline_at
    assert bench.refunds(job_id) == 1


async def test_one_unknown_task_and_then_an_outage_is_no_lost_task(bench: WorkerBench):
    bench.provider.renders.append(Render(RenderState.UNKNOWN_TASK))
    bench.provider.renders.extend([not_sent()] * 10)

    assert (await bench.carry(await bench.accept())).status is JobStatus.DONE


async def test_a_paid_video_is_waited_for_while_its_host_is_away(bench: WorkerBench):
    job_id = await bench.accept()
    bench.provider.fetch_errors.extend([not_sent()] * 7)

    record = await bench.carry_to_end(job_id)

    assert (record.status, record.tries) == (JobStatus.DONE, 0)
    assert bench.clock.now() - record.created_at >= timedelta(minutes=30)


async def test_a_download_that_always_breaks_off_is_given_up_and_refunded(bench: WorkerBench):
    """It was repeated each half minute until the deadline of the job, three hours later."""
    job_id = await bench.accept()
    bench.provider.fetch_errors.extend([not_sent()] * 1000)

    record = await bench.carry_to_end(job_id)

    assert (record.status, record.error_code) == (JobStatus.FAILED, "video_unfetched")
    assert len(bench.provider.fetch_errors) == 1000 - 8
    assert bench.clock.now() < record.deadline_at
    assert bench.refunds(job_id) == 1
    assert lost(bench, "video_unfetched") == 1
    assert len(bench.provider.created) == 1, "no second render is paid for"


async def test_every_download_is_of_an_address_that_the_provider_has_just_told(bench: WorkerBench):
    job_id = await bench.accept()
    bench.provider.fetch_errors.extend([not_sent()] * 7)
    await bench.carry_to_end(job_id)
    assert len(bench.provider.looks) == 8


async def test_a_fresh_address_has_tries_of_its_own_but_not_without_end(bench: WorkerBench):
    """A provider may sign a new address for each look."""
    job_id = await bench.accept()
    bench.provider.renders.extend(
        Render(RenderState.SUCCEEDED, result_url=f"https://files.example/{number}.mp4")
        for number in range(1000)
    )
    bench.provider.fetch_errors.extend([not_sent()] * 1000)

    record = await bench.carry_to_end(job_id)

    assert (record.status, record.error_code) == (JobStatus.FAILED, "video_unfetched")
    assert len(bench.provider.fetch_errors) == 1000 - 16
    assert bench.refunds(job_id) == 1


async def test_a_video_that_is_damaged_each_time_is_counted_as_lost(bench: WorkerBench):
    bench.provider.video = b"<html>not a video</html>"
    job_id = await bench.accept()

    record = await bench.carry_to_end(job_id)

    assert (record.status, record.error_code) == (JobStatus.FAILED, "video_damaged")
    assert lost(bench, "video_damaged") == 1
    assert bench.refunds(job_id) == 1


async def test_a_download_that_breaks_off_after_the_deadline_ends_the_job(bench: WorkerBench):
    job_id = await bench.accept()
    bench.provider.fetch_errors.extend([not_sent()] * 1000)
    await bench.carry(job_id)
    bench.clock.advance(3 * 3600)

    record = await bench.carry_to_end(job_id)

    assert record.status is JobStatus.FAILED
    assert bench.refunds(job_id) == 1


@pytest.mark.parametrize("answer", [kie_error(*UNAUTHORIZED), PENDING])
async def test_a_finished_render_that_is_not_shown_any_more_is_lost_at_the_deadline(
    bench: WorkerBench, answer: Render | ProviderError
):
    """One download broke off, and since then no look brings its address."""
    job_id = await bench.accept()
    bench.provider.fetch_errors.append(not_sent())
    assert (await bench.carry(job_id)).rendered_at is not None
    bench.provider.renders.extend([answer] * 1000)

    record = await bench.carry_to_end(job_id)

    assert (record.status, record.error_code) == (JobStatus.FAILED, "render_deadline")
    deadline = record.deadline_at
    assert deadline <= bench.clock.now() < deadline + timedelta(minutes=5)
    assert bench.refunds(job_id) == 1
    assert lost(bench, "render_deadline") == 1
    assert len(bench.provider.created) == 1


async def test_a_finished_render_whose_key_is_gone_until_the_deadline_is_counted_as_lost(
    bench: WorkerBench,
):
    job_id = await bench.accept()
    bench.provider.fetch_errors.append(not_sent())
    await bench.carry(job_id)
    bench.assembly.gate._keys.clear()
    bench.clock.advance(3 * 3600)

    record = await bench.carry(job_id)

    assert (record.status, record.error_code) == (JobStatus.FAILED, "render_deadline")
    assert bench.refunds(job_id) == lost(bench, "render_deadline") == 1


async def test_a_video_that_may_be_shown_and_is_not_told_of_any_more_is_not_refunded(
    bench: WorkerBench,
):
    job_id = await bench.accept()
    bench.messenger.fail("replace_with_video", *[no_answer()] * 6)
    await bench.carry(job_id)
    bench.provider.renders.extend([kie_error(*UNAUTHORIZED)] * 1000)

    record = await bench.carry_to_end(job_id)

    assert record.status is JobStatus.DONE
    assert record.undelivered_at is not None
    assert record.undelivered_at >= record.deadline_at
    assert bench.refunds(job_id) == lost(bench, "render_deadline") == 0


async def test_a_finished_render_that_the_provider_forgets_is_counted_as_lost(bench: WorkerBench):
    job_id = await bench.accept()
    bench.provider.fetch_errors.append(not_sent())
    await bench.carry(job_id)
    bench.provider.renders.extend([UNKNOWN] * 20)

    record = await bench.carry_to_end(job_id)

    assert (record.status, record.error_code) == (JobStatus.FAILED, "task_unknown")
    assert bench.refunds(job_id) == lost(bench, "task_unknown") == 1


async def test_a_success_that_does_not_show_its_video_yet_is_looked_at_again(bench: WorkerBench):
    bench.provider.renders.extend([WITHOUT_RESULT] * 2)

    record = await bench.carry(await bench.accept())

    assert (record.status, record.tries) == (JobStatus.DONE, 0)
    assert len(bench.provider.created) == 1


async def test_a_success_that_never_shows_its_video_is_lost_and_no_other_one_is_paid_for(
    bench: WorkerBench,
):
    """It was called a failure, and ordered three times."""
    bench.provider.renders.extend([WITHOUT_RESULT] * 1000)
    job_id = await bench.accept()
    start = bench.clock.now()

    record = await bench.carry_to_end(job_id)

    assert (record.status, record.error_code) == (JobStatus.FAILED, "result_missing")
    assert timedelta(minutes=2) <= bench.clock.now() - start < timedelta(minutes=5)
    assert len(bench.provider.created) == 1
    assert bench.refunds(job_id) == lost(bench, "result_missing") == 1


async def test_a_success_without_its_video_is_not_forgotten_when_the_provider_goes_away(
    bench: WorkerBench,
):
    """Nothing is concluded from the silence, and at the deadline it counts as lost."""
    bench.provider.renders.append(WITHOUT_RESULT)
    bench.provider.renders.extend([not_sent()] * 1000)
    job_id = await bench.accept()

    record = await bench.carry_to_end(job_id)

    assert (record.status, record.error_code) == (JobStatus.FAILED, "render_deadline")
    assert bench.clock.now() >= record.deadline_at
    assert bench.refunds(job_id) == lost(bench, "render_deadline") == 1


async def test_words_of_success_that_change_for_ever_end_at_the_deadline(bench: WorkerBench):
    bench.provider.renders.extend([WITHOUT_RESULT, UNKNOWN] * 500)
    job_id = await bench.accept()

    record = await bench.carry_to_end(job_id)

    assert (record.status, record.error_code) == (JobStatus.FAILED, "render_deadline")
    assert bench.refunds(job_id) == lost(bench, "render_deadline") == 1


def lost(bench: WorkerBench, code: str) -> float:
    return float(bench.metrics.renders_lost_total.labels(code)._value.get())
