"""Many users at once through real processes, and what must hold however busy it gets.

    python tests/stress_test.py --jobs=100 --workers=10

Every user has one order; a share of them carries words that make the simulated provider fail, so
that refunds are seen too. Prints one JSON object; exit code 1 when an invariant is broken (see
`support.invariants`).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import httpx

from neurocards_sandbox.demo.addresses import DATABASE
from neurocards_sandbox.demo.options import DemoOptions
from neurocards_sandbox.demo.ordering import Wish, place_order
from neurocards_sandbox.demo.stack import DemoStack
from neurocards_sandbox.demo.visitor import Visitor
from support import invariants
from support.invariants import Breach, Ending, Shown, Task
from support.product_photo import product_photo
from support.statements import load

FIRST_USER_ID = 2_000_001
VISITORS_AT_ONCE = 8
"""People who are in the middle of a dialogue; the jobs of all others run meanwhile."""
RENDER_S = 2.0
LIMIT_FACTOR = 50.0
END_TIMEOUT_S = 600.0
FAILING_EVERY = 10
"""One order in so many is refused by the provider and must be refunded."""
REFUSED_WORD = "[sim:violation]"
REST_S_MAX = 30.0
_POLL_S = 0.5


@dataclass(frozen=True, slots=True)
class Load:
    jobs: int
    workers: int


@dataclass(frozen=True, slots=True)
class Observed:
    """What the database, the provider and the chats say after the last job has ended."""

    jobs: Sequence[Ending]
    tasks: Sequence[Task]
    shown: Mapping[int, Sequence[Shown]]
    left: Sequence[Breach]
    """What is broken or was left behind in the database."""
    waits_s: Sequence[float]
    took_s: float


async def run(wanted: Load, folder: Path) -> dict[str, Any]:
    """Order, wait, look; the summary."""
    options = DemoOptions(
        data_dir=folder / "data",
        port=0,
        render_s=RENDER_S,
        cached_renders=True,
        height_max=320,
        workers=wanted.workers,
        limit_factor=LIMIT_FACTOR,
    )
    photo = product_photo(folder / "bottle.jpg", size=(480, 640))
    async with (
        DemoStack(options, _say) as stack,
        httpx.AsyncClient(base_url=stack.telegram_url, trust_env=False) as http,
    ):
        started = time.monotonic()
        visitors = [
            Visitor(http, bot_id=stack.plan.secrets.bot_id, user_id=FIRST_USER_ID + number)
            for number in range(wanted.jobs)
        ]
        places = asyncio.Semaphore(VISITORS_AT_ONCE)
        async with asyncio.TaskGroup() as group:
            for number, visitor in enumerate(visitors):
                group.create_task(_order(visitor, number, photo, places))
        _say(f"{wanted.jobs} orders are accepted")
        observed = await _observe(stack, visitors, started)
    return summary(wanted, observed)


async def _order(visitor: Visitor, number: int, photo: Path, places: asyncio.Semaphore) -> None:
    fails = number % FAILING_EVERY == FAILING_EVERY - 1
    caption = f"Bottle {number} {REFUSED_WORD if fails else ''}".strip()
    async with places:
        await visitor.introduce(f"Visitor {number}", "en")
        await place_order(visitor, Wish(photo=photo, length_s=5, caption=caption))


async def _observe(stack: DemoStack, visitors: list[Visitor], started: float) -> Observed:
    connection = await asyncpg.connect(stack.postgres.url(DATABASE))
    try:
        async with asyncio.timeout(END_TIMEOUT_S):
            while True:
                jobs = await invariants.endings(connection)
                ended = [job for job in jobs if job.status in {"done", "failed", "cancelled"}]
                if len(ended) == len(jobs) == len(visitors):
                    break
                await asyncio.sleep(_POLL_S)
        took_s = time.monotonic() - started
        left = await _at_rest(connection)
        waits = [row["wait_s"] for row in await connection.fetch(load("stress")["waits"])]
    finally:
        await connection.close()
    async with httpx.AsyncClient(base_url=stack.kie_url, trust_env=False) as kie:
        listing = (await kie.get("/sim/tasks", params={"limit": 10_000})).json()
    shown = {
        visitor.user_id: invariants.shown_in((await visitor.transcript())["messages"])
        for visitor in visitors
    }
    return Observed(jobs, invariants.tasks_of(listing), shown, left, waits, took_s)


async def _at_rest(connection: asyncpg.Connection) -> list[Breach]:
    """Give what is still left after a while; the last words to a user take their time."""
    until = time.monotonic() + REST_S_MAX
    while True:
        left = await invariants.at_rest(connection)
        if not left or time.monotonic() > until:
            return left
        await asyncio.sleep(_POLL_S)


def summary(wanted: Load, observed: Observed) -> dict[str, Any]:
    """Judge: every invariant with the jobs, keys or users that break it."""
    breaches = [
        *observed.left,
        *invariants.bill(observed.jobs, observed.tasks),
        *invariants.chats(observed.jobs, observed.shown),
    ]
    waits = sorted(observed.waits_s)
    return {
        "jobs": wanted.jobs,
        "workers": wanted.workers,
        "delivered": sum(job.is_delivered for job in observed.jobs),
        "refunded": sum(job.status in {"failed", "cancelled"} for job in observed.jobs),
        "provider_tasks": len(observed.tasks),
        "took_s": round(observed.took_s, 1),
        "wait_median_s": round(statistics.median(waits), 3) if waits else None,
        "wait_max_s": round(waits[-1], 3) if waits else None,
        "breaches": [str(breach) for breach in sorted(breaches)],
    }


def _say(words: str) -> None:
    sys.stderr.write(words + "\n")


def test_every_order_ends_delivered_or_refunded_exactly_once() -> None:
    """A small run of the command; twelve orders, so that one of them fails."""
    command = [sys.executable, __file__, "--jobs=12", "--workers=2"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert (result["jobs"], result["workers"]) == (12, 2)
    assert (result["delivered"], result["refunded"]) == (11, 1)
    assert result["breaches"] == []


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--jobs", type=int, default=100)
    parser.add_argument("--workers", type=int, default=10)
    arguments = parser.parse_args()
    wanted = Load(jobs=arguments.jobs, workers=arguments.workers)
    with tempfile.TemporaryDirectory(prefix="neurocards-stress-") as folder:
        result = asyncio.run(run(wanted, Path(folder)))
    sys.stdout.write(json.dumps(result, indent=2) + "\n")
    return 1 if result["breaches"] else 0


if __name__ == "__main__":
    sys.exit(main())
