"""The conditions of a NeurocardsScaling: what is well and what is not, in a word and a sentence.

No I/O. A condition is a view of `Facts`; none is remembered but the time of its last change.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from neurocards.domain.scaling import Decision, Kind, Source
from neurocards.domain.scaling_policy import Mode, PolicyFault, ScalingPolicy
from neurocards.domain.scaling_signals import Observation
from neurocards.ports.scaling import Trouble
from neurocards_operator.verdict import Finding, Obstacles, Verdict

MESSAGE_CHARACTERS_MAX = 1000
_TROUBLES = {"postgres": "PostgresUnavailable", "nats": "NatsUnavailable"}
_DOUBTS = (Source.STALE_SIGNALS, Source.CONTRADICTION)


class Condition(NamedTuple):
    type: str
    is_true: bool
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Evaluated:
    """One decision and all that led to it."""

    policy: ScalingPolicy
    observation: Observation
    decision: Decision
    verdict: Verdict
    troubles: tuple[Trouble, ...] = ()


@dataclass(frozen=True, slots=True)
class Facts:
    """What one evaluation found; `evaluated` is None when nothing was decided."""

    faults: tuple[PolicyFault, ...] = ()
    mode: Mode = Mode.AUTO
    obstacles: Obstacles = field(default_factory=Obstacles)
    evaluated: Evaluated | None = None


def conditions(facts: Facts) -> tuple[Condition, ...]:
    """List all conditions, in the order in which one reads them."""
    return (_ready(facts), _active(facts), _limited(facts), _degraded(facts), _conflict(facts))


def _ready(facts: Facts) -> Condition:
    obstacles = facts.obstacles
    if facts.faults:
        return Condition("Ready", False, *_faults(facts.faults))
    if facts.mode is Mode.PAUSED:
        text = "mode is Paused: nothing is decided and nothing is written"
        # As it was wished: an installer that waits for readiness must not wait for ever.
        return Condition("Ready", True, "Paused", text)
    for stop in (obstacles.blocked, obstacles.conflict):
        if stop is not None:
            return Condition("Ready", False, *stop)
    if facts.mode is Mode.OBSERVE:
        text = "mode is Observe: decisions are shown and not carried out"
        return Condition("Ready", True, "Observing", text)
    return Condition("Ready", True, "Deciding", "decisions are carried out")


def _active(facts: Facts) -> Condition:
    if facts.evaluated is None:
        return Condition("Active", False, "NothingDecided", "no decision is made")
    seen = facts.evaluated.observation
    text = f"{seen.queued} jobs queued, {seen.running} running"
    return Condition("Active", seen.demand > 0, "JobsPresent" if seen.demand else "NoJobs", text)


def _limited(facts: Facts) -> Condition:
    """Say what keeps the number from what was wished; doubt is told by Degraded too."""
    done = facts.evaluated
    if done is None:
        return Condition("Limited", False, "NothingDecided", "no decision is made")
    if done.verdict.held is not None:
        return Condition("Limited", True, *done.verdict.held)
    bound = next((c for c in done.decision.contributions if c.source is done.decision.reason), None)
    if bound is not None and bound.kind is Kind.LIMIT:
        return Condition("Limited", True, bound.source.value, bound.text)
    return Condition("Limited", False, "Unlimited", "the number is what was wished")


def _degraded(facts: Facts) -> Condition:
    if facts.faults:
        return Condition("Degraded", True, *_faults(facts.faults))
    if facts.obstacles.blocked is not None:
        return Condition("Degraded", True, *facts.obstacles.blocked)
    done = facts.evaluated
    if done is None:
        return Condition("Degraded", False, "NothingDecided", "no decision is made")
    if done.troubles:
        words = [_TROUBLES.get(trouble.source, "SourceUnavailable") for trouble in done.troubles]
        text = "; ".join(f"{trouble.source}: {trouble.reason}" for trouble in done.troubles)
        return Condition("Degraded", True, words[0], _bounded(f"{text}; what was read last holds"))
    if facts.obstacles.mismatch is not None:
        return Condition("Degraded", True, *facts.obstacles.mismatch)
    for contribution in done.decision.contributions:
        if contribution.source in _DOUBTS:
            return Condition("Degraded", True, contribution.source.value, contribution.text)
    slow = [c for c in done.decision.contributions if c.source is Source.SLOW_JOBS]
    if slow:
        return Condition("Degraded", True, slow[0].source.value, slow[0].text)
    return Condition("Degraded", False, "SignalsFresh", "all signals are fresh and agree")


def _conflict(facts: Facts) -> Condition:
    if facts.obstacles.conflict is not None:
        return Condition("Conflict", True, *facts.obstacles.conflict)
    return Condition("Conflict", False, "NoConflict", "nobody else scales the target")


def _faults(faults: Iterable[PolicyFault]) -> Finding:
    text = "; ".join(str(fault) for fault in faults)
    return Finding("PolicyFault", _bounded(f"{text}; nothing is changed until this is mended"))


def _bounded(text: str) -> str:
    return text if len(text) <= MESSAGE_CHARACTERS_MAX else text[: MESSAGE_CHARACTERS_MAX - 1] + "…"


def condition_trees(
    now_true: Sequence[Condition],
    before: Sequence[Mapping[str, Any]],
    *,
    generation: int,
    now: datetime,
) -> list[dict[str, Any]]:
    """Write conditions as the API has them; the time is kept while the answer stays the same."""
    former = {str(tree.get("type")): tree for tree in before}
    trees: list[dict[str, Any]] = []
    for condition in now_true:
        answer = "True" if condition.is_true else "False"
        known = former.get(condition.type, {})
        since = known.get("lastTransitionTime") if known.get("status") == answer else None
        trees.append(
            {
                "type": condition.type,
                "status": answer,
                "reason": condition.reason,
                "message": condition.message,
                "observedGeneration": generation,
                "lastTransitionTime": since or rfc3339(now),
            }
        )
    return trees


def rfc3339(moment: datetime) -> str:
    """Write a moment in UTC to the second."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
