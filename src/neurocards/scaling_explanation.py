"""Why there are so many workers: the last decision about a NeurocardsScaling object, for people.

Made from the status of the object or from the decisions that the database keeps. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from neurocards.ports.scaling import RecordedDecision

HEADINGS = ("", "kind", "source", "replicas", "why")
ADVICE = "advice"


@dataclass(frozen=True, slots=True)
class Reason:
    """One wish or limit of a decision."""

    kind: str
    source: str
    replicas: int
    text: str


@dataclass(frozen=True, slots=True)
class State:
    """One condition of the object."""

    type: str
    status: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """`facts` are words about the pool at that moment; `binding` is the source that decided."""

    name: str
    decided_at: str
    replicas: int
    binding: str
    message: str
    facts: tuple[str, ...]
    reasons: tuple[Reason, ...]
    states: tuple[State, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    def as_text(self) -> str:
        """Write it as a sentence, what was known, and a table of every wish and limit."""
        parts = [
            f"{self.name}: {self.message}",
            "\n".join((f"decided {self.decided_at}", *self.facts)),
            _table([HEADINGS, *(_row(reason, self.binding) for reason in self.reasons)]),
        ]
        if self.states:
            rows = [(one.type, one.status, one.reason, one.message) for one in self.states]
            parts.append(_table([("condition", "status", "reason", "message"), *rows]))
        return "\n\n".join(parts)


def explain_object(tree: Mapping[str, Any]) -> Explanation | None:
    """Read a NeurocardsScaling object as the API server gives it; None before any decision."""
    metadata, status = tree.get("metadata", {}), tree.get("status") or {}
    decision = status.get("decision")
    if not decision:
        return None
    known = {
        "of {} replicas now": status.get("replicas"),
        "{} ready": status.get("readyReplicas"),
        "{} queued": status.get("queue"),
        "the oldest for {}": status.get("wait"),
    }
    facts = [", ".join(words.format(value) for words, value in known.items() if value is not None)]
    following = status.get("nextScheduledChange")
    if following:
        facts.append(_following(following))
    return Explanation(
        name=f"{metadata.get('namespace', '')}/{metadata.get('name', '')}".lstrip("/"),
        decided_at=str(decision.get("at", "at an unknown time")),
        replicas=int(decision.get("replicas", 0)),
        binding=str(decision.get("reason", "")),
        message=str(decision.get("message", "")),
        facts=tuple(fact for fact in facts if fact),
        reasons=_reasons(decision.get("contributions", ())),
        states=tuple(
            State(*(str(one.get(name, "")) for name in ("type", "status", "reason", "message")))
            for one in status.get("conditions", ())
        ),
    )


def explain_record(record: RecordedDecision) -> Explanation:
    """Read a decision that the database keeps: the last one that changed the number."""
    details = record.details
    known = [f"{details[name]} {name}" for name in ("queued", "running") if name in details]
    return Explanation(
        name=f"{record.namespace}/{record.name}",
        decided_at=record.decided_at.isoformat(timespec="seconds"),
        replicas=record.replicas,
        binding=record.reason,
        message=record.message,
        facts=(f"{record.replicas_before} replicas before", *([", ".join(known)] if known else [])),
        reasons=_reasons(details.get("contributions", ())),
    )


def _reasons(contributions: Sequence[Mapping[str, Any]]) -> tuple[Reason, ...]:
    return tuple(
        Reason(
            str(one.get("kind", "")),
            str(one.get("source", "")),
            int(one.get("replicas", 0)),
            str(one.get("text", "")),
        )
        for one in contributions
    )


def _following(change: Mapping[str, Any]) -> str:
    names = ", ".join(change.get("windows", ())) or "no window"
    bounds = [f"{name} {change[name]}" for name in ("min", "max") if change.get(name) is not None]
    return f"next change by the schedule at {change.get('at')}: " + ", ".join([names, *bounds])


def _row(reason: Reason, binding: str) -> tuple[str, ...]:
    mark = ">" if reason.source == binding else ""
    replicas = "" if reason.kind == ADVICE else str(reason.replicas)
    return mark, reason.kind, reason.source, replicas, reason.text


def _table(rows: Sequence[tuple[str, ...]]) -> str:
    """Lines of equal columns; the last one is as long as it is."""
    widths = [max(map(len, column)) for column in list(zip(*rows, strict=True))[:-1]]
    return "\n".join(
        "  ".join(
            [*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]]
        ).rstrip()
        for row in rows
    )
