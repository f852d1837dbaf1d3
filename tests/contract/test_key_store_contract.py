"""What every KeyStore does: fair turns, a window per key, blocks that end."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import datetime

from neurocards.domain.keys import AllBlocked, KeyTaken, WindowFull, parse_keys
from neurocards.testing.world import World

KEYS = parse_keys({"KIE_API_KEY": "one,two,three"})
FINGERPRINTS = [key.fingerprint for key in KEYS]
WINDOW_S = 10.0


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
