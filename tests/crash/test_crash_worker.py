"""A worker dies at every point where it touches the outside; the order ends as if nothing was.

Each point is visited in a scenario that leads there. All points: NEUROCARDS_TEST_CRASH=all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from uuid import UUID

import pytest

from support.crash_doors import WORKER_POINTS
from support.crash_world import LOOK_S, CrashWorld

Happening = Callable[[CrashWorld, UUID], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Scenario:
    """How the order may end, its caption with words for the simulators, and what happens then."""

    ends: tuple[str, ...] = ("done",)
    caption: str = "A mug"
    then: Happening | None = None


async def _until_rendering(crash: CrashWorld, job_id: UUID) -> str:
    async with asyncio.timeout(30):
        while True:
            job = await crash.world.job(job_id)
            if job["status"] == "rendering":
                return str(job["provider_task_id"])
            await asyncio.sleep(LOOK_S)


async def _message_is_deleted(crash: CrashWorld, job_id: UUID) -> None:
    task_id = await _until_rendering(crash, job_id)
    job = await crash.world.job(job_id)
    path = f"/chats/{job['chat_id']}/messages/{job['status_message_id']}"
    await crash.world.telegram.control(path, method="DELETE")
    await crash.world.kie.control(f"/tasks/{task_id}/finish")


async def _workers_are_told_to_end(crash: CrashWorld, job_id: UUID) -> None:
    """Whichever of them has the job hands it over; then its render ends."""
    task_id = await _until_rendering(crash, job_id)
    for worker in list(crash.workers):
        await worker.stop(timeout_s=30.0)
    await crash.keep_workers()
    await crash.world.kie.control(f"/tasks/{task_id}/finish")


async def _a_worker_is_started(crash: CrashWorld, job_id: UUID) -> None:
    await crash.end_worker()
    await crash.keep_workers()


async def _telegram_asks_for_silence(crash: CrashWorld, job_id: UUID) -> None:
    task_id = await _until_rendering(crash, job_id)
    fault = {"method": "editMessageMedia", "times": 1, "retry_after": 1}
    await crash.world.telegram.control("/faults", fault)
    await crash.world.kie.control(f"/tasks/{task_id}/finish")


STUCK = "A mug [sim:stuck]"
HAPPY = Scenario()
REFUSED = Scenario(("failed",), "A mug [sim:violation]")
RETRIED = Scenario(("done",), "A mug [sim:temporary:1]")
# Whoever dies over the repeated order leaves a doubt again, and there is no third one.
LOST_REPLY = Scenario(("done", "failed"), "A mug [sim:lost-reply:1]")
BREAKS_OFF = Scenario(("done",), "A mug [sim:result-500]")
NO_KEY = Scenario(("done",), "A mug [sim:rate:1]")
DELETED = Scenario(("done",), STUCK, _message_is_deleted)
SILENCED = Scenario(("done",), STUCK, _telegram_asks_for_silence)
HANDED_OVER = Scenario(("done",), STUCK, _workers_are_told_to_end)
STARTED = Scenario(("done",), "A mug", _a_worker_is_started)

SCENARIOS: Mapping[str, Scenario] = {
    "jobs.count_fetch_failure": BREAKS_OFF,
    "jobs.count_resubmission": LOST_REPLY,
    "jobs.fail": REFUSED,
    "jobs.mark_fallback_sent": DELETED,
    "jobs.mark_parked_notice": NO_KEY,
    "jobs.postpone": RETRIED,
    "jobs.release": HANDED_OVER,
    "keys.block": NO_KEY,
    "keys.register": STARTED,
    "delivery.nak": HANDED_OVER,
    "messenger.send_video": DELETED,
    "outbound.pause": SILENCED,
}
"""Where the plain way of an order does not lead."""
NOT_OF_A_WORKER = {
    "hints.announce_surely": "the bot passes on what the provider calls back",
    "inspector.inspect": "the bot looks at photos, a worker cleans them",
    "templates.templates": "the bot shows the menu, a worker looks one up",
}
POINTS = [point for point in WORKER_POINTS if point.partition(":")[0] not in NOT_OF_A_WORKER]
SAMPLE = [
    "jobs.claim:after",
    "jobs.start_submitting:after",
    "jobs.fail:after",
    "jobs.release:after",
    "keys.take:after",
    "delivery.ack:before",
    "messenger.replace_with_video:after",
    "provider.create:before",
    "provider.create:after",
]


@pytest.mark.asyncio(loop_scope="module")
async def test_an_order_ends_as_it_should_although_its_worker_dies_at(
    point: str, crash: CrashWorld
) -> None:
    """SIGKILL at the point, another worker goes on, and every invariant holds (S0-9 to S0-17)."""
    scenario = SCENARIOS.get(point.partition(":")[0], HAPPY)
    await crash.keep_workers()
    crash.order.give(point)
    job_id = await crash.new_order(scenario.caption)
    if scenario.then is not None:
        await scenario.then(crash, job_id)
    await crash.death(point)
    end = await crash.end_of(job_id)
    assert await crash.breaches(job_id) == []
    assert end in scenario.ends


def test_no_point_is_left_out_without_a_reason() -> None:
    """Whoever adds a call must say how an order comes to it."""
    known = {point.partition(":")[0] for point in WORKER_POINTS}
    assert set(SCENARIOS) | set(NOT_OF_A_WORKER) <= known
    assert set(SAMPLE) <= set(POINTS)
