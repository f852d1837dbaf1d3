"""What a worker's log tells of a job: every line names it, and a refused key is found by words."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
import structlog
from structlog.testing import capture_logs

from neurocards.domain.failures import Failure, FailureSource, classify
from neurocards.domain.keys import fingerprint
from neurocards.ports.providers import Render, RenderState
from neurocards.ports.queue import OutboxMessage
from neurocards.testing.queue import MemoryPublisher
from support.worker_bench import NO_CREDITS, RATE_LIMIT, UNAUTHORIZED, WorkerBench, kie_error

TURNS_MAX = 2000
Lines = list[dict[str, Any]]


@pytest.fixture
def lines() -> Iterator[Lines]:
    """The lines as they are written: with what is bound where they are logged."""
    with capture_logs(processors=[structlog.contextvars.merge_contextvars]) as lines:
        yield lines  # type: ignore[misc]


async def still(seconds: float) -> None:
    """Let the clock of the loops stand still."""
    del seconds
    await asyncio.Event().wait()


async def work_on(bench: WorkerBench, job_id: UUID, lines: Lines) -> None:
    """Let the runner take the job, and end it when it is settled."""
    bench.clock.sleep = still  # type: ignore[method-assign]
    stop = asyncio.Event()
    running = asyncio.create_task(bench.assembly.runner.run(stop))
    await MemoryPublisher(bench.broker).publish([OutboxMessage(1, job_id, "default")])
    for _ in range(TURNS_MAX):
        if {"job.failed", "job.done"} & {line["event"] for line in lines}:
            break
        await asyncio.to_thread(str)
    stop.set()
    await asyncio.wait_for(running, timeout=30)


async def test_a_line_that_knows_no_job_names_the_one_that_is_worked_on(
    bench: WorkerBench, lines: Lines
):
    """G-14: who blocks a key, or looks at a photo, is told of no job."""
    bench.provider.create_errors.append(kie_error(*NO_CREDITS))
    job_id = await bench.accept()
    await work_on(bench, job_id, lines)

    named = {line["event"]: line.get("job_id") for line in lines}
    assert named["job.claimed"] == named["key.blocked"] == named["job.failed"] == str(job_id)


async def test_after_the_job_no_line_names_it(bench: WorkerBench, lines: Lines):
    bench.provider.create_errors.append(kie_error(*NO_CREDITS))
    await work_on(bench, await bench.accept(), lines)

    ended = next(line for line in lines if line["event"] == "runner.drained")
    assert "job_id" not in ended
    assert "job_id" not in structlog.contextvars.get_contextvars()


@pytest.mark.parametrize(
    ("refusal", "words"),
    [(RATE_LIMIT, "rate limited"), (NO_CREDITS, "billing error"), (UNAUTHORIZED, "unauthorized")],
)
async def test_a_key_that_is_refused_is_found_by_the_words_of_before(
    bench: WorkerBench, lines: Lines, refusal: Any, words: str
):
    """S0-17: `grep "rate limited"` and `grep "billing error"` go on finding what they found."""
    bench.provider.create_errors.append(kie_error(*refusal))
    await bench.carry(await bench.accept())

    (line,) = [line for line in lines if line["event"] == "key.blocked"]
    assert words in str(line)
    assert line["fingerprint"] == fingerprint("key-1")
    assert "key-1" not in str(line)


async def test_a_render_that_failed_for_want_of_credits_tells_of_its_key_too(
    bench: WorkerBench, lines: Lines
):
    """S0-17: its key rests as after a refused order."""
    failure = classify(Failure(FailureSource.KIE, text="Credits insufficient", code="402"))
    bench.provider.renders.append(Render(RenderState.FAILED, failure=failure))
    await bench.carry(await bench.accept())

    (line,) = [line for line in lines if line["event"] == "key.blocked"]
    assert (line["trouble"], line["fingerprint"]) == ("billing error", fingerprint("key-1"))
