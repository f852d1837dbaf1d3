"""Who holds which jobs, and who claimed them when: by the database, and by the workers' own logs.

For the benchmarks in which jobs change hands. Times are Unix seconds of one machine's clock.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from bench.orders import PreparedOrder
from bench.stage import Program, Stage
from bench.statements import statement

CLAIMED_EVENT = "job.claimed"
HELD_WITHIN_S = 180.0
_LOOK_S = 0.05


@dataclass(frozen=True, slots=True)
class Claim:
    """A worker has a job in its hands: its claim is committed."""

    job_id: UUID
    attempt: int
    worker: str
    at: float


async def claims(workers: Iterable[Program]) -> Mapping[UUID, Sequence[Claim]]:
    """Read all claims of each job out of the logs of these workers, in their order."""
    found = await asyncio.to_thread(lambda: [one for worker in workers for one in _read(worker)])
    by_job: defaultdict[UUID, list[Claim]] = defaultdict(list)
    for claim in sorted(found, key=lambda one: one.at):
        by_job[claim.job_id].append(claim)
    return by_job


def _read(worker: Program) -> Iterable[Claim]:
    with worker.log_path.open(encoding="utf-8") as lines:
        for line in lines:
            # The last line of a worker that was killed may be half of one.
            if CLAIMED_EVENT in line and line.endswith("\n"):
                entry = json.loads(line)
                at = datetime.fromisoformat(entry["timestamp"]).timestamp()
                yield Claim(UUID(entry["job_id"]), entry["attempt"], worker.name, at)


async def held_by(stage: Stage, jobs: Sequence[UUID], names: Iterable[str]) -> bool:
    """Wait until these workers hold all of the jobs; False when it has not come to that."""
    wanted = set(names)
    deadline = time.monotonic() + HELD_WITHIN_S
    while time.monotonic() < deadline:
        rows = await stage.pool.fetch(statement("holders"), jobs)
        if sum(row["jobs"] for row in rows if row["worker"] in wanted) == len(jobs):
            return True
        await asyncio.sleep(_LOOK_S)
    return False


async def holdings(stage: Stage, jobs: Sequence[UUID]) -> Mapping[str, Sequence[UUID]]:
    """Tell which of the jobs each worker holds now."""
    rows = await stage.pool.fetch(statement("holders"), jobs)
    return {row["worker"]: row["job_ids"] for row in rows}


async def reached(stage: Stage, orders: Sequence[PreparedOrder], status: str) -> bool:
    """Wait until all orders are jobs of that status; False when it has not come to that."""
    first = min(order.tg_user_id for order in orders)
    deadline = time.monotonic() + HELD_WITHIN_S
    while time.monotonic() < deadline:
        rows = await stage.pool.fetch(statement("job_states"), first, len(orders))
        if sum(row["jobs"] for row in rows if row["status"] == status) == len(orders):
            return True
        await asyncio.sleep(_LOOK_S)
    return False


async def looks_reached(stage: Stage, count: int) -> bool:
    """Wait until the provider was asked so often for renders; False when it has not been."""
    kie = stage.programs["kie"].url
    deadline = time.monotonic() + HELD_WITHIN_S
    while time.monotonic() < deadline:
        if (await stage.get(f"{kie}/sim/counters"))["record_info"] >= count:
            return True
        await asyncio.sleep(_LOOK_S)
    return False
