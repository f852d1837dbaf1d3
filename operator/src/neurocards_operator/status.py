"""The status of a NeurocardsScaling: rendered from facts, and when it is worth a write. No I/O.

Everything that changes with each look (times, messages, the inside of the memory) rides along with
the next write and causes none, so nothing is written while nothing happens.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from typing import Any

from neurocards.domain.scaling_memory import Memory
from neurocards.domain.scaling_policy import ScalingPolicy
from neurocards_operator.conditions import (
    Evaluated,
    Facts,
    condition_trees,
    conditions,
    rfc3339,
)

TEXT_CHARACTERS_MAX = 500
MESSAGE_CHARACTERS_MAX = 2000
CONTRIBUTIONS_MAX = 64
_HOUR_S, _MINUTE_S = 3600, 60


class Change(Enum):
    NONE = "none"
    FIGURES = "figures"
    """Worth a write now and then."""
    STATE = "state"
    """Worth a write now."""


def render(
    facts: Facts,
    memory: Memory,
    before: Mapping[str, Any],
    *,
    generation: int,
    ready: int | None,
    now: datetime,
) -> dict[str, Any]:
    """Give the whole status; what is not known stays as it was before."""
    status = dict(before)
    status["observedGeneration"] = generation
    status["conditions"] = condition_trees(
        conditions(facts), before.get("conditions") or (), generation=generation, now=now
    )
    if ready is not None:
        status["readyReplicas"] = ready
    if facts.evaluated is not None:
        status |= _of_evaluation(facts.evaluated, before, now)
        status["memory"] = json.dumps(memory.to_dict(), separators=(",", ":"))
    return status


def _of_evaluation(done: Evaluated, before: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    written = done.verdict.write
    seen = done.observation
    return {
        "replicas": seen.replicas if written is None else written,
        "desiredReplicas": done.decision.replicas,
        "queue": seen.queued,
        "wait": short_duration(seen.oldest_wait_s),
        "decision": _decision(done, before.get("decision") or {}, now),
        "nextScheduledChange": next_change(done.policy, now),
    }


def _decision(done: Evaluated, before: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    decision = done.decision
    same = before.get("replicas") == decision.replicas and before.get("reason") == decision.reason
    return {
        "replicas": decision.replicas,
        "reason": decision.reason.value,
        "message": decision.message[:MESSAGE_CHARACTERS_MAX],
        "at": before["at"] if same and "at" in before else rfc3339(now),
        "contributions": contribution_trees(done),
    }


def contribution_trees(done: Evaluated) -> list[dict[str, Any]]:
    """List every wish and limit as the status has them."""
    return [
        {
            "kind": contribution.kind.value,
            "source": contribution.source.value,
            "replicas": contribution.replicas,
            "text": contribution.text[:TEXT_CHARACTERS_MAX],
        }
        for contribution in done.decision.contributions[:CONTRIBUTIONS_MAX]
    ]


def next_change(policy: ScalingPolicy, now: datetime) -> dict[str, Any] | None:
    """Tell when a window opens or closes next, and what holds from then on."""
    change = policy.timetable.next_change(now)
    if change is None:
        return None
    at, windows = change
    bounds = {"min": windows.min, "max": windows.max}
    return {"at": rfc3339(at), "windows": list(windows.names)} | {
        name: value for name, value in bounds.items() if value is not None
    }


def short_duration(seconds: float) -> str:
    """Write `12s`, `3m5s` or `1h2m`."""
    whole = max(0, int(seconds))
    if whole < _MINUTE_S:
        return f"{whole}s"
    if whole < _HOUR_S:
        return f"{whole // _MINUTE_S}m{whole % _MINUTE_S}s"
    return f"{whole // _HOUR_S}h{whole % _HOUR_S // _MINUTE_S}m"


def memory_of(status: Mapping[str, Any]) -> Memory:
    """Read the memory that a status keeps; anything else is an empty one."""
    try:
        return Memory.from_dict(json.loads(status.get("memory") or "null"))
    except (TypeError, ValueError):
        return Memory()


def change(before: Mapping[str, Any], after: Mapping[str, Any], *, with_idle_rule: bool) -> Change:
    """Weigh what has changed since the status that was written last."""
    if _state(before) != _state(after):
        return Change.STATE
    former, present = memory_of(before), memory_of(after)
    if _kept(former) != _kept(present):
        return Change.STATE
    idle = with_idle_rule and former.idle_since_ms != present.idle_since_ms
    return Change.FIGURES if idle or _figures(before) != _figures(after) else Change.NONE


def _state(status: Mapping[str, Any]) -> tuple[Any, ...]:
    decision = status.get("decision") or {}
    return (
        status.get("observedGeneration"),
        status.get("replicas"),
        status.get("desiredReplicas"),
        decision.get("reason"),
        [(c["kind"], c["source"]) for c in decision.get("contributions") or ()],
        [(c["type"], c["status"], c["reason"]) for c in status.get("conditions") or ()],
        status.get("nextScheduledChange"),
    )


def _figures(status: Mapping[str, Any]) -> tuple[Any, ...]:
    return (status.get("queue"), status.get("wait"), status.get("readyReplicas"))


def _kept(memory: Memory) -> tuple[Any, ...]:
    """Give what a restart must find again; all else it can tell by the clock and the database."""
    return (memory.wish, memory.lowered_ms, min(memory.contradictions, 2))


def patch(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Give the merge patch that makes the one out of the other."""
    gone = {name: None for name in before if name not in after}
    fresh = {name: value for name, value in after.items() if before.get(name) != value}
    return gone | {name: _whole(before.get(name), value) for name, value in fresh.items()}


def _whole(before: Any, after: Any) -> Any:
    """Replace a tree as a whole: fields that it has no more are taken away."""
    if not isinstance(before, Mapping) or not isinstance(after, Mapping):
        return after
    return {name: None for name in before if name not in after} | dict(after)
