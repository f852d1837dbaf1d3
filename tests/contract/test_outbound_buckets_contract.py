"""What every OutboundBuckets does: one set of buckets for all who ask, and silence for all."""

from __future__ import annotations

import asyncio

import pytest

from neurocards.domain.outbound import WHOLE_BOT, Flow, OutboundLimits, Priority, Wish
from neurocards.ports.outbound import Silence
from neurocards.testing.world import BOT_ID, World

LIMITS = OutboundLimits(bot=Flow(60, 6), chat=Flow(600, 2), group=Flow(1200, 1))
"""Slow, so that no pause of a busy machine lets anything flow back."""
HOUR_S = 3600


async def ask(world: World, *wishes: Wish, bot_id: int = BOT_ID, answers: int = 0) -> list[float]:
    return list(await world.outbound.take(bot_id, wishes, answers=answers, limits=LIMITS))


def delivery(chat_id: int) -> Wish:
    return Wish(chat_id, Priority.DELIVERY)


def letting(waits_s: list[float]) -> list[bool]:
    return [wait_s == 0 for wait_s in waits_s]


async def test_a_burst_passes_and_the_next_one_is_told_when(world: World):
    """One question takes for all that it asks for."""
    waits_s = await ask(world, *(delivery(chat) for chat in range(1, 8)))
    assert letting(waits_s) == [True] * 6 + [False]
    assert waits_s[6] == pytest.approx(60, abs=20)


async def test_whoever_asks_finds_what_the_others_have_left(world: World):
    await ask(world, *(delivery(chat) for chat in range(1, 6)))
    assert letting(await ask(world, delivery(8), delivery(9))) == [True, False]
    assert letting(await ask(world, delivery(9))) == [False]


async def test_what_was_taken_flows_back(world: World):
    await ask(world, *(delivery(chat) for chat in range(1, 7)))
    await world.pass_time(2 * 60)
    assert letting(await ask(world, *(delivery(chat) for chat in range(11, 15)))) == [
        *(True, True, False, False)
    ]


async def test_less_urgent_wishes_leave_something_to_the_urgent(world: World):
    """Three of six are left: progress needs half, a broadcast three quarters."""
    await ask(world, *(delivery(chat) for chat in range(1, 4)))
    wishes = [Wish(9, priority) for priority in (Priority.BROADCAST, Priority.PROGRESS)]
    assert letting(await ask(world, *wishes)) == [False, True]
    assert letting(await ask(world, Wish(10, Priority.PROGRESS))) == [False]
    assert letting(await ask(world, Wish(10, Priority.STATE))) == [True]
    assert letting(await ask(world, Wish(11, Priority.NOTICE))) == [False]
    assert letting(await ask(world, delivery(11))) == [True]


async def test_answers_are_booked_and_take_nothing_that_flows_back(world: World):
    assert await ask(world, answers=1000) == []
    assert letting(await ask(world, delivery(1), answers=1000)) == [False]
    await world.pass_time(61)
    assert letting(await ask(world, delivery(1))) == [True]


async def test_a_chat_has_a_pace_of_its_own(world: World):
    waits_s = await ask(world, delivery(7), delivery(7), delivery(7), delivery(8))
    assert letting(waits_s) == [True, True, False, True]
    assert waits_s[2] == pytest.approx(600, abs=20)
    await world.pass_time(HOUR_S)
    assert letting(await ask(world, delivery(7))) == [True]


async def test_a_group_has_another_one(world: World):
    waits_s = await ask(world, delivery(-7), delivery(-7), delivery(-8))
    assert letting(waits_s) == [True, False, True]
    assert waits_s[1] == pytest.approx(1200, abs=20)


async def test_bots_have_buckets_of_their_own(world: World):
    await ask(world, *(delivery(chat) for chat in range(1, 7)))
    assert letting(await ask(world, delivery(1), bot_id=BOT_ID + 1)) == [True]


async def test_a_chat_that_was_silenced_is_silent_for_all(world: World):
    assert await world.outbound.pause(BOT_ID, 7, for_s=1000) is Silence.CHAT
    waits_s = await ask(world, delivery(7), delivery(8))
    assert letting(waits_s) == [False, True]
    assert waits_s[0] == pytest.approx(1000, abs=20)
    await world.pass_time(HOUR_S)
    assert letting(await ask(world, delivery(7))) == [True]


async def test_a_second_chat_that_is_silenced_silences_the_bot(world: World):
    await world.outbound.pause(BOT_ID, 7, for_s=1000)
    assert await world.outbound.pause(BOT_ID, 7, for_s=1000) is Silence.CHAT
    assert await world.outbound.pause(BOT_ID, 8, for_s=500) is Silence.BOT
    assert (await ask(world, delivery(9)))[0] == pytest.approx(500, abs=20)
    assert letting(await ask(world, delivery(9), bot_id=BOT_ID + 1)) == [True]
    await world.pass_time(600)
    assert letting(await ask(world, delivery(9), delivery(7))) == [True, False]


async def test_a_silence_that_has_passed_means_no_other_chat(world: World):
    await world.outbound.pause(BOT_ID, 7, for_s=10)
    await world.pass_time(HOUR_S)
    assert await world.outbound.pause(BOT_ID, 8, for_s=10) is Silence.CHAT


async def test_a_call_without_a_chat_silences_the_bot(world: World):
    assert await world.outbound.pause(BOT_ID, WHOLE_BOT, for_s=100) is Silence.BOT
    assert (await ask(world, delivery(1)))[0] == pytest.approx(100, abs=20)


async def test_a_shorter_silence_ends_no_longer_one(world: World):
    await world.outbound.pause(BOT_ID, 7, for_s=1000)
    await world.outbound.pause(BOT_ID, 7, for_s=1)
    await world.pass_time(10)
    assert letting(await ask(world, delivery(7))) == [False]


async def test_askers_at_once_share_what_there_is(world: World):
    """Twenty ask for one each, and six get it."""
    answers = await asyncio.gather(*(ask(world, delivery(chat)) for chat in range(1, 21)))
    assert sum(wait_s == 0 for waits_s in answers for wait_s in waits_s) == 6


async def test_full_buckets_of_chats_are_forgotten_and_others_kept(world: World):
    await ask(world, *(delivery(chat) for chat in range(1, 4)))
    await world.pass_time(HOUR_S)
    await world.outbound.pause(BOT_ID, 3, for_s=1000)
    await ask(world, delivery(4))
    assert await world.outbox.forget_outbound_buckets(batch=1) == 1
    assert await world.outbox.forget_outbound_buckets(batch=9) == 1
    assert await world.outbox.forget_outbound_buckets(batch=9) == 0
    assert letting(await ask(world, delivery(3), delivery(4), delivery(4))) == [False, True, False]
