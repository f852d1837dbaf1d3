"""How soon a worker with thousands of jobs is gone when it is told to end, and who goes on.

Two thousand jobs wait for the provider in the first worker, which gets SIGTERM: the second one
takes all of them. Then some new orders are under way at the provider, which takes its time to
answer, when the second worker gets SIGTERM: it waits for these answers, since breaking an order off
could mean paying twice, and hands everything else on at once to the third.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from bench.effort import Effort
from bench.figures import Aim, Check, Figure, Outcome, Sense
from bench.holders import Claim, claims, held_by, holdings, looks_reached, reached
from bench.orders import OrderBook, PreparedOrder, confirm, upload_photo
from bench.seeds import wait_for_renders
from bench.stage import STOP_WITHIN_S, Stage
from bench.statements import statement

EXIT_AIM_S = 5.0
EXIT_WITH_ORDERS_AIM_S = 25.0
RENDER_S = 100_000.0
FIRST, SECOND, THIRD = "first", "second", "third"


@dataclass(slots=True)
class _Samples:
    exit_s: list[float] = field(default_factory=list)
    resumed_s: list[float] = field(default_factory=list)
    exit_with_orders_s: list[float] = field(default_factory=list)
    resumed_beside_orders_s: list[float] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _End:
    """A worker was told to end at `told_at` (Unix seconds) and was gone `exit_s` later."""

    told_at: float
    exit_s: float


async def run(effort: Effort, folder: Path) -> Outcome:
    samples = _Samples()
    for number in range(1, effort.runs + 1):
        async with Stage(folder / f"drain-{number}") as stage:
            await _run_once(stage, effort, f"drain, run {number}", samples)
    return Outcome(figures=_figures(samples, effort), checks=tuple(samples.checks))


async def _run_once(stage: Stage, effort: Effort, label: str, samples: _Samples) -> None:
    await stage.telegram()
    await stage.providers(render_s=RENDER_S, slow_reply_s=effort.drain_answer_s)
    book = OrderBook(stage, photo_file_id=await upload_photo(stage))
    job_ids = await wait_for_renders(stage, await book.prepare(effort.drain_jobs))
    tasks = await _tasks(stage, job_ids)
    places = effort.drain_jobs + effort.drain_orders
    await stage.worker(name=FIRST, concurrency=places)
    await stage.bot()
    await _until_held(stage, job_ids, FIRST)
    second = await stage.worker(name=SECOND, concurrency=places)

    ended = await _told_to_end(stage, FIRST)
    await _until_held(stage, job_ids, SECOND)
    samples.exit_s.append(ended.exit_s)
    samples.resumed_s.append(_last(await claims([second]), job_ids) - ended.told_at)
    samples.checks.append(await _check(stage, job_ids, tasks, attempt=2, label=label))

    orders = await _order_slowly(stage, await book.prepare(effort.drain_orders))
    third = await stage.worker(name=THIRD, concurrency=places)
    label = f"{label}, orders under way"
    samples.checks.append(await _check_under_way(stage, orders, label))
    ended = await _told_to_end(stage, SECOND)
    await _until_held(stage, [*job_ids, *orders], THIRD)
    samples.exit_with_orders_s.append(ended.exit_s)
    samples.resumed_beside_orders_s.append(_last(await claims([third]), job_ids) - ended.told_at)
    samples.checks.append(await _check(stage, job_ids, tasks, attempt=3, label=label))
    samples.checks.append(await _check_orders(stage, effort, orders, label))


async def _tasks(stage: Stage, job_ids: Sequence[UUID]) -> list[str]:
    rows = await stage.pool.fetch(statement("tasks_of"), job_ids)
    return [row["provider_task_id"] for row in rows]


async def _until_held(stage: Stage, job_ids: Sequence[UUID], name: str) -> None:
    if not await held_by(stage, job_ids, [name]):
        found = {worker: len(jobs) for worker, jobs in (await holdings(stage, job_ids)).items()}
        raise RuntimeError(f"not all of {len(job_ids)} jobs are held by {name}: {found}")


async def _told_to_end(stage: Stage, name: str) -> _End:
    """Send SIGTERM and wait for the end; the worker's own, or a violent one after 40 s."""
    child = stage.programs[name].child
    told_at, began = time.time(), time.monotonic()
    child.signal(signal.SIGTERM)
    await child.stop(timeout_s=STOP_WITHIN_S)
    took_s = time.monotonic() - began
    await stage.stop(name)
    if child.exit_code != 0:
        raise RuntimeError(f"{name} did not end in good order: {child.log_tail()}")
    return _End(told_at, took_s)


async def _order_slowly(stage: Stage, orders: Sequence[PreparedOrder]) -> list[UUID]:
    """Bring fresh orders to where the provider has each and has not answered it yet."""
    kie = stage.programs["kie"].url
    created = await _created(stage)
    await stage.post(f"{kie}/sim/faults", {"fault": "slow-reply", "next": len(orders)})
    report = await confirm(stage, orders, rate_per_s=None, connections=len(orders))
    if not (report.all_ok and await reached(stage, orders, "submitting")):
        raise RuntimeError("the orders did not get as far as to the provider")
    await _until(lambda: _created(stage), created + len(orders))
    first = min(order.tg_user_id for order in orders)
    rows = await stage.pool.fetch(statement("work_starts"), first, len(orders))
    return [row["id"] for row in rows]


def _last(seen: Mapping[UUID, Sequence[Claim]], job_ids: Sequence[UUID]) -> float:
    return max(seen[job_id][-1].at for job_id in job_ids)


async def _check(
    stage: Stage, job_ids: Sequence[UUID], tasks: Sequence[str], *, attempt: int, label: str
) -> Check:
    kept = await stage.pool.fetchval(
        statement("handed_on"), job_ids, tasks, "rendering", attempt, 0
    )
    # Whoever takes a rendering job looks at its render at once; the first holder did so as well.
    looked = await looks_reached(stage, attempt * len(job_ids))
    return Check(
        f"{label}: {len(job_ids)} jobs go on in the next worker, each with its own task",
        kept == len(job_ids) and looked,
        f"kept {kept}; each looked at by worker {attempt}: {looked}",
    )


async def _check_under_way(stage: Stage, orders: Sequence[UUID], label: str) -> Check:
    answered = len([task for task in await _tasks(stage, orders) if task])
    return Check(
        f"{label}: none of them was answered when the worker was told to end",
        answered == 0,
        f"answered {answered} of {len(orders)}",
    )


async def _check_orders(stage: Stage, effort: Effort, orders: Sequence[UUID], label: str) -> Check:
    """Check that what was under way became one task each, and let these be delivered."""
    kie = stage.programs["kie"].url
    tasks = [task for task in await _tasks(stage, orders) if task]
    kept = await stage.pool.fetchval(statement("handed_on"), orders, tasks, "rendering", 2, 0)
    created = await _created(stage)
    for task in tasks:
        await stage.post(f"{kie}/sim/tasks/{task}/finish", {"wait_s": 30})
    await _until(lambda: _delivered(stage, orders, tasks), len(orders))
    return Check(
        f"{label}: each of them became one task, which the next worker watched to its end",
        kept == len(orders) and created == effort.drain_jobs + effort.drain_orders,
        f"kept {kept} of {len(orders)}; tasks created {created}",
    )


async def _until(number: Callable[[], Awaitable[int]], wanted: int) -> None:
    async with asyncio.timeout(STOP_WITHIN_S):
        while await number() < wanted:  # noqa: ASYNC110 - other processes change it
            await asyncio.sleep(0.05)


async def _created(stage: Stage) -> int:
    kie = stage.programs["kie"].url
    return int((await stage.get(f"{kie}/sim/counters"))["created"])


async def _delivered(stage: Stage, orders: Sequence[UUID], tasks: Sequence[str]) -> int:
    return int(await stage.pool.fetchval(statement("handed_on"), orders, tasks, "done", 2, 0))


def _figures(samples: _Samples, effort: Effort) -> tuple[Figure, ...]:
    held = f"{effort.drain_jobs} jobs waiting for the provider in one worker process"
    under_way = (
        f"{held}, and {effort.drain_orders} createTask calls that were sent and are answered "
        f"after {effort.drain_answer_s:g} s"
    )
    return (
        Figure(
            name="drain.exit_s",
            title=f"End of a worker with {effort.drain_jobs} jobs in flight",
            unit="s",
            values=tuple(samples.exit_s),
            how=f"{held}; from SIGTERM to the end of the process",
            aim=Aim(Sense.AT_MOST, EXIT_AIM_S),
        ),
        Figure(
            name="drain.resumed_s",
            title="Until another worker holds all of them",
            unit="s",
            values=tuple(samples.resumed_s),
            how="the same; from SIGTERM to the claim of the last of them, in the log of the next",
        ),
        Figure(
            name="drain.exit_with_orders_s",
            title="End of such a worker while createTask is under way",
            unit="s",
            values=tuple(samples.exit_with_orders_s),
            how=f"{under_way}; from SIGTERM, about 2 s after they were sent, to its end",
            aim=Aim(Sense.AT_MOST, EXIT_WITH_ORDERS_AIM_S),
        ),
        Figure(
            name="drain.resumed_beside_orders_s",
            title="Until another worker holds all jobs but those whose order is under way",
            unit="s",
            values=tuple(samples.resumed_beside_orders_s),
            how=f"the same {effort.drain_jobs} jobs, from SIGTERM to the claim of the last",
        ),
    )
