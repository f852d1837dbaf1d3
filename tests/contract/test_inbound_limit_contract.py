"""What every OrderStore does to a user who asks too much: one bucket, told once, nothing twice."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter

import pytest

from neurocards.domain.inbound import PHOTO_COST, UPDATE_COST, InboundLimit
from neurocards.ports.orders import Admission, AdmissionOutcome
from neurocards.testing.world import BOT_ID, USER_ID, World

ADMITTED, APPLIED = Admission(AdmissionOutcome.ADMITTED), Admission(AdmissionOutcome.APPLIED)
LIMIT = InboundLimit(per_minute=1, burst=4)
"""Slow, so that no pause of a busy machine lets anything flow back."""
HOUR_S = 3600
_update_ids = itertools.count(1)


async def ask(
    world: World,
    *,
    update_id: int | None = None,
    bot_id: int = BOT_ID,
    user_id: int = USER_ID,
    cost: int = UPDATE_COST,
) -> Admission:
    number = update_id or next(_update_ids)
    return await world.orders.admit(bot_id, number, tg_user_id=user_id, cost=cost, limit=LIMIT)


async def ask_until_refused(world: World) -> Admission:
    for _ in range(LIMIT.burst):
        assert await ask(world) == ADMITTED
    return await ask(world)


async def test_a_burst_is_admitted_and_what_goes_beyond_it_refused(world: World):
    refusal = await ask_until_refused(world)
    assert refusal.outcome is AdmissionOutcome.REFUSED
    assert refusal.tell
    assert refusal.wait_s == pytest.approx(240, abs=50)


async def test_what_was_used_flows_back_steadily(world: World):
    await ask_until_refused(world)
    await world.pass_time(2 * LIMIT.refill_s)
    assert [(await ask(world)).outcome for _ in range(2)] == [AdmissionOutcome.ADMITTED] * 2
    assert (await ask(world)).outcome is AdmissionOutcome.REFUSED


async def test_an_empty_hour_saves_no_more_than_one_burst(world: World):
    await ask(world)
    await world.pass_time(HOUR_S)
    assert (await ask_until_refused(world)).outcome is AdmissionOutcome.REFUSED


async def test_a_photo_takes_more_than_a_word(world: World):
    assert await ask(world, cost=PHOTO_COST) == ADMITTED
    assert (await ask(world, cost=PHOTO_COST)).outcome is AdmissionOutcome.REFUSED
    assert await ask(world) == ADMITTED


async def test_the_user_is_told_once_until_his_bucket_was_full_again(world: World):
    refusals = [await ask_until_refused(world), await ask(world)]
    await world.pass_time(2 * LIMIT.refill_s)
    await ask(world)
    await ask(world)
    refusals.append(await ask(world))
    assert [refusal.tell for refusal in refusals] == [True, False, False]
    await world.pass_time(HOUR_S)
    assert (await ask_until_refused(world)).tell


async def test_a_refused_update_counts_as_applied(world: World):
    await ask_until_refused(world)
    await ask(world, update_id=9000)
    assert await world.orders.was_applied(BOT_ID, 9000)
    await world.pass_time(HOUR_S)
    assert await ask(world, update_id=9000) == APPLIED


async def test_an_update_that_was_applied_is_neither_admitted_nor_paid_for(world: World):
    await world.orders.mark_applied(BOT_ID, 9000)
    for _ in range(2 * LIMIT.burst):
        assert await ask(world, update_id=9000) == APPLIED
    assert (await ask_until_refused(world)).outcome is AdmissionOutcome.REFUSED


async def test_an_update_that_is_brought_again_is_paid_for_once(world: World):
    for _ in range(2 * LIMIT.burst):
        assert await ask(world, update_id=9000) == ADMITTED
    outcomes = [(await ask(world)).outcome for _ in range(LIMIT.burst)]
    admitted, refused = AdmissionOutcome.ADMITTED, AdmissionOutcome.REFUSED
    assert outcomes == [admitted, admitted, admitted, refused]


async def test_users_and_bots_have_buckets_of_their_own(world: World):
    await ask_until_refused(world)
    assert await ask(world, user_id=USER_ID + 1) == ADMITTED
    assert await ask(world, bot_id=BOT_ID + 1) == ADMITTED


async def test_askers_at_once_share_one_bucket(world: World):
    admissions = await asyncio.gather(*(ask(world) for _ in range(3 * LIMIT.burst)))
    assert sum(admission.tell for admission in admissions) == 1
    assert Counter(admission.outcome for admission in admissions) == {
        AdmissionOutcome.ADMITTED: LIMIT.burst,
        AdmissionOutcome.REFUSED: 2 * LIMIT.burst,
    }


async def test_full_buckets_are_forgotten_in_batches_and_others_kept(world: World):
    for user_id in range(3):
        await ask(world, user_id=user_id)
    await world.pass_time(HOUR_S)
    await ask_until_refused(world)
    assert await world.outbox.forget_inbound_buckets(batch=2) == 2
    assert await world.outbox.forget_inbound_buckets(batch=2) == 1
    assert await world.outbox.forget_inbound_buckets(batch=2) == 0
    assert (await ask(world)).outcome is AdmissionOutcome.REFUSED


@pytest.mark.parametrize(("per_minute", "burst"), [(0, 20), (60, PHOTO_COST - 1)])
def test_a_limit_under_which_nobody_could_order_is_refused(per_minute: int, burst: int):
    with pytest.raises(ValueError, match="nobody could ever send a photo"):
        InboundLimit(per_minute, burst)
