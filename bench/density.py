"""What many objects cost: 300 policies in one operator, with nothing to do.

Whether each was evaluated in time is read from the audit log of the API server, where every
evaluation leaves the reading of its target; so are the writes, of which there must be none.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from bench.effort import Effort
from bench.figures import Aim, Check, Figure, Outcome, Sense
from bench.scaling_stage import OPERATOR_USER, ScalingStage

INTERVAL_S = 15.0
LATE_S = 1.0
"""What an evaluation may be late before it counts as missed: the interval is no deadline."""
RSS_AIM_MB = 150.0
CPU_AIM_PERCENT = 30.0
UNATTENDED_S = 3 * INTERVAL_S
"""From here on it is a fault and no matter of the machine: soon its signals would be stale."""
SETTLED_S = 30.0
"""Without a write after the first decisions and their holds."""
SETTLED_WITHIN_S = 600.0
AT_ONCE = 20
READS = frozenset({"get", "list", "watch"})


@dataclass(frozen=True, slots=True)
class Request:
    """A line of the audit log: what the operator asked of the API server."""

    at: datetime
    verb: str
    resource: str
    name: str


async def run(effort: Effort, folder: Path) -> Outcome:
    names = [f"pool-{number}" for number in range(effort.density_objects)]
    async with ScalingStage(folder / "density") as stage:
        await _make(stage, names)
        operator = await stage.operator()
        await _settled(stage.plane.audit_path)
        since = datetime.now(UTC)
        before = operator.cpu_s()
        await asyncio.sleep(effort.density_s)
        until, used = datetime.now(UTC), operator.cpu_s() - before
        rss = operator.memory().rss
        found = [r for r in _requests(stage.plane.audit_path) if since <= r.at <= until]
    gaps = _gaps(found, names, since, until)
    writes = Counter(f"{r.verb} {r.resource}" for r in found if _changes_something(r))
    return Outcome(
        figures=_figures(used, rss, gaps, effort),
        checks=_checks(gaps, writes),
        details={
            "objects": len(names),
            "seconds": effort.density_s,
            "requests": Counter(f"{r.verb} {r.resource}" for r in found),
        },
    )


async def _settled(audit: Path) -> None:
    """Wait until every first decision is made and written, and nothing more is."""
    async with asyncio.timeout(SETTLED_WITHIN_S):
        while True:
            written = [r.at for r in _requests(audit) if _changes_something(r)]
            if written and (datetime.now(UTC) - max(written)).total_seconds() > SETTLED_S:
                return
            await asyncio.sleep(1.0)


def _changes_something(request: Request) -> bool:
    """Tell whether it is a write, other than that of the lease, which is written all the time."""
    return request.verb not in READS and request.resource != "leases"


async def _make(stage: ScalingStage, names: list[str]) -> None:
    gate = asyncio.Semaphore(AT_ONCE)

    async def make(name: str) -> None:
        async with gate:
            await stage.deployment(name, 1)
            await stage.policy(name, _policy(name))

    await asyncio.gather(*(make(name) for name in names))


def _policy(name: str) -> Mapping[str, Any]:
    """Give one that uses schedules, objective and forecast, and is at rest."""
    return {
        "scaleTargetRef": {"name": name},
        "pool": name,
        "replicas": {"min": 1, "max": 50},
        "slo": {"percentile": 95, "wait": "10s"},
        "schedules": [
            {
                "name": "february",
                "timeZone": "Europe/Moscow",
                "start": "0 19 1 2 *",
                "end": "0 23 1 2 *",
                "min": 5,
            }
        ],
        "behavior": {"scaleDown": {"hold": "5s"}},
        "evaluation": {"interval": f"{INTERVAL_S:.0f}s"},
    }


def _requests(path: Path) -> Iterator[Request]:
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            entry = json.loads(line)
            about = entry.get("objectRef") or {}
            if entry["user"]["username"] == OPERATOR_USER:
                yield Request(
                    datetime.fromisoformat(entry["requestReceivedTimestamp"]),
                    entry["verb"],
                    "/".join(filter(None, (about.get("resource"), about.get("subresource")))),
                    about.get("name", ""),
                )


def _gaps(
    found: list[Request], names: list[str], since: datetime, until: datetime
) -> dict[str, float]:
    """Give the longest time that each target was not looked at, in seconds."""
    looks: dict[str, list[datetime]] = defaultdict(list)
    for request in found:
        if request.resource.partition("/")[0] == "deployments" and request.verb == "get":
            looks[request.name].append(request.at)
    longest: dict[str, float] = {}
    for name in names:
        moments = [since, *sorted(looks[name]), until]
        pairs = pairwise(moments)
        longest[name] = max((later - sooner).total_seconds() for sooner, later in pairs)
    return longest


def _figures(
    used_s: float, rss: int, gaps: Mapping[str, float], effort: Effort
) -> tuple[Figure, ...]:
    how = (
        f"{len(gaps)} objects with a pool, an objective, a schedule and a forecast each, evaluated "
        f"every {INTERVAL_S:.0f} s by one operator for {effort.density_s:.0f} s with nothing to do"
    )
    return (
        Figure(
            "density.rss_mb",
            f"Memory of an operator with {len(gaps)} objects",
            "MB",
            (rss / 1e6,),
            f"resident set after that time; {how}",
            Aim(Sense.AT_MOST, RSS_AIM_MB),
        ),
        Figure(
            "density.cpu_percent",
            "Its share of one core",
            "%",
            (100 * used_s / effort.density_s,),
            "CPU seconds of the process in that time",
            Aim(Sense.AT_MOST, CPU_AIM_PERCENT),
        ),
        Figure(
            "density.gap_s",
            "Longest time that an object was not evaluated",
            "s",
            (max(gaps.values()),),
            "between two readings of its target in the audit log of the API server",
            Aim(Sense.AT_MOST, INTERVAL_S + LATE_S),
        ),
    )


def _checks(gaps: Mapping[str, float], writes: Mapping[str, int]) -> tuple[Check, ...]:
    longest = max(gaps.values())
    return (
        Check(
            f"density: none of {len(gaps)} objects was left alone for three intervals",
            longest <= UNATTENDED_S,
            f"longest {longest:.1f} s",
        ),
        Check(
            "density: nothing was written but the lease, since nothing changed",
            not writes,
            ", ".join(f"{count} x {what}" for what, count in writes.items()) or "no write",
        ),
    )
