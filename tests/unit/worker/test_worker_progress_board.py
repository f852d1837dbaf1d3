"""The status message follows its job: in order, at its distance, and never after the last word."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import cast

import pytest
import structlog
from structlog.testing import capture_logs

from neurocards.adapters.telegram.paced import Draw
from neurocards.domain.buttons import cancel_job_data
from neurocards.domain.jobs import ChatAddress, Job, JobStatus
from neurocards.domain.outbound import Priority
from neurocards.ports.jobs import Claim, Claimed
from neurocards.ports.providers import Button
from neurocards.ports.queue import Delivery
from neurocards.testing.world import BOT_ID, LEASE_S, USER_ID
from neurocards_worker.leases import HeldJob
from neurocards_worker.progress_board import EDITS_AT_ONCE, TICK_S, ProgressBoard
from neurocards_worker.run import Run
from support.worker_bench import STATUS_MESSAGE, WorkerBench, no_answer, telegram_error


@asynccontextmanager
async def running(board: ProgressBoard) -> AsyncIterator[None]:
    task = asyncio.create_task(board.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


async def pass_time(bench: WorkerBench, seconds: float) -> None:
    """Let the board have its ticks: it sleeps on the bench's clock."""
    until = bench.clock.monotonic() + seconds
    while bench.clock.monotonic() < until:  # noqa: ASYNC110 - the board moves the clock
        await asyncio.sleep(0)
    for _ in range(2):
        await asyncio.sleep(0)


async def rendering(bench: WorkerBench) -> Job:
    job = (await bench.claim(await bench.accept())).job
    return replace(job, status=JobStatus.RENDERING, submitted_at=bench.clock.now())


async def held_rendering(bench: WorkerBench) -> tuple[Job, HeldJob]:
    """A job in the hands of the worker, its lease as fresh as its claim."""

    async def claim(job: Job) -> Claim:
        return Claimed(job)

    job, held = await rendering(bench), HeldJob(cast("Delivery", object()))
    bench.assembly.leases.add(job.id, held)
    await bench.assembly.leases.claim(held, claim(job))
    held.run = Run(job)
    return job, held


async def test_the_bar_of_a_render_rises_without_ever_reaching_its_end(bench: WorkerBench):
    board = bench.assembly.board
    board.show(await rendering(bench))
    seen = []
    async with running(board):
        for _ in range(40):
            await pass_time(bench, 20)
            seen.append(bench.status_message.html)

    percents = [int(text.splitlines()[1].split()[1]) for text in seen]
    assert percents == sorted(percents)
    assert percents[0] < 30
    assert 80 < percents[-1] < 92


async def test_edits_of_one_message_keep_their_distance(bench: WorkerBench):
    board = bench.assembly.board
    job = await rendering(bench)
    async with running(board):
        for status in (JobStatus.SCRIPTING, JobStatus.SUBMITTING, JobStatus.RENDERING):
            board.show(replace(job, status=status))
            await pass_time(bench, 0.2)
        edits_at_once = bench.status_message.edits
        await pass_time(bench, 4)

    assert edits_at_once == 1
    assert bench.status_message.edits == 2
    assert "Создаём видео" in bench.status_message.html


async def test_a_refused_edit_is_forgotten_and_the_next_one_shows(bench: WorkerBench):
    board = bench.assembly.board
    bench.messenger.fail("edit_status", no_answer(), telegram_error("Bad Request: oops", 400))
    job = await rendering(bench)
    board.show(job)
    async with running(board):
        await pass_time(bench, 60)

    assert "Создаём видео" in bench.status_message.html


async def test_too_many_requests_silence_all_progress_for_a_while(bench: WorkerBench):
    board = bench.assembly.board
    error = telegram_error("Too Many Requests: retry after 60", 429, retry_after_s=60.0)
    bench.messenger.fail("edit_status", error)
    board.show(await rendering(bench))
    async with running(board):
        await pass_time(bench, 50)
        before = bench.messenger.calls.count("edit_status")
        await pass_time(bench, 40)

    assert before == 1
    assert bench.messenger.calls.count("edit_status") > 1


async def test_a_message_that_is_gone_is_left_in_peace(bench: WorkerBench):
    board = bench.assembly.board
    board.show(await rendering(bench))
    del bench.chat.messages[STATUS_MESSAGE]
    async with running(board):
        await pass_time(bench, 300)

    assert bench.messenger.calls.count("edit_status") == 1


async def test_nothing_comes_after_a_job_is_settled(bench: WorkerBench):
    board = bench.assembly.board
    job = await rendering(bench)
    board.show(job)
    async with running(board):
        await pass_time(bench, 1)
        await board.settle(job.id)
        bench.status_message.html = "the last word"
        await pass_time(bench, 300)

    assert bench.status_message.html == "the last word"


async def test_settling_waits_for_an_edit_that_is_under_way(bench: WorkerBench):
    board = bench.assembly.board
    job = await rendering(bench)
    under_way, let_go = asyncio.Event(), asyncio.Event()
    edit = bench.messenger.edit_status

    async def slow_edit(*args: object, **named: object) -> None:
        under_way.set()
        await let_go.wait()
        await edit(*args, **named)  # type: ignore[arg-type]

    bench.messenger.edit_status = slow_edit  # type: ignore[method-assign]
    board.show(job)
    async with running(board):
        await under_way.wait()
        settling = asyncio.create_task(board.settle(job.id))
        await pass_time(bench, TICK_S)
        assert not settling.done()
        let_go.set()
        await settling

    assert bench.status_message.edits == 1


async def test_all_edits_together_keep_the_rate(bench: WorkerBench):
    board = bench.assembly.board
    job = await rendering(bench)
    for number in range(1000):
        board.show(replace(job, id=type(job.id)(int=job.id.int + number)))
    async with running(board):
        await pass_time(bench, 10)

    assert bench.messenger.calls.count("edit_status") <= 15 * 11


async def test_a_job_can_be_cancelled_by_a_button_until_its_video_is_ordered(bench: WorkerBench):
    board = bench.assembly.board
    job = (await bench.claim(await bench.accept())).job
    buttons = {}
    async with running(board):
        for status in (JobStatus.QUEUED, JobStatus.SCRIPTING, JobStatus.SUBMITTING):
            board.show(replace(job, status=status))
            await pass_time(bench, 10)
            buttons[status] = bench.status_message.button

    button = Button("Отменить", cancel_job_data(job.id))
    assert buttons == {
        JobStatus.QUEUED: button,
        JobStatus.SCRIPTING: button,
        JobStatus.SUBMITTING: None,
    }


async def test_a_worker_that_could_not_renew_its_lease_draws_nothing_over_another_ones_words(
    bench: WorkerBench,
):
    """It was stopped, say, or cut off from PostgreSQL; another one has ended the job meanwhile."""
    job, _ = await held_rendering(bench)
    board = bench.assembly.board
    board.show(job)
    async with running(board):
        await pass_time(bench, 30)
        assert "Создаём видео" in bench.status_message.html
        bench.clock.advance(LEASE_S)
        bench.status_message.html = "what another worker said"
        await pass_time(bench, 60)
        assert bench.status_message.html == "what another worker said"


async def test_a_lease_that_is_renewed_lets_the_message_follow_its_job(bench: WorkerBench):
    job, held = await held_rendering(bench)
    board = bench.assembly.board
    board.show(job)
    async with running(board):
        for _ in range(6):
            await pass_time(bench, 15)
            await bench.assembly.leases.renew()
        before = bench.status_message.edits
        await pass_time(bench, 30)
    assert not held.lost
    assert bench.status_message.edits > before > 2


async def test_an_edit_that_still_waits_for_its_turn_is_taken_back_when_its_job_is_let_go(
    bench: WorkerBench,
):
    """Another worker may have said its last word before Telegram's silence ends."""
    board = bench.assembly.board
    job = await rendering(bench)
    await bench.world.outbound.pause(BOT_ID, USER_ID, for_s=50)
    board.show(job)
    async with running(board):
        await pass_time(bench, 2)
        board.forget(job.id)
        bench.status_message.html = "what another worker said"
        await pass_time(bench, 120)

    assert bench.status_message.html == "what another worker said"
    assert bench.messenger.calls.count("edit_status") == 0


async def test_a_job_that_comes_back_is_followed_anew_though_an_old_edit_of_it_waited(
    bench: WorkerBench,
):
    board = bench.assembly.board
    job = await rendering(bench)
    await bench.world.outbound.pause(BOT_ID, USER_ID, for_s=50)
    board.show(replace(job, status=JobStatus.SCRIPTING))
    async with running(board):
        await pass_time(bench, 2)
        board.forget(job.id)
        board.show(job)
        await pass_time(bench, 120)

    assert "Создаём видео" in bench.status_message.html


async def test_an_edit_says_nothing_of_a_job_that_the_board_no_longer_follows(
    bench: WorkerBench, monkeypatch: pytest.MonkeyPatch
):
    """Its turn may come in the same moment in which it is taken back."""
    board = bench.assembly.board
    job = await rendering(bench)
    turn = asyncio.Event()
    draws = []

    async def deaf(chat: ChatAddress, message_id: int, draw: Draw, *, priority: Priority) -> None:
        del chat, message_id, priority
        with suppress(asyncio.CancelledError):
            await turn.wait()
        draws.append(draw())

    monkeypatch.setattr(bench.assembly._messenger, "draw_status", deaf)
    board.show(job)
    async with running(board):
        await pass_time(bench, 1)
        board.forget(job.id)
        turn.set()
        await pass_time(bench, 1)

    assert draws == []


async def test_edits_that_are_taken_back_before_they_began_leave_room_for_others(
    bench: WorkerBench,
):
    board = bench.assembly.board
    job = await rendering(bench)
    async with running(board):
        for number in range(1, 3 * EDITS_AT_ONCE):
            short_lived = replace(job, id=type(job.id)(int=job.id.int + number))
            board.show(short_lived)
            await asyncio.sleep(0)
            await board.settle(short_lived.id)
        before = bench.messenger.calls.count("edit_status")
        board.show(job)
        await pass_time(bench, 60)

    assert before == 0
    assert bench.status_message.edits > 0


async def test_what_is_logged_while_a_message_is_edited_names_its_job(bench: WorkerBench):
    """G-14: the loop of the board is no job's; who tells of a refusal knows of none."""
    refused = telegram_error("Too Many Requests: retry after 60", 429, retry_after_s=60.0)
    bench.messenger.fail("edit_status", refused)
    job = await rendering(bench)
    bench.assembly.board.show(job)
    with capture_logs(processors=[structlog.contextvars.merge_contextvars]) as lines:
        async with running(bench.assembly.board):
            await pass_time(bench, 1)

    (silenced,) = [line for line in lines if line["event"] == "outbound.silenced"]
    assert silenced["job_id"] == str(job.id)
