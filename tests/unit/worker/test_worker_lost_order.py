"""An order whose answer was lost: found by its callback or repeated once, never a wrong one."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest

from neurocards.domain.callbacks import callback_path
from neurocards.domain.failures import classify
from neurocards.domain.jobs import JobStatus
from neurocards.domain.keys import ProviderKey
from neurocards.ports.providers import Render, RenderState
from neurocards.testing.world import SCRIPT, new_job_id
from support.worker_bench import PUBLIC_URL, SECRET, SERVER_ERROR, WorkerBench, kie_error


async def given(bench: WorkerBench, job_id: UUID, *, attempt: int) -> None:
    """Give the order as a worker does that dies before the answer."""
    await bench.provider.create(
        bench.settings.keys[0],
        prompt="",
        image_url="",
        options=bench.record(job_id).as_job().order.options,
        callback_url=PUBLIC_URL + callback_path(SECRET.encode(), job_id, attempt),
    )


async def died_while_ordering(bench: WorkerBench) -> UUID:
    """Give the first order of a job as `given` does; give the job, which waits for a successor."""
    job_id = await bench.accept()
    run = await bench.claim(job_id)
    await bench.world.jobs.store_script(run.job.fence, SCRIPT)
    await bench.world.jobs.start_submitting(run.job.fence, may_reach_provider=True)
    await given(bench, job_id, attempt=1)
    await bench.die_in(job_id, JobStatus.SUBMITTING)
    return job_id


def fails(bench: WorkerBench, monkeypatch: pytest.MonkeyPatch, *task_ids: str) -> None:
    """Let these tasks fail, at every look, for a reason that passes."""
    render = bench.provider.render
    failure = classify(kie_error(*SERVER_ERROR).failure)

    async def told(key: ProviderKey, task_id: str) -> Render:
        found = await render(key, task_id)
        if task_id not in task_ids:
            return found
        return Render(RenderState.FAILED, failure=failure, callback_url=found.callback_url)

    monkeypatch.setattr(bench.provider, "render", told)


async def test_a_lost_answer_is_found_by_the_callback_and_nothing_is_ordered_twice(
    bench: WorkerBench,
):
    bench.provider.lost_answers = 1
    bench.wakes.hints.extend(["", "somebody-elses", "task-1"])

    record = await bench.carry(await bench.accept())

    assert record.status is JobStatus.DONE
    assert record.task is not None
    assert record.task.task_id == "task-1"
    assert len(bench.provider.created) == 1
    assert record.orphans == 0


async def test_a_task_that_was_named_once_and_could_not_be_read_is_looked_at_again(
    bench: WorkerBench,
):
    """The callback comes once: while the provider is away for a moment its task id is kept."""
    bench.provider.lost_answers = 1
    bench.provider.renders.extend([kie_error(*SERVER_ERROR)] * 2)
    bench.wakes.hints.append("task-1")

    record = await bench.carry(await bench.accept())

    assert record.status is JobStatus.DONE
    assert len(bench.provider.created) == 1
    assert record.orphans == 0


async def test_a_task_that_failed_before_is_not_taken_for_the_lost_order(
    bench: WorkerBench, monkeypatch: pytest.MonkeyPatch
):
    """Its callback may come late, or lie here since it failed: the order after it goes on."""
    fails(bench, monkeypatch, "task-1")
    job_id = await bench.accept()
    assert (await bench.carry(job_id)).tries == 1
    bench.provider.lost_answers = 1
    bench.wakes.hints.extend(["task-1", "task-2"])

    record = await bench.carry_to_end(job_id)

    assert record.status is JobStatus.DONE
    assert record.task is not None
    assert record.task.task_id == "task-2"
    assert (len(bench.provider.created), record.orphans) == (2, 0)


async def test_the_successor_of_a_worker_does_not_take_a_task_that_failed_before_either(
    bench: WorkerBench, monkeypatch: pytest.MonkeyPatch
):
    fails(bench, monkeypatch, "task-1")
    job_id = await bench.accept()
    await bench.carry(job_id)
    bench.clock.advance(60)
    run = await bench.claim(job_id)
    await bench.world.jobs.start_submitting(run.job.fence, may_reach_provider=True)
    await given(bench, job_id, attempt=2)
    await bench.die_in(job_id, JobStatus.SUBMITTING)
    bench.wakes.hints.extend(["task-1", "task-2"])

    record = await bench.carry_to_end(job_id)

    assert record.task is not None
    assert record.task.task_id == "task-2"
    assert (len(bench.provider.created), record.orphans) == (2, 0)


async def test_a_lost_order_that_has_failed_itself_is_found_and_given_again_at_once(
    bench: WorkerBench, monkeypatch: pytest.MonkeyPatch
):
    """The address tells that it is of this very claim, which no order before it can be."""
    fails(bench, monkeypatch, "task-1", "task-2")
    job_id = await bench.accept()
    await bench.carry(job_id)
    bench.provider.lost_answers = 1
    bench.wakes.hints.append("task-2")
    start = bench.clock.now()

    record = await bench.carry_to_end(job_id)

    assert (record.status, record.tries) == (JobStatus.DONE, 2)
    assert (len(bench.provider.created), record.orphans) == (3, 0)
    assert bench.clock.now() - start < timedelta(seconds=300)


async def test_a_first_order_that_failed_is_found_by_a_successor(
    bench: WorkerBench, monkeypatch: pytest.MonkeyPatch
):
    """No order of this job can have failed before it."""
    fails(bench, monkeypatch, "task-1")
    job_id = await died_while_ordering(bench)
    bench.wakes.hints.append("task-1")

    record = await bench.carry_to_end(job_id)

    assert (record.status, record.tries) == (JobStatus.DONE, 1)
    assert (len(bench.provider.created), record.orphans) == (2, 0)


async def test_a_task_of_another_job_is_not_taken_for_ours(bench: WorkerBench):
    bench.provider.lost_answers = 1
    foreign = PUBLIC_URL + callback_path(SECRET.encode(), new_job_id(), 1)
    bench.provider.renders.append(Render(RenderState.PENDING, callback_url=foreign))
    bench.wakes.hints.append("task-1")

    record = await bench.carry(await bench.accept())

    assert record.status is JobStatus.DONE
    assert len(bench.provider.created) == 2
    assert record.orphans == 1


async def test_a_lost_answer_without_any_trace_is_repeated_once_and_counted(bench: WorkerBench):
    bench.provider.lost_answers = 1
    start = bench.clock.now()

    record = await bench.carry(await bench.accept())

    assert record.status is JobStatus.DONE
    assert (len(bench.provider.created), record.orphans) == (2, 1)
    assert bench.clock.now() - start >= timedelta(seconds=600)


async def test_a_worker_whose_clock_is_behind_waits_for_word_no_longer_than_others(
    bench: WorkerBench,
):
    """The database says when the order was sent, the worker's own clock what time it is."""
    job_id = await bench.accept()
    run = await bench.claim(job_id)
    await bench.world.jobs.store_script(run.job.fence, SCRIPT)
    await bench.world.jobs.start_submitting(run.job.fence, may_reach_provider=True)
    await bench.die_in(job_id, JobStatus.SUBMITTING)
    bench.record(job_id).submitted_at = bench.clock.now() + timedelta(hours=2)
    start = bench.clock.now()

    record = await bench.carry(job_id)

    assert (record.status, record.orphans) == (JobStatus.DONE, 1)
    waited = bench.clock.now() - start
    assert timedelta(seconds=600) <= waited < timedelta(seconds=700)


async def test_a_second_lost_answer_ends_the_job_with_a_refund(bench: WorkerBench):
    bench.provider.lost_answers = 2
    job_id = await bench.accept()

    record = await bench.carry(job_id)

    assert (record.status, record.error_code) == (JobStatus.FAILED, "order_lost")
    assert bench.refunds(job_id) == 1
    assert len(bench.provider.created) == 2


async def test_without_callbacks_nobody_waits_for_word_of_a_lost_order(uncalled: WorkerBench):
    uncalled.provider.lost_answers = 1
    start = uncalled.clock.now()

    record = await uncalled.carry(await uncalled.accept())

    assert (record.status, record.orphans) == (JobStatus.DONE, 1)
    assert uncalled.clock.now() - start < timedelta(seconds=120)


async def test_the_successor_of_a_worker_that_died_while_ordering_finds_the_order(
    bench: WorkerBench,
):
    job_id = await died_while_ordering(bench)
    bench.wakes.hints.append("task-1")

    record = await bench.carry(job_id)

    assert (record.status, record.attempt) == (JobStatus.DONE, 2)
    assert len(bench.provider.created) == 1
