"""What is told of a change of replicas: the Event at the object, the stored decision. No I/O."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from neurocards.ports.scaling import RecordedDecision
from neurocards_operator.conditions import Evaluated, rfc3339
from neurocards_operator.roster import Known
from neurocards_operator.status import contribution_trees

COMPONENT = "neurocards-operator"
NOTE_CHARACTERS_MAX = 1000


def event_of(known: Known, done: Evaluated, now: datetime, *, instance: str) -> dict[str, Any]:
    """Write the Event that `kubectl describe` shows for a change."""
    before, after = done.observation.replicas, done.decision.replicas
    moment = rfc3339(now)
    message = f"{before} -> {done.decision.message}"[:NOTE_CHARACTERS_MAX]
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {
            "namespace": known.key.namespace,
            "generateName": f"{known.key.name[:200]}.",
        },
        "involvedObject": {
            "apiVersion": known.document["apiVersion"],
            "kind": known.document["kind"],
            "namespace": known.key.namespace,
            "name": known.key.name,
            "uid": known.uid,
        },
        "type": "Normal",
        "reason": "ScaledUp" if after > before else "ScaledDown",
        "message": message,
        "source": {"component": COMPONENT},
        "reportingComponent": COMPONENT,
        "reportingInstance": instance,
        "firstTimestamp": moment,
        "lastTimestamp": moment,
        "count": 1,
    }


def record_of(known: Known, done: Evaluated, now: datetime) -> RecordedDecision:
    """Give the decision as it is kept, with everything that led to it."""
    seen = done.observation
    return RecordedDecision(
        decided_at=now,
        namespace=known.key.namespace,
        name=known.key.name,
        pool=done.policy.pool,
        mode=done.policy.mode.value,
        replicas_before=seen.replicas,
        replicas=done.decision.replicas,
        reason=done.decision.reason.value,
        message=done.decision.message,
        details={
            "queued": seen.queued,
            "running": seen.running,
            "mean_wait_s": round(seen.mean_wait_s, 1),
            "oldest_wait_s": round(seen.oldest_wait_s, 1),
            "service_s": None if seen.service_s is None else round(seen.service_s, 1),
            "start_s": None if seen.start_s is None else round(seen.start_s, 1),
            "contributions": contribution_trees(done),
        },
    )
