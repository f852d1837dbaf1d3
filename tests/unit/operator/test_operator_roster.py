"""Which objects there are, and which of them scales a target."""

from __future__ import annotations

from typing import Any

import pytest

from neurocards.testing.clock import FakeClock
from neurocards_operator.pulse import Pulse
from neurocards_operator.roster import FIXED_SLOTS, Key, Known, Roster, known_of


def known(
    name: str, *, made: str = "2026-01-01T00:00:00Z", mode: str = "Auto", **metadata: Any
) -> Known:
    reference = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "worker"}
    return known_of(
        {
            "metadata": {
                "namespace": "shop",
                "name": name,
                "uid": f"uid-{name}",
                "generation": 1,
                "creationTimestamp": made,
            }
            | metadata,
            "spec": {"scaleTargetRef": reference, "pool": name, "mode": mode},
        }
    )


def roster(*objects: Known) -> Roster:
    made = Roster()
    for one in objects:
        made.put(one)
    return made


def test_the_oldest_of_two_policies_scales_the_target_and_the_other_one_says_so():
    first, second = known("b"), known("a", made="2026-01-02T00:00:00Z")
    both = roster(first, second)
    assert both.rival_of(first) is None
    rival = both.rival_of(second)
    assert rival is not None
    assert rival == ("SecondPolicy", "Deployment worker is scaled by the older b")


def test_of_two_policies_made_in_one_second_exactly_one_scales():
    first, second = known("a"), known("b")
    both = roster(first, second)
    assert [both.rival_of(one) is None for one in (first, second)] == [True, False]


def test_the_same_target_in_another_namespace_is_another_target():
    other = known("a", namespace="other")
    assert roster(known("a"), other).rival_of(other) is None


def test_when_the_older_one_is_gone_the_younger_one_scales():
    first, second = known("a"), known("b")
    both = roster(first, second)
    assert both.drop(first.key)
    assert both.rival_of(second) is None


@pytest.mark.parametrize("mode", ["Observe", "Paused"])
def test_a_policy_that_writes_nothing_neither_waits_nor_is_waited_for(mode: str):
    """A younger one is tried out beside the one that acts; an older one that rests stops nobody."""
    resting, acting = known("b", mode=mode), known("a", made="2026-01-02T00:00:00Z")
    assert roster(resting, acting).rival_of(acting) is None
    trial = known("c", made="2026-01-03T00:00:00Z", mode=mode)
    assert roster(acting, trial).rival_of(trial) is None


def test_a_late_word_of_a_deletion_does_not_drop_the_successor():
    both = roster(known("a", uid="new"))
    assert not both.drop(Key("shop", "a"), "old")
    assert both.drop(Key("shop", "a"), "new")
    assert not both.drop(Key("shop", "a"), "new")


def test_only_what_people_write_makes_an_object_say_something_else():
    """A status that this operator wrote itself comes back by the watch, and wakes nobody."""
    before = known("a")
    assert before.says_the_same(known("a", resourceVersion="9"))
    assert not before.says_the_same(known("a", generation=2))
    assert not before.says_the_same(known("a", annotations={FIXED_SLOTS: "20"}))


def test_fixed_slots_that_are_no_number_are_none():
    """A canary's slots stand in an annotation, and anybody may write anything there."""
    assert known("a", annotations={FIXED_SLOTS: "40"}).fixed_slots == 40
    assert known("a", annotations={FIXED_SLOTS: "-1"}).fixed_slots == 0
    assert known("a", annotations=None).fixed_slots == 0


def test_a_hint_finds_the_objects_of_its_pool():
    """G-6: one pool's burst wakes nobody else."""
    assert roster(known("a"), known("b")).in_pool("b") == [Key("shop", "b")]


def test_a_process_lives_while_each_of_its_loops_is_heard_of_in_time():
    """S3-31: liveness is the age of the last turn."""
    clock = FakeClock()
    pulse = Pulse(clock)
    pulse.beat("a", again_within_s=60)
    pulse.beat("b", again_within_s=1)
    clock.advance(29)
    assert pulse.is_alive()
    clock.advance(2)
    assert not pulse.is_alive()
    pulse.ended("b")
    assert pulse.is_alive()
    clock.advance(150)
    assert not pulse.is_alive()
    pulse.beat("a", again_within_s=60)
    assert pulse.is_alive()
