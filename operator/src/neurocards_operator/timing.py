"""When an object is evaluated next, if nothing wakes it before. No I/O and no clock."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from neurocards.domain.scaling import Decision, Source
from neurocards.domain.scaling_memory import Memory
from neurocards.domain.scaling_policy import ScalingPolicy

SOONEST_S = 0.05
"""A moment that is due already is not waited for in a circle."""
RETRY_S_MIN, RETRY_S_MAX = 1.0, 15.0


def pause_s(decision: Decision, policy: ScalingPolicy, now: datetime) -> float:
    """Give the seconds until the first of: the interval, the end of a hold, a change by the clock.

    Invariant: never longer than the interval, never less than SOONEST_S.
    """
    moments = (
        now + timedelta(seconds=policy.evaluation.interval_s),
        *_hold_ends(decision, policy),
        *_changes(policy, decision.memory, now),
    )
    soonest = now + timedelta(seconds=SOONEST_S)
    return (max(soonest, min(moments)) - now).total_seconds()


def retry_s(failures: int) -> float:
    """Give the seconds after the n-th failure in a row."""
    return min(RETRY_S_MAX, RETRY_S_MIN * 2.0 ** min(failures - 1, 10))


def _hold_ends(decision: Decision, policy: ScalingPolicy) -> Iterator[datetime]:
    memory, behavior = decision.memory, policy.behavior
    if decision.reason is Source.HOLD_DOWN and memory.highs:
        yield _moment(memory.highs[0].until_ms + 1000 * behavior.down_hold_s)
    elif decision.reason is Source.HOLD_UP and memory.lows:
        yield _moment(memory.lows[0].until_ms + 1000 * behavior.up_hold_s)
    elif decision.reason is Source.STEP_DOWN and memory.lowered_ms is not None:
        yield _moment(memory.lowered_ms + 1000 * behavior.down_hold_s)


def _changes(policy: ScalingPolicy, memory: Memory, now: datetime) -> Iterator[datetime]:
    change = policy.timetable.next_change(now)
    if change is not None:
        yield change[0]
    if policy.override is not None and policy.override.until > now:
        yield policy.override.until
    if policy.idle is not None and memory.idle_since_ms is not None:
        since = _moment(memory.idle_since_ms)
        after = timedelta(seconds=policy.idle.after_s)
        yield since + ((now - since) // after + 1) * after


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
