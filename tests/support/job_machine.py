"""What can happen to a job, done through the real stores: one function per event of the domain."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from uuid import UUID

from neurocards.domain.jobs import Fence, JobEvent, JobStatus
from neurocards.ports.jobs import Claimed
from neurocards.testing.world import (
    BOT_ID,
    LEASE_S,
    RATE_LIMIT,
    SCRIPT,
    TASK,
    VIOLATION,
    World,
    accepted,
)

Happening = Callable[[World, Fence, int], Awaitable[bool]]
"""Let an event happen to the job of a fence and a user; tell whether the store agreed."""


async def _claimed(world: World, fence: Fence, _user_id: int) -> bool:
    claim = await world.jobs.claim(fence.job_id, worker="machine", lease_s=LEASE_S)
    return isinstance(claim, Claimed)


async def _script_ready(world: World, fence: Fence, _user_id: int) -> bool:
    if not await world.jobs.store_script(fence, SCRIPT):
        return False
    return await world.jobs.start_submitting(fence, may_reach_provider=True)


async def _task_created(world: World, fence: Fence, _user_id: int) -> bool:
    return await world.jobs.store_task(fence, TASK)


async def _rendered(world: World, fence: Fence, _user_id: int) -> bool:
    return await world.jobs.start_fetching(fence)


async def _fetched(world: World, fence: Fence, _user_id: int) -> bool:
    return await world.jobs.start_delivering(fence)


async def _delivered(world: World, fence: Fence, _user_id: int) -> bool:
    return await world.jobs.finish(fence, result_file_id=None, undelivered=True)


async def _postponed(world: World, fence: Fence, _user_id: int) -> bool:
    return await world.jobs.postpone(fence, after_s=0, reason="machine", failure=RATE_LIMIT)


async def _given_up(world: World, fence: Fence, _user_id: int) -> bool:
    return await world.jobs.fail(fence, VIOLATION)


async def _cancelled(world: World, fence: Fence, user_id: int) -> bool:
    answer = await world.orders.cancel(fence.job_id, tg_user_id=user_id)
    return answer is not None and answer[1]


async def _user_returned(world: World, fence: Fence, user_id: int) -> bool:
    del fence
    return await world.orders.requeue_undelivered(user_id, bot_id=BOT_ID) == 1


HAPPENINGS: dict[JobEvent, Happening] = {
    JobEvent.CLAIMED: _claimed,
    JobEvent.SCRIPT_READY: _script_ready,
    JobEvent.TASK_CREATED: _task_created,
    JobEvent.RENDERED: _rendered,
    JobEvent.FETCHED: _fetched,
    JobEvent.DELIVERED: _delivered,
    JobEvent.POSTPONED: _postponed,
    JobEvent.GIVEN_UP: _given_up,
    JobEvent.CANCELLED: _cancelled,
    JobEvent.USER_RETURNED: _user_returned,
}

_WAYS: dict[JobStatus, tuple[JobEvent, ...]] = {
    JobStatus.QUEUED: (),
    JobStatus.SCRIPTING: (JobEvent.CLAIMED,),
    JobStatus.CANCELLED: (JobEvent.CANCELLED,),
    JobStatus.FAILED: (JobEvent.GIVEN_UP,),
}
_FORWARD = (
    (JobStatus.SUBMITTING, JobEvent.SCRIPT_READY),
    (JobStatus.RENDERING, JobEvent.TASK_CREATED),
    (JobStatus.FETCHING, JobEvent.RENDERED),
    (JobStatus.DELIVERING, JobEvent.FETCHED),
    (JobStatus.DONE, JobEvent.DELIVERED),
)


async def led_to(world: World, status: JobStatus, *, user_id: int) -> Fence:
    """Make a job and lead it to any of the nine states by the shortest way."""
    job_id = await accepted(world, user_id=user_id)
    fence = await current_fence(world, job_id)
    way = _WAYS.get(status)
    if way is None:
        way = (JobEvent.CLAIMED, *_forward_to(status))
    for event in way:
        if not await HAPPENINGS[event](world, fence, user_id):
            raise ValueError(f"{event} did not happen on the way to {status}")
        fence = await current_fence(world, job_id)
    return fence


def _forward_to(status: JobStatus) -> tuple[JobEvent, ...]:
    statuses = [reached for reached, _ in _FORWARD]
    return tuple(event for _, event in _FORWARD[: statuses.index(status) + 1])


async def current_fence(world: World, job_id: UUID) -> Fence:
    stored = await world.stored(job_id)
    return Fence(job_id, stored.attempt, stored.status)
