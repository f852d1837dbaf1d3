"""After the storm: wait until everything has ended, look at every side of it, and judge."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from chaos import key_health
from chaos.stage import Say, Stage
from support import history, invariants
from support.history import Operation
from support.invariants import Breach, Ending
from support.statements import load

INVARIANTS = ("I1", "I2", "I3", "I4", "I5", "I6", "I7", "I8", "I9", "I10", "I11")
DRAIN_S_MIN, DRAIN_S_PER_JOB = 180.0, 0.8
REST_S = 60.0
LOOK_S = 1.0
SHOWN_BREACHES = 40
CHATS_AT_ONCE = 8
SQL = load("chaos")


@dataclass(frozen=True, slots=True)
class Verdict:
    jobs: Sequence[Ending]
    breaches: Sequence[Breach]
    failures: Mapping[str, int]
    longest_stall_s: float
    provider_tasks: int
    key_health_s: float


async def judged(stage: Stage, users: Sequence[int], say: Say) -> Verdict:
    """Let everything run to its end, in bounded time, and check every invariant."""
    await _drained(stage, len(users), say)
    breaches = await _rested(stage)
    health = await key_health.checked(stage)
    breaches += health.breaches
    jobs = await invariants.endings(stage.pool)
    listing = await stage.tell(stage.kie_url, "/tasks?limit=10000", method="GET")
    tasks = invariants.tasks_of(listing)
    log = await history.operations(stage.pool)
    shown = await _shown(stage, jobs)
    breaches += history.check(log)
    breaches += invariants.bill(jobs, tasks)
    breaches += invariants.chats(jobs, shown)
    breaches += _orders(jobs, users)
    for name, text in stage.logs().items():
        breaches += invariants.secrets_in(text, stage.secrets, subject=f"{name}.log")
    rows = await stage.pool.fetch(SQL["failure_classes"])
    return Verdict(
        jobs=jobs,
        breaches=sorted(breaches),
        failures={row["what"]: row["jobs"] for row in rows},
        longest_stall_s=longest_stall_s(log),
        provider_tasks=len(tasks),
        key_health_s=round(health.slowest_s, 1),
    )


async def _drained(stage: Stage, orders: int, say: Say) -> None:
    wait_s = DRAIN_S_MIN + DRAIN_S_PER_JOB * orders
    said = -1
    try:
        async with asyncio.timeout(wait_s):
            while True:
                row = (await stage.pool.fetch(SQL["progress"]))[0]
                if row["ended"] == row["jobs"] >= orders:
                    return
                if row["ended"] // 100 != said:
                    said = row["ended"] // 100
                    say(f"{row['ended']} of {row['jobs']} jobs have ended")
                await asyncio.sleep(LOOK_S)
    except TimeoutError:
        say(f"not everything has ended within {wait_s:g} s")


async def _rested(stage: Stage) -> list[Breach]:
    """Give what is left over at rest; a message or a lease may take its time to go."""
    loop = asyncio.get_running_loop()
    until = loop.time() + REST_S
    while True:
        found = await invariants.all_told(stage.pool)
        found += await invariants.queue_at_rest(stage.nats.url)
        if not found or loop.time() > until:
            return found
        await asyncio.sleep(LOOK_S)


async def _shown(stage: Stage, jobs: Sequence[Ending]) -> Mapping[int, Sequence[invariants.Shown]]:
    places = asyncio.Semaphore(CHATS_AT_ONCE)
    bot_id = stage.inner.secrets.bot_id

    async def look(chat_id: int) -> tuple[int, list[invariants.Shown]]:
        async with places:
            path = f"/chats/{chat_id}?bot={bot_id}"
            chat = await stage.tell(stage.telegram_url, path, method="GET")
        return chat_id, invariants.shown_in(chat["messages"])

    return dict(await asyncio.gather(*(look(chat_id) for chat_id in {job.chat_id for job in jobs})))


def _orders(jobs: Sequence[Ending], users: Sequence[int]) -> list[Breach]:
    """Everybody ordered once: no order is lost, and none became two jobs."""
    made = Counter(job.user_id for job in jobs)
    lost = [Breach("I2", str(user), "ordered and has no job") for user in users if not made[user]]
    twice = [
        Breach("I9", str(user), f"ordered once and has {count} jobs")
        for user, count in made.items()
        if count > 1
    ]
    return lost + twice


def longest_stall_s(log: Sequence[Operation]) -> float:
    """Give the longest time in which no job moved although one was unfinished."""
    open_jobs: set[Any] = set()
    longest = 0.0
    for before, after in pairwise(log):
        if before.status.is_terminal:
            open_jobs.discard(before.job_id)
        else:
            open_jobs.add(before.job_id)
        if open_jobs:
            longest = max(longest, (after.observed_at - before.observed_at).total_seconds())
    return round(longest, 1)


def report(verdict: Verdict, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Put the result into one JSON object; `facts` are those of the run itself."""
    broken = Counter(breach.invariant for breach in verdict.breaches)
    took = sorted(job.took_s for job in verdict.jobs if job.took_s is not None)
    return {
        **facts,
        "profile": "fast",
        "accepted": len(verdict.jobs),
        "delivered": sum(job.is_delivered for job in verdict.jobs),
        "undelivered": sum(job.undelivered for job in verdict.jobs),
        "refunded": sum(job.status in {"failed", "cancelled"} for job in verdict.jobs),
        "failures": dict(verdict.failures),
        "sent_anew": sum(job.sent_anew for job in verdict.jobs),
        "provider_tasks": verdict.provider_tasks,
        "orphans": sum(job.orphans for job in verdict.jobs),
        "longest_stall_s": verdict.longest_stall_s,
        "key_health_s": verdict.key_health_s,
        "job_median_s": round(took[len(took) // 2], 1) if took else None,
        "job_max_s": round(took[-1], 1) if took else None,
        "invariants": {name: broken[name] == 0 for name in INVARIANTS},
        "breaches": [str(breach) for breach in verdict.breaches[:SHOWN_BREACHES]],
    }
