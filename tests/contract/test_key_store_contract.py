"""What every KeyStore does: fair turns, a window per account, blocks that end, jobs that wake."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import datetime

import pytest

from neurocards.domain.keys import (
    WAITS_FOR_KEY_REASONS,
    AllBlocked,
    KeyTaken,
    KeyUsable,
    WindowFull,
    parse_keys,
)
from neurocards.ports.jobs import Claimed, NotDue
from neurocards.testing.world import LEASE_S, World, accepted, claimed, taken_messages

KEYS = parse_keys({"KIE_API_KEY": "one,two,three"})
FINGERPRINTS = [key.fingerprint for key in KEYS]
WINDOW_S = 10.0
SHARED = parse_keys({"KIE_API_KEY": "one,two", "KIE_API_KEY_ACCOUNT": "house"})


async def test_keys_take_turns(world: World):
    await world.keys.register(KEYS)
    taken = [await world.keys.take(FINGERPRINTS, window_s=WINDOW_S, limit=20) for _ in range(6)]
    assert Counter(taken) == {KeyTaken(fingerprint): 2 for fingerprint in FINGERPRINTS}
    assert set(taken[:3]) == set(taken[3:])


async def test_only_the_named_keys_are_taken(world: World):
    await world.keys.register(KEYS)
    for _ in range(3):
        answer = await world.keys.take(FINGERPRINTS[:1], window_s=WINDOW_S, limit=20)
        assert answer == KeyTaken(FINGERPRINTS[0])


async def test_many_takers_at_once_never_exceed_the_window(world: World):
    await world.keys.register(KEYS)
    answers = await asyncio.gather(
        *(world.keys.take(FINGERPRINTS, window_s=WINDOW_S, limit=4) for _ in range(30))
    )
    taken = Counter(answer for answer in answers if isinstance(answer, KeyTaken))
    assert taken == {KeyTaken(fingerprint): 4 for fingerprint in FINGERPRINTS}
    waits = [answer for answer in answers if isinstance(answer, WindowFull)]
    assert len(waits) == 18
    assert all(0 < wait.wait_ms <= WINDOW_S * 1000 for wait in waits)


async def test_two_hundred_takers_of_one_key_get_exactly_twenty_in_ten_seconds(world: World):
    """The others are told to wait for the window; nobody is parked."""
    await world.keys.register(KEYS[:1])
    for _ in range(2):
        answers = await asyncio.gather(
            *(world.keys.take(FINGERPRINTS[:1], window_s=WINDOW_S, limit=20) for _ in range(200))
        )
        assert Counter(type(answer) for answer in answers) == {KeyTaken: 20, WindowFull: 180}
        await world.pass_time(WINDOW_S)


async def test_keys_of_one_account_share_its_window_and_take_turns_in_it(world: World):
    await world.keys.register(SHARED)
    answers = await asyncio.gather(
        *(world.keys.take(FINGERPRINTS[:2], window_s=WINDOW_S, limit=4) for _ in range(10))
    )
    taken = Counter(answer for answer in answers if isinstance(answer, KeyTaken))
    assert taken == {KeyTaken(fingerprint): 2 for fingerprint in FINGERPRINTS[:2]}
    assert sum(isinstance(answer, WindowFull) for answer in answers) == 6


async def test_a_key_that_gets_a_label_brings_what_it_took_along(world: World):
    """The provider does not know of our labels: its window is as full as it was."""
    await world.keys.register(KEYS[:2])
    for _ in range(4):
        await world.keys.take(FINGERPRINTS[:2], window_s=WINDOW_S, limit=4)
    await world.keys.register(SHARED)
    answer = await world.keys.take(FINGERPRINTS[:2], window_s=WINDOW_S, limit=4)
    assert isinstance(answer, WindowFull)
    await world.keys.register(KEYS[:2])
    await world.pass_time(WINDOW_S)
    answer = await world.keys.take(FINGERPRINTS[:2], window_s=WINDOW_S, limit=1)
    assert isinstance(answer, KeyTaken)


@pytest.mark.parametrize(
    ("reason", "others_rest"), [("rate_limit", True), ("billing", True), ("unauthorized", False)]
)
async def test_a_refusal_that_concerns_the_account_lets_all_of_its_keys_rest(
    world: World, *, reason: str, others_rest: bool
):
    await world.keys.register(SHARED)
    await world.keys.block(FINGERPRINTS[0], for_s=3600, reason=reason)
    answer = await world.keys.take(FINGERPRINTS[1:2], window_s=WINDOW_S, limit=20)
    assert isinstance(answer, AllBlocked) is others_rest


async def test_a_full_window_opens_when_its_oldest_take_leaves_it(world: World):
    await world.keys.register(KEYS[:1])
    for _ in range(2):
        await world.keys.take(FINGERPRINTS[:1], window_s=WINDOW_S, limit=2)
        await world.pass_time(4)
    answer = await world.keys.take(FINGERPRINTS[:1], window_s=WINDOW_S, limit=2)
    assert isinstance(answer, WindowFull)
    assert 0 < answer.wait_ms <= 2000
    await world.pass_time(2.1)
    answer = await world.keys.take(FINGERPRINTS[:1], window_s=WINDOW_S, limit=2)
    assert isinstance(answer, KeyTaken)


async def test_a_blocked_key_is_passed_over_until_its_block_ends(world: World):
    await world.keys.register(KEYS[:2])
    await world.keys.block(FINGERPRINTS[0], for_s=3600, reason="RATE_LIMIT")
    for _ in range(3):
        answer = await world.keys.take(FINGERPRINTS[:2], window_s=WINDOW_S, limit=20)
        assert answer == KeyTaken(FINGERPRINTS[1])
    await world.pass_time(3601)
    answers = [await world.keys.take(FINGERPRINTS[:2], window_s=WINDOW_S, limit=20)]
    assert answers == [KeyTaken(FINGERPRINTS[0])]


async def test_when_all_keys_are_blocked_the_earliest_end_is_told(world: World):
    await world.keys.register(KEYS[:2])
    await world.keys.block(FINGERPRINTS[0], for_s=86_400, reason="BILLING")
    await world.keys.block(FINGERPRINTS[1], for_s=3600, reason="RATE_LIMIT")
    first = await world.keys.take(FINGERPRINTS[:2], window_s=WINDOW_S, limit=20)
    later = await world.keys.take(FINGERPRINTS[:1], window_s=WINDOW_S, limit=20)
    assert isinstance(first, AllBlocked)
    assert isinstance(later, AllBlocked)
    assert isinstance(first.until, datetime)
    assert isinstance(later.until, datetime)
    assert (later.until - first.until).total_seconds() > 80_000


async def test_a_healthy_key_is_named_without_being_taken(world: World):
    await world.keys.register(KEYS[:2])
    await world.keys.block(FINGERPRINTS[0], for_s=3600, reason="rate_limit")
    for _ in range(3):
        assert await world.keys.usable(FINGERPRINTS[:2]) == KeyUsable(FINGERPRINTS[1])
    answer = await world.keys.take(FINGERPRINTS[1:2], window_s=WINDOW_S, limit=1)
    assert answer == KeyTaken(FINGERPRINTS[1])
    full = await world.keys.usable(FINGERPRINTS[:2])
    assert full == KeyUsable(FINGERPRINTS[1])
    await world.keys.block(FINGERPRINTS[1], for_s=60, reason="rate_limit")
    blocked = await world.keys.usable(FINGERPRINTS[:2])
    assert isinstance(blocked, AllBlocked)
    assert blocked == await world.keys.take(FINGERPRINTS[:2], window_s=WINDOW_S, limit=20)
    assert await world.keys.usable([]) == AllBlocked(None)


async def test_a_shorter_block_never_shortens_a_longer_one(world: World):
    await world.keys.register(KEYS[:1])
    await world.keys.block(FINGERPRINTS[0], for_s=86_400, reason="BILLING")
    await world.keys.block(FINGERPRINTS[0], for_s=60, reason="RATE_LIMIT")
    await world.pass_time(3600)
    answer = await world.keys.take(FINGERPRINTS[:1], window_s=WINDOW_S, limit=20)
    assert isinstance(answer, AllBlocked)


async def test_registering_again_heals_no_blocked_key(world: World):
    await world.keys.register(KEYS[:1])
    await world.keys.block(FINGERPRINTS[0], for_s=3600, reason="RATE_LIMIT")
    await world.keys.register(KEYS[:1])
    answer = await world.keys.take(FINGERPRINTS[:1], window_s=WINDOW_S, limit=20)
    assert isinstance(answer, AllBlocked)


async def test_without_any_key_there_is_no_end_to_wait_for(world: World):
    assert await world.keys.take([], window_s=WINDOW_S, limit=20) == AllBlocked(None)
    unknown = await world.keys.take(FINGERPRINTS, window_s=WINDOW_S, limit=20)
    assert unknown == AllBlocked(None)
    await world.keys.block("unknown", for_s=1, reason="RATE_LIMIT")


@pytest.mark.parametrize("reason", WAITS_FOR_KEY_REASONS)
async def test_a_key_that_nobody_knew_wakes_the_jobs_that_wait_for_one(world: World, reason: str):
    await world.keys.register(KEYS[:1])
    parked = await claimed(world, await accepted(world))
    other = await claimed(world, await accepted(world))
    await world.jobs.postpone(parked.fence, after_s=300, reason=reason)
    await world.jobs.postpone(other.fence, after_s=300, reason="window_full")
    await taken_messages(world)
    await world.keys.register(KEYS[:1])
    assert await taken_messages(world) == []
    await world.keys.register(KEYS[:2])
    assert [message.job_id for message in await taken_messages(world)] == [parked.id]
    claim = await world.jobs.claim(parked.id, worker="w", lease_s=LEASE_S)
    assert isinstance(claim, Claimed)
    assert claim.job.tries == 0
    assert isinstance(await world.jobs.claim(other.id, worker="w", lease_s=LEASE_S), NotDue)


async def test_a_block_that_ends_is_the_time_when_a_parked_job_is_due(world: World):
    await world.keys.register(KEYS[:1])
    await world.keys.block(FINGERPRINTS[0], for_s=100, reason="rate_limit")
    job = await claimed(world, await accepted(world))
    await world.jobs.postpone(job.fence, after_s=100, reason="keys_blocked")
    await taken_messages(world)
    assert await world.outbox.enqueue_due(batch=9, unseen_s=60) == 0
    await world.pass_time(101)
    assert await world.outbox.enqueue_due(batch=9, unseen_s=60) == 1
    await claimed(world, job.id)
    answer = await world.keys.take(FINGERPRINTS[:1], window_s=WINDOW_S, limit=20)
    assert isinstance(answer, KeyTaken)
