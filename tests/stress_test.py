"""Many users at once through real processes, and what must hold however busy it gets.

    python tests/stress_test.py --jobs=100 --workers=10

Every user has one order; a share of them carries words that make the simulated provider fail, so
that refunds are seen too. Prints one JSON object; exit code 1 when an invariant is broken.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
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
from support.product_photo import product_photo

FIRST_USER_ID = 2_000_001
VISITORS_AT_ONCE = 8
"""People who are in the middle of a dialogue; the jobs of all others run meanwhile."""
RENDER_S = 2.0
LIMIT_FACTOR = 50.0
END_TIMEOUT_S = 600.0
FAILING_EVERY = 10
"""One order in so many is refused by the provider and must be refunded."""
REFUSED_WORD = "[sim:violation]"
_STATEMENTS = Path(__file__).with_suffix(".sql")
_BLOCK = re.compile(r"^-- (\w+) --$", re.MULTILINE)
_POLL_S = 0.5


@dataclass(frozen=True, slots=True)
class Load:
    jobs: int
    workers: int


@dataclass(frozen=True, slots=True)
class Observed:
    """What the database, the provider and the chats say after the last job has ended."""

    jobs: list[asyncpg.Record]
    unbalanced_keys: list[str]
    wrong_balances: list[int]
    tasks_by_callback: Mapping[str, int]
    videos_by_user: Mapping[int, int]
    took_s: float


def statements() -> dict[str, str]:
    _, *parts = _BLOCK.split(_STATEMENTS.read_text("utf-8"))
    return dict(zip(parts[::2], parts[1::2], strict=True))


async def run(load: Load, folder: Path) -> dict[str, Any]:
    """Order, wait, look; the summary."""
    options = DemoOptions(
        data_dir=folder / "data",
        port=0,
        render_s=RENDER_S,
        cached_renders=True,
        height_max=320,
        workers=load.workers,
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
            for number in range(load.jobs)
        ]
        places = asyncio.Semaphore(VISITORS_AT_ONCE)
        async with asyncio.TaskGroup() as group:
            for number, visitor in enumerate(visitors):
                group.create_task(_order(visitor, number, photo, places))
        _say(f"{load.jobs} orders are accepted")
        observed = await _observe(stack, visitors, started)
    return summary(load, observed)


async def _order(visitor: Visitor, number: int, photo: Path, places: asyncio.Semaphore) -> None:
    fails = number % FAILING_EVERY == FAILING_EVERY - 1
    caption = f"Bottle {number} {REFUSED_WORD if fails else ''}".strip()
    async with places:
        await visitor.introduce(f"Visitor {number}", "en")
        await place_order(visitor, Wish(photo=photo, length_s=5, caption=caption))


async def _observe(stack: DemoStack, visitors: list[Visitor], started: float) -> Observed:
    sql = statements()
    connection = await asyncpg.connect(stack.postgres.url(DATABASE))
    try:
        async with asyncio.timeout(END_TIMEOUT_S):
            while True:
                jobs = await connection.fetch(sql["endings"])
                ended = [job for job in jobs if job["status"] in {"done", "failed", "cancelled"}]
                if len(ended) == len(jobs) == len(visitors):
                    break
                await asyncio.sleep(_POLL_S)
        took_s = time.monotonic() - started
        unbalanced = [row["key"] for row in await connection.fetch(sql["unbalanced_keys"])]
        wrong = [row["tg_user_id"] for row in await connection.fetch(sql["wrong_balances"])]
    finally:
        await connection.close()
    async with httpx.AsyncClient(base_url=stack.kie_url, trust_env=False) as kie:
        counters = (await kie.get("/sim/counters")).json()
    videos = {visitor.user_id: await _videos(visitor) for visitor in visitors}
    return Observed(jobs, unbalanced, wrong, counters["created_by_callback"], videos, took_s)


async def _videos(visitor: Visitor) -> int:
    chat = await visitor.transcript()
    media = (message["media"] for message in chat["messages"] if message["from"] == "bot")
    return sum(1 for one in media if one and one["kind"] == "video")


def summary(load: Load, observed: Observed) -> dict[str, Any]:
    """Judge: every invariant with the jobs, keys or users that break it."""
    tasks = Counter[str]()
    for address, created in observed.tasks_by_callback.items():
        # /kie/callback/<job id>/<attempt>/<mac>
        tasks[address.rsplit("/", 3)[1]] += created
    breaches: dict[str, list[str]] = {
        "every order ends delivered or refunded, exactly once": [
            str(job["id"]) for job in observed.jobs if not _ends_once(job, observed)
        ],
        "every order is charged once": [
            str(job["id"]) for job in observed.jobs if job["charge_rows"] != 2
        ],
        "both sides of every booking cancel out": observed.unbalanced_keys,
        "every balance is the sum of its ledger": [str(user) for user in observed.wrong_balances],
        "the provider makes at most one task per job": [
            job for job, created in tasks.items() if created > 1
        ],
    }
    waits = sorted(job["wait_s"] for job in observed.jobs if job["wait_s"] is not None)
    return {
        "jobs": load.jobs,
        "workers": load.workers,
        "delivered": sum(1 for job in observed.jobs if job["status"] == "done"),
        "refunded": sum(1 for job in observed.jobs if job["refund_rows"] == 2),
        "provider_tasks": sum(tasks.values()),
        "took_s": round(observed.took_s, 1),
        "wait_median_s": round(statistics.median(waits), 3) if waits else None,
        "wait_max_s": round(waits[-1], 3) if waits else None,
        "invariants": {name: not broken for name, broken in breaches.items()},
        "breaches": {name: broken for name, broken in breaches.items() if broken},
    }


def _ends_once(job: asyncpg.Record, observed: Observed) -> bool:
    videos = observed.videos_by_user[job["tg_user_id"]]
    if job["status"] == "done":
        return videos == 1 and job["refund_rows"] == 0
    return videos == 0 and job["refund_rows"] == 2


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
    assert result["breaches"] == {}
    assert all(result["invariants"].values())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--jobs", type=int, default=100)
    parser.add_argument("--workers", type=int, default=10)
    arguments = parser.parse_args()
    load = Load(jobs=arguments.jobs, workers=arguments.workers)
    with tempfile.TemporaryDirectory(prefix="neurocards-stress-") as folder:
        result = asyncio.run(run(load, Path(folder)))
    sys.stdout.write(json.dumps(result, indent=2) + "\n")
    return 1 if result["breaches"] else 0


if __name__ == "__main__":
    sys.exit(main())
