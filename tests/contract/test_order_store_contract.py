"""What every OrderStore does: users, drafts, one job per order, money, history."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from uuid import UUID

import pytest

from neurocards.domain.jobs import JobStatus
from neurocards.domain.orders import AspectRatio, OrderOptions
from neurocards.ports.jobs import NothingToDo
from neurocards.ports.orders import AcceptOutcome, Cancellation, PastOrder
from neurocards.testing.world import (
    BOT_ID,
    LEASE_S,
    TASK,
    USER_ID,
    VIOLATION,
    Booked,
    World,
    accepted,
    brought_to,
    claimed,
    drafted,
    new_job_id,
    taken_messages,
)


async def test_welcome_credits_are_given_once_per_bot(world: World):
    first = await world.orders.welcome(USER_ID, bot_id=1, language="ru", welcome_credits=3)
    again = await world.orders.welcome(USER_ID, bot_id=1, language="en", welcome_credits=3)
    other_bot = await world.orders.welcome(USER_ID, bot_id=2, language="en", welcome_credits=3)
    assert (first.balance, first.is_new) == (3, True)
    assert (again.balance, again.is_new, again.language) == (3, False, "ru")
    assert (other_bot.balance, other_bot.is_new) == (6, False)


async def test_two_welcomes_at_once_give_the_credits_once(world: World):
    await asyncio.gather(
        *(
            world.orders.welcome(USER_ID, bot_id=1, language="ru", welcome_credits=3)
            for _ in range(10)
        )
    )
    assert await _balance(world) == 3


async def test_a_welcome_without_credits_books_nothing(world: World):
    await world.orders.welcome(USER_ID, bot_id=1, language="ru", welcome_credits=0)
    assert await world.ledger() == []


async def test_a_user_keeps_the_language_that_he_chose(world: World):
    assert await world.orders.user(USER_ID) is None
    await world.orders.welcome(USER_ID, bot_id=1, language="ru", welcome_credits=0)
    await world.orders.set_language(USER_ID, "en")
    await world.orders.set_blocked(USER_ID, blocked=True)
    await world.orders.set_blocked(USER_ID, blocked=False)
    user = await world.orders.user(USER_ID)
    assert user is not None
    assert user.language == "en"


async def test_an_update_is_remembered_per_bot(world: World):
    assert not await world.orders.was_applied(BOT_ID, 900)
    await world.orders.mark_applied(BOT_ID, 900)
    await world.orders.mark_applied(BOT_ID, 900)
    assert await world.orders.was_applied(BOT_ID, 900)
    assert not await world.orders.was_applied(BOT_ID + 1, 900)


async def test_old_updates_are_forgotten_in_batches_and_young_ones_kept(world: World):
    for update_id in range(3):
        await world.orders.mark_applied(BOT_ID, update_id)
    await world.pass_time(7200)
    await world.orders.mark_applied(BOT_ID, 99)
    assert await world.outbox.forget_updates(older_than_s=3600, batch=2) == 2
    assert await world.outbox.forget_updates(older_than_s=3600, batch=2) == 1
    assert await world.orders.was_applied(BOT_ID, 99)


async def test_a_draft_that_is_saved_again_stays_as_it_was(world: World):
    request = await drafted(world)
    draft = await world.orders.draft(request.draft_id, tg_user_id=USER_ID)
    assert draft is not None
    await world.orders.save_draft(replace(draft, caption="another"))
    assert await world.orders.draft(draft.id, tg_user_id=USER_ID) == draft


async def test_choices_change_a_draft_one_by_one(world: World):
    request = await drafted(world)
    options = OrderOptions(aspect_ratio=AspectRatio.LANDSCAPE, duration_s=15)
    chosen = await world.orders.choose(
        request.draft_id, tg_user_id=USER_ID, options=options, price_credits=2
    )
    assert chosen is not None
    assert (chosen.options, chosen.price_credits, chosen.template_id) == (options, 2, "first")
    described = await world.orders.choose(request.draft_id, tg_user_id=USER_ID, caption="Vase")
    assert described is not None
    assert (described.caption, described.options) == ("Vase", options)
    assert await world.orders.draft(request.draft_id, tg_user_id=USER_ID) == described


async def test_nobody_else_sees_changes_discards_or_accepts_a_draft(world: World):
    request = await drafted(world)
    stranger = USER_ID + 1
    await world.orders.welcome(stranger, bot_id=BOT_ID, language="en", welcome_credits=5)
    draft_id = request.draft_id
    assert await world.orders.draft(draft_id, tg_user_id=stranger) is None
    assert await world.orders.choose(draft_id, tg_user_id=stranger, caption="x") is None
    assert not await world.orders.discard(draft_id, tg_user_id=stranger)
    answer = await world.orders.accept(replace(request, tg_user_id=stranger))
    assert (answer.outcome, answer.balance, answer.language) == (AcceptOutcome.NO_DRAFT, 5, "en")


async def test_a_discarded_draft_cannot_be_accepted(world: World):
    request = await drafted(world)
    assert await world.orders.discard(request.draft_id, tg_user_id=USER_ID)
    answer = await world.orders.accept(request)
    assert (answer.outcome, answer.job_id, answer.balance) == (AcceptOutcome.NO_DRAFT, None, 3)


async def test_a_draft_of_another_bot_is_no_draft(world: World):
    request = await drafted(world)
    answer = await world.orders.accept(replace(request, bot_id=BOT_ID + 1))
    assert answer.outcome is AcceptOutcome.NO_DRAFT


async def test_accepting_an_unknown_draft_of_an_unknown_user_is_no_error(world: World):
    request = await drafted(world)
    nobody = replace(request, tg_user_id=1, draft_id=new_job_id())
    answer = await world.orders.accept(nobody)
    assert (answer.outcome, answer.balance, answer.language) == (AcceptOutcome.NO_DRAFT, 0, "ru")


async def test_accepting_charges_makes_the_job_and_announces_it(world: World):
    request = await drafted(world, price_credits=2)
    answer = await world.orders.accept(request)
    assert (answer.outcome, answer.job_id) == (AcceptOutcome.CREATED, request.job_id)
    assert (answer.balance, answer.price_credits, answer.language) == (1, 2, "ru")
    assert [message.job_id for message in await taken_messages(world)] == [request.job_id]
    charges = {e for e in await world.ledger() if e.key == f"charge:{request.job_id}"}
    assert charges == {
        Booked(f"user:{USER_ID}", -2, f"charge:{request.job_id}"),
        Booked("system", 2, f"charge:{request.job_id}"),
    }
    assert await world.orders.was_applied(BOT_ID, request.update_id)


async def test_twenty_presses_at_once_make_one_job_and_one_charge(world: World):
    request = await drafted(world)
    presses = [
        replace(request, job_id=new_job_id(), update_id=10_000 + number) for number in range(20)
    ]
    answers = await asyncio.gather(*(world.orders.accept(press) for press in presses))
    assert Counter(answer.outcome for answer in answers) == {
        AcceptOutcome.CREATED: 1,
        AcceptOutcome.EXISTS: 19,
    }
    assert len({answer.job_id for answer in answers}) == 1
    assert await _balance(world) == 2
    assert len(await taken_messages(world)) == 1


async def test_the_same_press_delivered_again_returns_the_first_job(world: World):
    request = await drafted(world)
    first = await world.orders.accept(request)
    again = await world.orders.accept(replace(request, job_id=new_job_id()))
    assert (again.outcome, again.job_id) == (AcceptOutcome.EXISTS, first.job_id)


async def test_an_accepted_draft_can_no_longer_be_changed_or_discarded(world: World):
    request = await drafted(world)
    await world.orders.accept(request)
    assert await world.orders.choose(request.draft_id, tg_user_id=USER_ID, caption="late") is None
    assert not await world.orders.discard(request.draft_id, tg_user_id=USER_ID)


async def test_without_enough_credits_nothing_is_made(world: World):
    request = await drafted(world, balance=1, price_credits=2)
    answer = await world.orders.accept(request)
    assert (answer.outcome, answer.job_id) == (AcceptOutcome.NO_CREDIT, None)
    assert (answer.balance, answer.price_credits) == (1, 2)
    assert await taken_messages(world) == []
    draft = await world.orders.draft(request.draft_id, tg_user_id=USER_ID)
    assert draft is not None
    assert draft.job_id is None


async def test_two_orders_at_once_cannot_spend_the_same_last_credit(world: World):
    requests = [await drafted(world, balance=1) for _ in range(5)]
    answers = await asyncio.gather(*(world.orders.accept(request) for request in requests))
    assert Counter(answer.outcome for answer in answers) == {
        AcceptOutcome.CREATED: 1,
        AcceptOutcome.NO_CREDIT: 4,
    }
    assert await _balance(world) == 0


@pytest.mark.parametrize("status", [JobStatus.QUEUED, JobStatus.SCRIPTING])
async def test_a_job_is_cancelled_with_refund_before_it_reaches_the_provider(
    world: World, status: JobStatus
):
    job_id = await accepted(world)
    if status is JobStatus.SCRIPTING:
        await claimed(world, job_id)
    answers = await asyncio.gather(
        *(world.orders.cancel(job_id, tg_user_id=USER_ID) for _ in range(3))
    )
    assert Counter(answers) == {
        (JobStatus.CANCELLED, True): 1,
        (JobStatus.CANCELLED, False): 2,
    }
    assert await _balance(world) == 3
    claim = await world.jobs.claim(job_id, worker="late", lease_s=LEASE_S)
    assert isinstance(claim, NothingToDo)
    assert claim.status is JobStatus.CANCELLED
    assert claim.untold is not None


@pytest.mark.parametrize(
    "status",
    [JobStatus.SUBMITTING, JobStatus.RENDERING, JobStatus.FETCHING, JobStatus.DELIVERING],
)
async def test_a_job_at_the_provider_cannot_be_cancelled(world: World, status: JobStatus):
    job = await brought_to(world, status)
    assert await world.orders.cancel(job.id, tg_user_id=USER_ID) == (status, False)
    assert await _balance(world) == 2


async def test_a_job_that_waits_for_its_paid_task_cannot_be_cancelled_either(world: World):
    job = await brought_to(world, JobStatus.RENDERING)
    await world.jobs.postpone(job.fence, after_s=60, reason="poll later")
    assert await world.orders.cancel(job.id, tg_user_id=USER_ID) == (JobStatus.QUEUED, False)


async def test_nobody_else_can_cancel_a_job(world: World):
    job_id = await accepted(world)
    assert await world.orders.cancel(job_id, tg_user_id=USER_ID + 1) is None


async def test_the_worker_of_a_cancelled_job_can_write_no_more(world: World):
    job = await claimed(world, await accepted(world))
    await world.orders.cancel(job.id, tg_user_id=USER_ID)
    assert not await world.jobs.start_submitting(job.fence, may_reach_provider=True)
    assert not await world.jobs.fail(job.fence, VIOLATION)
    assert await _balance(world) == 3


async def test_the_newest_job_that_has_not_ended_is_cancelled(world: World):
    assert await world.orders.cancel_newest(BOT_ID, 900, tg_user_id=USER_ID) is None
    older, newer = await accepted(world), await accepted(world)
    for update_id, job_id in ((901, newer), (902, older)):
        answer = await world.orders.cancel_newest(BOT_ID, update_id, tg_user_id=USER_ID)
        assert answer == Cancellation(job_id, JobStatus.CANCELLED, 77, cancelled=True)
    assert await world.orders.cancel_newest(BOT_ID, 903, tg_user_id=USER_ID) is None
    assert await _balance(world) == 3


async def test_an_update_that_comes_again_cancels_no_other_job(world: World):
    older, newer = await accepted(world), await accepted(world)
    answers = [await world.orders.cancel_newest(BOT_ID, 901, tg_user_id=USER_ID) for _ in range(3)]
    assert set(answers) == {Cancellation(newer, JobStatus.CANCELLED, 77, cancelled=True)}
    assert await _balance(world) == 2
    assert await world.orders.cancel(older, tg_user_id=USER_ID) == (JobStatus.CANCELLED, True)


async def test_the_newest_job_of_another_bot_or_user_is_left_alone(world: World):
    await accepted(world)
    assert await world.orders.cancel_newest(BOT_ID + 1, 901, tg_user_id=USER_ID) is None
    assert await world.orders.cancel_newest(BOT_ID, 901, tg_user_id=USER_ID + 1) is None


async def test_the_newest_job_is_not_cancelled_once_it_is_at_the_provider(world: World):
    job = await brought_to(world, JobStatus.RENDERING)
    answer = await world.orders.cancel_newest(BOT_ID, 901, tg_user_id=USER_ID)
    assert answer == Cancellation(job.id, JobStatus.RENDERING, 77, cancelled=False)


async def test_history_lists_delivered_jobs_newest_first_page_by_page(world: World):
    delivered = [await _delivered(world) for _ in range(3)]
    await world.orders.cancel(await accepted(world), tg_user_id=USER_ID)
    page = await world.orders.history(USER_ID, before=None, limit=2)
    assert [item.job_id for item in page] == [delivered[2], delivered[1]]
    rest = await world.orders.history(USER_ID, before=page[-1].job_id, limit=2)
    assert [item.job_id for item in rest] == [delivered[0]]
    assert rest[0].result_file_id == "file"
    assert (
        await world.orders.history(USER_ID, before=None, limit=9, bot_id=BOT_ID + 1) == type(page)()
    )


async def test_history_lists_a_video_whose_file_is_not_known(world: World):
    job = await brought_to(world, JobStatus.DELIVERING)
    await world.jobs.finish(job.fence, result_file_id=None, undelivered=False)
    (item,) = await world.orders.history(USER_ID, before=None, limit=9)
    assert (item.job_id, item.result_file_id, item.status_message_id) == (job.id, None, 77)


async def test_an_undelivered_video_is_queued_again_when_the_user_returns(world: World):
    job = await brought_to(world, JobStatus.DELIVERING)
    await taken_messages(world)
    await world.jobs.finish(job.fence, result_file_id=None, undelivered=True)
    assert await world.orders.requeue_undelivered(USER_ID, bot_id=BOT_ID + 1) == 0
    assert await world.orders.requeue_undelivered(USER_ID, bot_id=BOT_ID) == 1
    assert await world.orders.requeue_undelivered(USER_ID, bot_id=BOT_ID) == 0
    assert [message.job_id for message in await taken_messages(world)] == [job.id]
    again = await claimed(world, job.id)
    assert (again.task, again.attempt) == (TASK, job.attempt + 1)
    assert await _balance(world) == 2


async def test_an_undelivered_video_is_given_up_after_fourteen_days(world: World):
    job = await brought_to(world, JobStatus.DELIVERING)
    await world.jobs.finish(job.fence, result_file_id=None, undelivered=True)
    await world.pass_time(14 * 86_400 + 1)
    assert await world.orders.requeue_undelivered(USER_ID, bot_id=BOT_ID) == 0


async def test_a_delivered_video_is_never_queued_again(world: World):
    await _delivered(world)
    assert await world.orders.requeue_undelivered(USER_ID, bot_id=BOT_ID) == 0


async def test_a_past_order_is_given_to_its_user_at_its_bot_only(world: World):
    """Whatever became of it, it can be read as it was ordered."""
    job = await brought_to(world, JobStatus.RENDERING)
    found = await world.orders.past_order(job.id, tg_user_id=USER_ID, bot_id=BOT_ID)
    assert found == PastOrder(job.order, JobStatus.RENDERING)
    await world.jobs.fail(job.fence, VIOLATION)
    found = await world.orders.past_order(job.id, tg_user_id=USER_ID, bot_id=BOT_ID)
    assert found == PastOrder(job.order, JobStatus.FAILED)
    for user_id, bot_id, job_id in (
        (USER_ID + 1, BOT_ID, job.id),
        (USER_ID, BOT_ID + 1, job.id),
        (USER_ID, BOT_ID, new_job_id()),
    ):
        assert await world.orders.past_order(job_id, tg_user_id=user_id, bot_id=bot_id) is None


async def test_the_queue_counts_waiting_and_live_running_jobs(world: World):
    empty = await world.orders.queue_stats()
    assert (empty.queued, empty.processing, empty.wait_s_mean) == (0, 0, 0.0)
    await accepted(world)
    await world.pass_time(100)
    await brought_to(world, JobStatus.RENDERING)
    stats = await world.orders.queue_stats()
    assert (stats.queued, stats.processing) == (1, 1)
    assert 100 <= stats.wait_s_mean < 160
    await world.pass_time(LEASE_S + 1)
    assert (await world.orders.queue_stats()).processing == 0


async def test_the_amounts_of_every_key_sum_to_zero_and_balances_to_their_accounts(world: World):
    await _delivered(world)
    failed = await brought_to(world, JobStatus.RENDERING)
    await world.jobs.fail(failed.fence, VIOLATION)
    await world.orders.cancel(await accepted(world), tg_user_id=USER_ID)
    entries = await world.ledger()
    for key in {entry.key for entry in entries}:
        assert sum(entry.amount for entry in entries if entry.key == key) == 0
    account = f"user:{USER_ID}"
    mine = sum(entry.amount for entry in entries if entry.account == account)
    assert await _balance(world) == mine == 2


async def _delivered(world: World) -> UUID:
    job = await brought_to(world, JobStatus.DELIVERING)
    assert await world.jobs.finish(job.fence, result_file_id="file", undelivered=False)
    return job.id


async def _balance(world: World) -> int:
    user = await world.orders.user(USER_ID)
    assert user is not None
    return user.balance
