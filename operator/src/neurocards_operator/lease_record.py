"""The Lease as a value, and what an operator may do with it. No I/O and no clock.

A lease is over when it was not renewed for its duration as *this* process has watched it: clocks of
different machines are never compared.
Invariant: whoever holds it stops acting before anybody else may take it (`acts_until_s`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

API_VERSION = "coordination.k8s.io/v1"
RENEWALS_PER_DURATION = 5
_ACTS_SHARE = 2 / 3


class Step(Enum):
    MAKE = "make"
    RENEW = "renew"
    TAKE = "take"
    WAIT = "wait"


@dataclass(frozen=True, slots=True)
class LeaseRecord:
    holder: str
    renewed: str
    transitions: int
    resource_version: str


@dataclass(frozen=True, slots=True)
class Watched:
    """The record as it was first seen, and when by a clock that never jumps."""

    record: LeaseRecord
    since_s: float


def record_of(tree: Mapping[str, Any]) -> LeaseRecord:
    spec = tree.get("spec", {})
    return LeaseRecord(
        holder=spec.get("holderIdentity") or "",
        renewed=spec.get("renewTime") or "",
        transitions=int(spec.get("leaseTransitions") or 0),
        resource_version=str(tree["metadata"]["resourceVersion"]),
    )


def watched(before: Watched | None, record: LeaseRecord, now_s: float) -> Watched:
    """Go on watching, or begin anew when somebody has written."""
    if before is not None and before.record == record:
        return before
    return Watched(record, now_s)


def step(seen: Watched | None, *, me: str, now_s: float, duration_s: float) -> Step:
    if seen is None:
        return Step.MAKE
    if seen.record.holder == me:
        return Step.RENEW
    if not seen.record.holder or now_s - seen.since_s >= duration_s:
        return Step.TAKE
    return Step.WAIT


def acts_until_s(asked_at_s: float, duration_s: float) -> float:
    """Say until when a renewal that was asked for at `asked_at_s` lets its holder act."""
    return asked_at_s + _ACTS_SHARE * duration_s


def lease_body(
    *,
    namespace: str,
    name: str,
    holder: str,
    duration_s: int,
    now: datetime,
    former: LeaseRecord | None,
) -> dict[str, Any]:
    """Write a lease of `holder` ("" gives it back) in the place of the former one."""
    moment = now.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    metadata: dict[str, Any] = {"namespace": namespace, "name": name}
    transitions = 0
    if former is not None:
        metadata["resourceVersion"] = former.resource_version
        transitions = former.transitions + (holder not in {"", former.holder})
    spec: dict[str, Any] = {
        "holderIdentity": holder,
        "leaseDurationSeconds": duration_s,
        "renewTime": moment,
        "leaseTransitions": transitions,
    }
    return {"apiVersion": API_VERSION, "kind": "Lease", "metadata": metadata, "spec": spec}
