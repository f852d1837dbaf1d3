"""What every KeyStore tells of the keys that it knows: healthy, or why they rest."""

from __future__ import annotations

from neurocards.domain.keys import parse_keys
from neurocards.ports.jobs import HEALTHY
from neurocards.testing.world import World

KEYS = parse_keys({"KIE_API_KEY": "first,second,third"})
FIRST, SECOND, THIRD = (key.fingerprint for key in KEYS)


async def test_a_key_is_healthy_until_it_is_blocked_and_again_after_that(world: World):
    await world.keys.register(KEYS[:2])
    await world.keys.block(FIRST, for_s=100, reason="billing")
    assert await world.keys.states([FIRST, SECOND]) == {FIRST: "billing", SECOND: HEALTHY}
    await world.pass_time(101)
    assert await world.keys.states([FIRST, SECOND]) == {FIRST: HEALTHY, SECOND: HEALTHY}


async def test_only_keys_that_were_asked_for_and_are_known_have_a_state(world: World):
    await world.keys.register(KEYS[:2])
    assert await world.keys.states([FIRST, THIRD]) == {FIRST: HEALTHY}
    assert await world.keys.states([]) == {}
