"""The status of an object: what it says, when it is written, and what a restart finds in it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurocards.domain.scaling import Observation, Source, StreamReading, decide
from neurocards.domain.scaling_memory import Memory
from neurocards.domain.scaling_policy import (
    Behavior,
    IdleRule,
    Limits,
    Mode,
    PolicyFault,
    QueueRules,
    QueueStep,
    Replicas,
    ScalingPolicy,
)
from neurocards.domain.schedule import Schedule
from neurocards.ports.scaling import Trouble
from neurocards_operator.conditions import Condition, Evaluated, Facts, conditions
from neurocards_operator.status import (
    Change,
    change,
    memory_of,
    patch,
    render,
    short_duration,
)
from neurocards_operator.verdict import Finding, Obstacles, verdict

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
POLICY = ScalingPolicy(
    jobs_per_replica=1,
    replicas=Replicas(1, 5, 50),
    queue=QueueRules(steps=(QueueStep(100, 10),)),
    behavior=Behavior(down_hold_s=60),
)


def evaluated(
    policy: ScalingPolicy = POLICY,
    memory: Memory | None = None,
    *,
    now: datetime = NOW,
    obstacles: Obstacles | None = None,
    troubles: tuple[Trouble, ...] = (),
    **seen: Any,
) -> Evaluated:
    values: dict[str, Any] = {"at": now, "replicas": 5, "queued": 0, "running": 0} | seen
    observation = Observation(**values)
    decision = decide(observation, policy, memory or Memory(), now)
    wanted = verdict(decision.replicas, observation.replicas, policy.mode, obstacles or Obstacles())
    return Evaluated(policy, observation, decision, wanted, troubles)


def rendered(
    done: Evaluated, before: Mapping[str, Any] | None = None, *, now: datetime = NOW
) -> dict[str, Any]:
    return render(
        Facts(mode=done.policy.mode, evaluated=done),
        done.decision.memory,
        before or {},
        generation=1,
        ready=5,
        now=now,
    )


def named(facts: Facts, name: str) -> Condition:
    (found,) = (condition for condition in conditions(facts) if condition.type == name)
    return found


def test_a_healthy_object_is_ready_and_nothing_else():
    facts = Facts(evaluated=evaluated())
    answers = {condition.type: condition.is_true for condition in conditions(facts)}
    assert answers == {
        "Ready": True,
        "Active": False,
        "Limited": False,
        "Degraded": False,
        "Conflict": False,
    }


def test_what_bound_the_number_is_named_with_its_sentence():
    """S0-18: the step is a wish; the hold that keeps more is a limit."""
    raised = evaluated(queued=101)
    assert named(Facts(evaluated=raised), "Limited").reason == "Unlimited"
    held = evaluated(memory=raised.decision.memory, now=NOW + timedelta(seconds=5), replicas=15)
    limited = named(Facts(evaluated=held), "Limited")
    assert (limited.is_true, limited.reason) == (True, "HoldDown")
    assert limited.message == "more was wanted within the last 60 s"


@pytest.mark.parametrize(
    ("facts", "name", "reason"),
    [
        (Facts(faults=(PolicyFault("spec.x", "is odd"),)), "Ready", "PolicyFault"),
        (Facts(faults=(PolicyFault("spec.x", "is odd"),)), "Degraded", "PolicyFault"),
        (Facts(obstacles=Obstacles(blocked=Finding("TargetMissing", "x"))), "Ready", "x"),
        (Facts(obstacles=Obstacles(blocked=Finding("TargetMissing", "x"))), "Degraded", "x"),
        (Facts(obstacles=Obstacles(conflict=Finding("SecondPolicy", "x"))), "Ready", "x"),
        (Facts(obstacles=Obstacles(conflict=Finding("SecondPolicy", "x"))), "Conflict", "x"),
    ],
)
def test_what_keeps_an_object_from_deciding_is_named(facts: Facts, name: str, reason: str):
    condition = named(facts, name)
    assert condition.is_true is (name != "Ready")
    assert reason in {condition.reason, condition.message}


def test_an_object_that_was_paused_on_purpose_is_ready():
    """Helm 4 waits for it, and nothing is wrong."""
    assert named(Facts(mode=Mode.PAUSED), "Ready")[1:3] == (True, "Paused")


def test_pods_that_carry_another_number_of_jobs_than_the_policy_counts_on_degrade():
    obstacles = Obstacles(mismatch=Finding("SlotsMismatch", "x"))
    facts = Facts(evaluated=evaluated(), obstacles=obstacles)
    assert named(facts, "Degraded")[1:3] == (True, "SlotsMismatch")
    assert named(facts, "Ready").is_true


def test_a_source_that_is_away_degrades_at_once_and_old_readings_hold_later():
    away = (Trouble("postgres", "gone"), Trouble("nats", "gone too"))
    condition = named(Facts(evaluated=evaluated(troubles=away)), "Degraded")
    assert (condition.is_true, condition.reason) == (True, "PostgresUnavailable")
    assert "nats: gone too" in condition.message
    stale = evaluated(at=NOW - timedelta(seconds=90), replicas=40)
    assert named(Facts(evaluated=stale), "Degraded").reason == "StaleSignals"
    assert named(Facts(evaluated=stale), "Limited").reason == "StaleSignals"


def test_a_contradiction_degrades():
    stream, memory = StreamReading(NOW, jobs=90), Memory()
    for second in (0, 20):
        now = NOW + timedelta(seconds=second)
        done = evaluated(memory=memory, now=now, stream=replace(stream, at=now), replicas=9)
        memory = done.decision.memory
    assert named(Facts(evaluated=done), "Degraded").reason == "Contradiction"


def test_slow_jobs_are_a_word_about_the_provider_and_no_wish():
    """S1-41: above eight minutes look at the provider."""
    condition = named(Facts(evaluated=evaluated(service_s=600.0)), "Degraded")
    assert condition.reason == "SlowJobs"
    assert "not at the replicas" in condition.message


def test_a_condition_keeps_its_time_until_its_answer_changes():
    first = rendered(evaluated())
    later = NOW + timedelta(minutes=5)
    second = rendered(evaluated(queued=3, now=later), first, now=later)
    times = {tree["type"]: tree["lastTransitionTime"] for tree in second["conditions"]}
    assert times["Ready"] == "2026-11-24T12:00:00Z"
    assert times["Active"] == "2026-11-24T12:05:00Z"


def test_the_status_says_everything_that_the_columns_show():
    """S0-7: desired, ready, queue and wait, and when a window changes it."""
    evening = Schedule("evening", "Europe/Moscow", "0 19 * * *", "0 23 * * *", min=30)
    done = evaluated(replace(POLICY, schedules=(evening,)), queued=101, oldest_wait_s=185)
    status = rendered(done)
    assert (status["replicas"], status["desiredReplicas"], status["readyReplicas"]) == (15, 15, 5)
    assert (status["queue"], status["wait"]) == (101, "3m5s")
    assert status["decision"]["reason"] == "QueueStep"
    assert status["decision"]["message"].startswith("15 replicas: 101 queued, above 100")
    assert {tree["source"] for tree in status["decision"]["contributions"]} >= {
        "Base",
        "QueueStep",
        "ReplicasMax",
    }
    assert status["nextScheduledChange"] == {
        "at": "2026-11-24T16:00:00Z",
        "windows": ["evening"],
        "min": 30,
    }


def test_a_status_keeps_its_last_decision_while_none_can_be_made():
    before = rendered(evaluated(queued=101))
    facts = Facts(obstacles=Obstacles(blocked=Finding("TargetMissing", "there is none")))
    after = render(facts, Memory(), before, generation=2, ready=None, now=NOW)
    assert after["decision"] == before["decision"]
    assert after["memory"] == before["memory"]
    assert after["observedGeneration"] == 2


def test_the_moment_of_a_decision_changes_with_the_decision_only():
    first = rendered(evaluated(queued=101))
    later = NOW + timedelta(seconds=30)
    same = rendered(evaluated(queued=120, now=later), first, now=later)
    other = rendered(evaluated(queued=0, now=later), first, now=later)
    assert same["decision"]["at"] == first["decision"]["at"]
    assert other["decision"]["at"] == "2026-11-24T12:00:30Z"


def test_while_nothing_happens_nothing_is_written():
    """An hour of looks, each with other times in its memory, is not one write."""
    policy = replace(POLICY, idle=IdleRule(after_s=7200), limits=Limits(None, 480))
    memory = Memory()
    status: dict[str, Any] = {}
    for look in range(240):
        now = NOW + timedelta(seconds=15 * look)
        done = evaluated(policy, memory, now=now)
        memory = done.decision.memory
        after = rendered(done, status, now=now)
        if look:
            assert change(status, after, with_idle_rule=True) is Change.NONE
        else:
            status = after


def test_figures_alone_are_worth_a_write_now_and_then_and_an_event_at_once():
    before = rendered(evaluated(running=3))
    more = rendered(evaluated(running=3, queued=4, oldest_wait_s=9), before)
    assert change(before, more, with_idle_rule=False) is Change.FIGURES
    raised = rendered(evaluated(running=3, queued=101), before)
    assert change(before, raised, with_idle_rule=False) is Change.STATE


def test_a_patch_takes_away_what_is_gone():
    before = {"a": 1, "b": {"x": 1, "y": 2}, "c": [1]}
    after = {"b": {"x": 1}, "c": [1], "d": 4}
    assert patch(before, after) == {"a": None, "b": {"x": 1, "y": None}, "d": 4}


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (59.9, "59s"), (60, "1m0s"), (3725, "1h2m"), (-5, "0s"), (90_000, "25h0m")],
)
def test_a_wait_is_short_to_read(seconds: float, text: str):
    assert short_duration(seconds) == text


@pytest.mark.parametrize("text", [None, "", "[]", "{", '{"version": 99}', 7])
def test_a_memory_that_cannot_be_read_is_none(text: object):
    assert memory_of({"memory": text}) == Memory()


@settings(max_examples=60)
@given(
    looks=st.lists(
        st.tuples(st.sampled_from((0, 1, 50, 150)), st.sampled_from((1, 15, 70, 600))),
        min_size=2,
        max_size=25,
    ),
    restart_at=st.integers(1, 24),
    percent=st.sampled_from((50, 100)),
)
def test_a_restart_changes_no_decision(looks: list[tuple[int, int]], restart_at: int, percent: int):
    """In mid-hold, mid-idle or mid-budget: the memory of the last status that was worth writing."""
    policy = replace(
        POLICY,
        idle=IdleRule(after_s=300),
        limits=Limits(None, 60),
        behavior=Behavior(down_hold_s=60, up_hold_s=10, down_percent_max=percent),
    )
    decided = [_run(policy, looks, restart_at=at) for at in (None, restart_at)]
    assert decided[0] == decided[1]


def _run(
    policy: ScalingPolicy, looks: list[tuple[int, int]], *, restart_at: int | None
) -> list[tuple[int, Source]]:
    memory, replicas, now = Memory(), 5, NOW
    status: dict[str, Any] = {}
    decided = []
    for number, (queued, pause_s) in enumerate(looks):
        if number == restart_at:
            memory = memory_of(json.loads(json.dumps(status)))
        done = evaluated(policy, memory, now=now, queued=queued, replicas=replicas)
        memory, replicas = done.decision.memory, done.decision.replicas
        decided.append((replicas, done.decision.reason))
        after = rendered(done, status, now=now)
        if change(status, after, with_idle_rule=True) is not Change.NONE:
            status = after
        now += timedelta(seconds=pause_s)
    return decided
