"""What every JobStore does: claims, fences, leases, hand-overs, postponements, endings."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from neurocards.domain.fetching import NOTHING_BROKE_OFF, FetchFailures
from neurocards.domain.jobs import Fence, Job, JobStatus
from neurocards.ports.jobs import Claimed, HeldByAnother, NotDue, NothingToDo
from neurocards.testing.world import (
    LEASE_S,
    RATE_LIMIT,
    SCRIPT,
    TASK,
    USER_ID,
    VIOLATION,
    Booked,
    World,
    accepted,
    brought_to,
    carried_to,
    claimed,
    new_job_id,
    taken_messages,
)

BROKEN_OFF = FetchFailures("fingerprint", 2, 3)
RUNNING = (
    JobStatus.SCRIPTING,
    JobStatus.SUBMITTING,
    JobStatus.RENDERING,
    JobStatus.FETCHING,
    JobStatus.DELIVERING,
)


async def test_a_claim_gives_the_job_with_all_that_the_work_needs(world: World):
    job = await claimed(world, await accepted(world))
    assert (job.status, job.attempt, job.tries) == (JobStatus.SCRIPTING, 1, 0)
    assert (job.order.template_id, job.order.photo_file_id) == ("first", "photo")
    assert job.order.caption == "Mug, 350 ml"
    assert (job.chat_id, job.status_message_id, job.price_credits) == (USER_ID, 77, 1)
    assert (job.deadline_at - job.created_at).total_seconds() == 3 * 3600


async def test_twenty_workers_that_claim_at_once_get_one_claim(world: World):
    job_id = await accepted(world)
    claims = await asyncio.gather(
        *(world.jobs.claim(job_id, worker=f"worker-{n}", lease_s=LEASE_S) for n in range(20))
    )
    assert sum(isinstance(claim, Claimed) for claim in claims) == 1
    assert sum(isinstance(claim, HeldByAnother) for claim in claims) == 19
    assert (await world.stored(job_id)).attempt == 1


async def test_a_live_lease_keeps_others_away_and_says_for_how_long(world: World):
    job = await brought_to(world, JobStatus.RENDERING)
    await world.pass_time(LEASE_S / 2)
    claim = await world.jobs.claim(job.id, worker="other", lease_s=LEASE_S)
    assert isinstance(claim, HeldByAnother)
    assert 0 < claim.for_s <= LEASE_S / 2


async def test_a_job_that_does_not_exist_is_nothing_to_do(world: World):
    claim = await world.jobs.claim(new_job_id(), worker="worker", lease_s=LEASE_S)
    assert claim == NothingToDo(None)


@pytest.mark.parametrize("status", RUNNING)
async def test_after_a_lost_lease_the_next_worker_goes_on_where_the_first_one_stopped(
    world: World, status: JobStatus
):
    job = await brought_to(world, status)
    await world.pass_time(LEASE_S + 1)
    successor = await claimed(world, job.id, worker="successor")
    assert (successor.status, successor.attempt) == (status, job.attempt + 1)
    assert (successor.lease_losses, successor.tries) == (1, 0)


async def test_a_successor_finds_script_task_and_submissions_of_the_one_before(world: World):
    job = await claimed(world, await accepted(world))
    assert await world.jobs.store_script(job.fence, SCRIPT)
    await carried_to(world, job, JobStatus.RENDERING)
    await world.pass_time(LEASE_S + 1)
    successor = await claimed(world, job.id)
    assert (successor.script, successor.task, successor.submissions) == (SCRIPT, TASK, 1)
    assert successor.submitted_at is not None


async def test_a_successor_knows_how_many_downloads_broke_off(world: World):
    job = await brought_to(world, JobStatus.FETCHING)
    assert job.fetch_failures == NOTHING_BROKE_OFF
    assert await world.jobs.count_fetch_failure(job.fence, BROKEN_OFF)
    await world.pass_time(LEASE_S + 1)
    assert (await claimed(world, job.id)).fetch_failures == BROKEN_OFF


@pytest.mark.parametrize("how", ["fetched", "rendered anew"])
async def test_what_broke_off_counts_no_more_once_a_video(world: World, how: str):
    job = await brought_to(world, JobStatus.FETCHING)
    assert await world.jobs.count_fetch_failure(job.fence, BROKEN_OFF)
    if how == "fetched":
        assert await world.jobs.start_delivering(job.fence)
    else:
        assert await world.jobs.postpone(
            job.fence, after_s=0, reason="x", failure=RATE_LIMIT, new_task=True
        )
    await world.pass_time(LEASE_S + 1)
    assert (await claimed(world, job.id)).fetch_failures == NOTHING_BROKE_OFF


def _writes(world: World) -> dict[str, Callable[[Fence], Awaitable[bool]]]:
    jobs = world.jobs
    return {
        "store_script": lambda f: jobs.store_script(f, SCRIPT),
        "start_submitting": lambda f: jobs.start_submitting(f, may_reach_provider=True),
        "count_resubmission": lambda f: jobs.count_resubmission(f, number=2),
        "store_task": lambda f: jobs.store_task(f, TASK),
        "start_fetching": jobs.start_fetching,
        "count_fetch_failure": lambda f: jobs.count_fetch_failure(f, BROKEN_OFF),
        "start_delivering": jobs.start_delivering,
        "mark_fallback_sent": jobs.mark_fallback_sent,
        "mark_parked_notice": jobs.mark_parked_notice,
        "finish": lambda f: jobs.finish(f, result_file_id="file", undelivered=False),
        "postpone": lambda f: jobs.postpone(f, after_s=1, reason="test", failure=RATE_LIMIT),
        "fail": lambda f: jobs.fail(f, VIOLATION),
    }


@pytest.mark.parametrize("status", RUNNING)
async def test_no_write_of_a_zombie_is_accepted(world: World, status: JobStatus):
    """A zombie's worker lost its lease, and a successor has claimed the job."""
    zombie = await brought_to(world, status)
    await world.pass_time(LEASE_S + 1)
    await claimed(world, zombie.id, worker="successor")
    before = (await world.stored(zombie.id), await world.ledger())
    refused = {name: await write(zombie.fence) for name, write in _writes(world).items()}
    assert refused == dict.fromkeys(refused, False)
    assert (await world.stored(zombie.id), await world.ledger()) == before
    assert await world.jobs.renew_leases([(zombie.id, zombie.attempt)], lease_s=LEASE_S) == set()
    assert await world.jobs.release([(zombie.id, zombie.attempt)]) == 0


async def test_no_write_under_a_state_that_has_passed_is_accepted(world: World):
    """But the one that led out of it, of which the first answer may have been lost."""
    job = await brought_to(world, JobStatus.RENDERING)
    stale = Fence(job.id, job.attempt, JobStatus.SUBMITTING)
    answers = {name: await write(stale) for name, write in _writes(world).items()}
    assert answers == dict.fromkeys(answers, False) | {"store_task": True}


@pytest.mark.parametrize("ending", ["finish", "fail"])
async def test_an_ended_job_accepts_no_step_even_under_its_own_fence(world: World, ending: str):
    job = await brought_to(world, JobStatus.DELIVERING)
    assert await _writes(world)[ending](job.fence)
    before = (await world.stored(job.id), await world.ledger())
    fence = Fence(job.id, job.attempt, before[0].status)
    steps = set(_writes(world)) - {"store_script", "mark_fallback_sent", "mark_parked_notice"}
    refused = {name: await _writes(world)[name](fence) for name in steps}
    assert refused == dict.fromkeys(refused, False)
    assert (await world.stored(job.id), await world.ledger()) == before


LEGAL = {
    JobStatus.SCRIPTING: {"store_script", "start_submitting"},
    JobStatus.SUBMITTING: {"store_script", "count_resubmission", "store_task"},
    JobStatus.RENDERING: {"store_script", "start_fetching"},
    JobStatus.FETCHING: {"store_script", "count_fetch_failure", "start_delivering"},
    JobStatus.DELIVERING: {"store_script", "count_fetch_failure", "finish"},
}
ALWAYS_LEGAL = {"mark_fallback_sent", "mark_parked_notice", "postpone", "fail"}


@pytest.mark.parametrize("status", RUNNING)
async def test_each_running_state_accepts_its_own_writes_and_no_others(
    world: World, status: JobStatus
):
    accepted_writes = set()
    for number, (name, write) in enumerate(_writes(world).items()):
        job = await brought_to(world, status, user_id=USER_ID + number)
        if await write(job.fence):
            accepted_writes.add(name)
    assert accepted_writes == LEGAL[status] | ALWAYS_LEGAL


async def test_renewing_prolongs_the_leases_that_hold_and_names_them(world: World):
    held = await brought_to(world, JobStatus.RENDERING)
    other = await brought_to(world, JobStatus.RENDERING, user_id=USER_ID + 1)
    await world.pass_time(LEASE_S / 2)
    fences = [(held.id, held.attempt), (other.id, other.attempt + 1), (new_job_id(), 1)]
    assert await world.jobs.renew_leases(fences, lease_s=LEASE_S) == {held.id}
    await world.pass_time(LEASE_S / 2 + 1)
    assert isinstance(await world.jobs.claim(held.id, worker="x", lease_s=1), HeldByAnother)
    assert isinstance(await world.jobs.claim(other.id, worker="x", lease_s=1), Claimed)


async def test_a_lease_that_ran_out_unnoticed_can_still_be_renewed(world: World):
    job = await brought_to(world, JobStatus.RENDERING)
    await world.pass_time(LEASE_S + 1)
    renewed = await world.jobs.renew_leases([(job.id, job.attempt)], lease_s=LEASE_S)
    assert renewed == {job.id}


async def test_renewing_nothing_holds_nothing(world: World):
    assert await world.jobs.renew_leases([], lease_s=LEASE_S) == set()


async def test_a_job_that_is_handed_over_counts_no_loss_and_has_a_message_again(world: World):
    job = await brought_to(world, JobStatus.RENDERING)
    await taken_messages(world)
    assert await world.jobs.release([(job.id, job.attempt)]) == 1
    assert [message.job_id for message in await taken_messages(world)] == [job.id]
    successor = await claimed(world, job.id, worker="successor")
    assert (successor.status, successor.lease_losses) == (JobStatus.RENDERING, 0)
    assert successor.attempt == job.attempt + 1


async def test_a_job_that_was_handed_over_is_no_longer_renewed(world: World):
    job = await brought_to(world, JobStatus.RENDERING)
    await world.jobs.release([(job.id, job.attempt)])
    assert await world.jobs.renew_leases([(job.id, job.attempt)], lease_s=LEASE_S) == set()


async def test_a_postponed_job_is_not_due_before_its_time(world: World):
    job = await brought_to(world, JobStatus.SUBMITTING)
    assert await world.jobs.postpone(job.fence, after_s=100, reason="key window")
    claim = await world.jobs.claim(job.id, worker="other", lease_s=LEASE_S)
    assert isinstance(claim, NotDue)
    assert 90 < claim.for_s <= 100
    await world.pass_time(101)
    again = await claimed(world, job.id)
    assert (again.status, again.tries, again.lease_losses) == (JobStatus.SCRIPTING, 0, 0)


async def test_a_postponement_for_a_failure_uses_up_a_try_and_keeps_the_words(world: World):
    job = await brought_to(world, JobStatus.SUBMITTING)
    await world.jobs.postpone(job.fence, after_s=0, reason="retry", failure=RATE_LIMIT)
    stored = await world.stored(job.id)
    assert (stored.status, stored.tries) == (JobStatus.QUEUED, 1)
    assert (stored.error_class, stored.error_text) == ("RATE_LIMIT", "Slow down")


async def test_a_task_that_failed_is_forgotten_and_one_that_runs_is_kept(world: World):
    kept = await brought_to(world, JobStatus.RENDERING)
    await world.jobs.postpone(kept.fence, after_s=0, reason="poll later")
    assert (await claimed(world, kept.id)).task == TASK
    failed = await brought_to(world, JobStatus.RENDERING, user_id=USER_ID + 1)
    await world.jobs.postpone(
        failed.fence, after_s=0, reason="retry", failure=RATE_LIMIT, new_task=True
    )
    again = await claimed(world, failed.id)
    assert (again.task, again.submissions) == (None, 0)


async def test_a_resumed_task_reaches_rendering_without_a_second_submission(world: World):
    job = await brought_to(world, JobStatus.RENDERING)
    await world.jobs.postpone(job.fence, after_s=0, reason="poll later")
    again = await claimed(world, job.id)
    assert await world.jobs.start_submitting(again.fence, may_reach_provider=False)
    fence = Fence(again.id, again.attempt, JobStatus.SUBMITTING)
    assert await world.jobs.store_task(fence, TASK)
    await world.pass_time(LEASE_S + 1)
    assert (await claimed(world, job.id)).submissions == 1


async def test_a_repeated_submission_is_counted_as_an_orphan(world: World):
    job = await brought_to(world, JobStatus.SUBMITTING)
    assert await world.jobs.count_resubmission(job.fence, number=2)
    assert (await world.stored(job.id)).orphans == 1


async def test_a_finished_job_is_nothing_to_do_and_keeps_its_charge(world: World):
    job = await brought_to(world, JobStatus.DELIVERING)
    assert await world.jobs.finish(job.fence, result_file_id="file", undelivered=False)
    claim = await world.jobs.claim(job.id, worker="other", lease_s=LEASE_S)
    assert isinstance(claim, NothingToDo)
    assert claim.status is JobStatus.DONE
    assert await _balance(world) == 2


async def test_a_failed_job_is_refunded_exactly_once(world: World):
    job = await brought_to(world, JobStatus.RENDERING)
    answers = await asyncio.gather(*(world.jobs.fail(job.fence, VIOLATION) for _ in range(5)))
    assert answers == [True] * 5
    assert not await world.jobs.fail(job.fence, RATE_LIMIT)
    assert await _balance(world) == 3
    refunds = [entry for entry in await world.ledger() if entry.key == f"refund:{job.id}"]
    assert sorted(refunds, key=lambda entry: entry.amount) == [
        Booked("system", -1, f"refund:{job.id}"),
        Booked(f"user:{USER_ID}", 1, f"refund:{job.id}"),
    ]
    stored = await world.stored(job.id)
    assert (stored.status, stored.error_class) == (JobStatus.FAILED, "USER_VIOLATION")


async def test_marks_stay_for_the_successor(world: World):
    job = await brought_to(world, JobStatus.DELIVERING)
    assert await world.jobs.mark_fallback_sent(job.fence)
    assert await world.jobs.mark_parked_notice(job.fence)
    await world.pass_time(LEASE_S + 1)
    successor: Job = await claimed(world, job.id)
    assert successor.fallback_sent_at is not None
    assert successor.parked_notice_at is not None


async def _balance(world: World) -> int:
    user = await world.orders.user(USER_ID)
    assert user is not None
    return user.balance


async def test_a_submission_beside_one_without_a_trace_is_counted_as_an_orphan(world: World):
    job = await brought_to(world, JobStatus.SUBMITTING)
    await world.jobs.postpone(job.fence, after_s=0, reason="doubt")
    again = await claimed(world, job.id)
    assert again.submissions == 1
    assert await world.jobs.start_submitting(again.fence, may_reach_provider=True)
    assert (await world.stored(job.id)).orphans == 1


async def test_a_refused_submission_is_taken_back_and_the_one_before_it_stays(world: World):
    job = await brought_to(world, JobStatus.SUBMITTING)
    assert await world.jobs.count_resubmission(job.fence, number=2)
    await world.jobs.postpone(job.fence, after_s=0, reason="refused", new_task=True)
    again = await claimed(world, job.id)
    assert again.submissions == 1
    assert await world.jobs.start_submitting(again.fence, may_reach_provider=False)
    fence = Fence(job.id, again.attempt, JobStatus.SUBMITTING)
    await world.jobs.postpone(fence, after_s=0, reason="refused", new_task=True)
    assert (await claimed(world, job.id)).submissions == 0


async def test_a_render_that_was_finished_is_remembered_until_its_task_is_forgotten(world: World):
    job = await brought_to(world, JobStatus.FETCHING)
    await world.jobs.postpone(job.fence, after_s=0, reason="later")
    again = await claimed(world, job.id)
    assert again.rendered_at is not None
    await world.jobs.postpone(again.fence, after_s=0, reason="failed", new_task=True)
    assert (await claimed(world, job.id)).rendered_at is None


async def test_that_a_delivery_began_is_taken_back_where_nothing_was_shown(world: World):
    job = await brought_to(world, JobStatus.DELIVERING)
    assert await world.jobs.postpone(job.fence, after_s=0, reason="telegram_away", unshown=True)
    assert (await claimed(world, job.id)).delivery_began_at is None


async def test_that_a_delivery_began_is_remembered_over_postponements(world: World):
    job = await brought_to(world, JobStatus.FETCHING)
    assert job.delivery_began_at is None
    assert await world.jobs.start_delivering(job.fence)
    fence = Fence(job.id, job.attempt, JobStatus.DELIVERING)
    await world.jobs.postpone(fence, after_s=0, reason="telegram away")
    assert (await claimed(world, job.id)).delivery_began_at is not None
