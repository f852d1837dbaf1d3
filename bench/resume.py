"""How soon the jobs of a worker that is gone go on in another one, at the settings of production.

Thirty workers are told to end, each with jobs that wait for the provider; thirty others are killed
while they carry the same jobs. Deaths are spread over time and overlap, as in a fleet, so the wait
for thirty leases takes little longer than the wait for one. In the end the provider finishes
everything, and every job must be delivered with the task that it had from the beginning.
"""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from bench.effort import Effort
from bench.figures import Aim, Check, Figure, Outcome, Sense, percentile
from bench.holders import Claim, claims, held_by, holdings, reached
from bench.orders import OrderBook, PreparedOrder, upload_photo
from bench.seeds import wait_for_renders
from bench.stage import Program, Stage
from bench.statements import statement
from neurocards.settings import Timings

KILL_AIM_S = 65.0
TERM_AIM_S = 2.0
RENDER_S = 100_000.0
SEED = 20_261_129
STARTED_AT_ONCE = 4
QUICK_LEASES = {
    "NEUROCARDS_LEASE_S": "10",
    "NEUROCARDS_ACK_WAIT_S": "10",
    "NEUROCARDS_BEAT_S": "2",
    "NEUROCARDS_RENEWAL_S": "2",
}
CONNECTIONS = "3"
"""Of each of the many workers: all of them have to find room on one database."""


@dataclass(frozen=True, slots=True)
class Death:
    """A worker was sent a signal at that moment, with these jobs in its hands."""

    worker: str
    at: float
    jobs: Sequence[UUID]


@dataclass(slots=True)
class _Course:
    """What happens to the jobs: who held them first, who took over, who died."""

    workers: list[Program] = field(default_factory=list)
    ended: list[Death] = field(default_factory=list)
    killed: list[Death] = field(default_factory=list)


async def run(effort: Effort, folder: Path) -> Outcome:
    async with Stage(folder / "resume") as stage:
        if effort.is_quick:
            stage.environment |= QUICK_LEASES
        await stage.telegram()
        await stage.providers(render_s=RENDER_S)
        book = OrderBook(stage, photo_file_id=await upload_photo(stage))
        orders = await book.prepare(effort.resume_deaths * effort.resume_jobs_each)
        job_ids = await wait_for_renders(stage, orders)
        rows = await stage.pool.fetch(statement("tasks_of"), job_ids)
        tasks = [row["provider_task_id"] for row in rows]
        course = await _deaths(stage, effort, job_ids)
        ended_well = await _finish(stage, orders, job_ids, tasks)
        seen = await claims(course.workers)
        counters = await stage.get(f"{stage.programs['kie'].url}/sim/counters")
        # 1: the first workers; 2: after their end; 3: those that are killed; 4: after their death.
        kept = await stage.pool.fetchval(statement("handed_on"), job_ids, tasks, "done", 4, 1)
    checks = (
        _check_attempts(job_ids, seen),
        Check(
            "resume: every job was delivered with its first task, and no other was ordered",
            ended_well and kept == counters["created"] == len(job_ids),
            f"jobs {len(job_ids)}, delivered with it {kept}, tasks created {counters['created']}",
        ),
    )
    return Outcome(
        figures=_figures(_waits(course.killed, seen), _waits(course.ended, seen), effort),
        checks=checks,
        details={"seed": SEED, "jobs": len(job_ids)},
    )


async def _deaths(stage: Stage, effort: Effort, job_ids: Sequence[UUID]) -> _Course:
    """End one generation of workers in good order, kill the next one, let others take over."""
    course, dice = _Course(), random.Random(SEED)
    first = await _generation(stage, effort, "first", course)
    await stage.bot()
    await _until_held(stage, job_ids, first)
    second = await _standby(stage, "second", course, jobs=len(job_ids))
    moments = _moments(dice, effort)
    course.ended = await _strike(stage, first, signal.SIGTERM, moments, job_ids)
    await _until_held(stage, job_ids, [second])

    third = await _generation(stage, effort, "third", course)
    await stage.stop(second)
    await _until_held(stage, job_ids, third)
    fourth = [
        await _standby(stage, f"fourth-{number}", course, jobs=len(job_ids)) for number in (1, 2)
    ]
    moments = _moments(dice, effort)
    course.killed = await _strike(stage, third, signal.SIGKILL, moments, job_ids)
    await _until_held(stage, job_ids, fourth)
    return course


async def _generation(stage: Stage, effort: Effort, label: str, course: _Course) -> list[str]:
    """Start as many workers as shall die; together they have a place for each of the jobs."""
    names = [f"{label}-{number}" for number in range(1, effort.resume_deaths + 1)]
    places = asyncio.Semaphore(STARTED_AT_ONCE)
    concurrency = effort.resume_jobs_each

    async def start(name: str) -> Program:
        async with places:
            return await stage.worker(name=name, concurrency=concurrency, DB_POOL_SIZE=CONNECTIONS)

    course.workers += await asyncio.gather(*(start(name) for name in names))
    return names


async def _standby(stage: Stage, name: str, course: _Course, *, jobs: int) -> str:
    """Start a worker that has a place for every job."""
    course.workers.append(await stage.worker(name=name, concurrency=jobs))
    return name


async def _until_held(stage: Stage, job_ids: Sequence[UUID], names: Sequence[str]) -> None:
    if not await held_by(stage, job_ids, names):
        found = {name: len(jobs) for name, jobs in (await holdings(stage, job_ids)).items()}
        raise RuntimeError(f"not all of {len(job_ids)} jobs are held by {names}: {found}")


def _moments(dice: random.Random, effort: Effort) -> Sequence[float]:
    """Choose when each of them dies, in seconds from the first: at any point of their rhythm."""
    return sorted(dice.uniform(0, effort.resume_spread_s) for _ in range(effort.resume_deaths))


async def _strike(
    stage: Stage,
    names: Sequence[str],
    number: signal.Signals,
    moments: Sequence[float],
    job_ids: Sequence[UUID],
) -> list[Death]:
    held = await holdings(stage, job_ids)
    began = time.monotonic()
    deaths: list[Death] = []
    for name, at_s in zip(names, moments, strict=True):
        await asyncio.sleep(max(0.0, began + at_s - time.monotonic()))
        deaths.append(Death(name, time.time(), held.get(name, ())))
        stage.programs[name].child.signal(number)
    for name in names:
        # It is gone, or about to be: this only waits for it and forgets it.
        await stage.stop(name)
    return deaths


async def _finish(
    stage: Stage, orders: Sequence[PreparedOrder], job_ids: Sequence[UUID], tasks: Sequence[str]
) -> bool:
    """Let the provider finish everything and say so, as its callbacks would."""
    await stage.post(f"{stage.programs['kie'].url}/sim/tasks/finish", {"wait_s": 60})
    connection = await stage.connect_nats()
    for job_id, task in zip(job_ids, tasks, strict=True):
        await connection.publish(f"wake.render.{job_id}", task.encode())
    await connection.flush()
    await connection.close()
    return await reached(stage, orders, "done")


def _waits(deaths: Iterable[Death], seen: Mapping[UUID, Sequence[Claim]]) -> list[float]:
    """Tell for each death after how long the last of its jobs was in another worker's hands."""
    return [
        max(
            next((claim.at for claim in seen.get(job_id, ()) if claim.at > death.at), float("inf"))
            - death.at
            for job_id in death.jobs
        )
        for death in deaths
        if death.jobs
    ]


def _check_attempts(job_ids: Sequence[UUID], seen: Mapping[UUID, Sequence[Claim]]) -> Check:
    stories = {
        tuple((claim.worker.partition("-")[0], claim.attempt) for claim in seen.get(job_id, ()))
        for job_id in job_ids
    }
    wanted = (("first", 1), ("second", 2), ("third", 3), ("fourth", 4))
    strange = sorted(stories - {wanted})[:3]
    return Check(
        "resume: every job was claimed by one worker after the other, attempts one to four",
        stories == {wanted},
        f"jobs {len(job_ids)}, other stories {strange}",
    )


def _figures(
    killed_s: Sequence[float], ended_s: Sequence[float], effort: Effort
) -> tuple[Figure, ...]:
    usual = {name: field.default for name, field in Timings.model_fields.items()}
    settings = (
        "leases of 3 s, to see that it works"
        if effort.is_quick
        else (
            f"settings of production: lease {usual['lease_s']:g} s, renewed each "
            f"{usual['renewal_s']:g} s, ack_wait {usual['ack_wait_s']:g} s with a beat each "
            f"{usual['beat_s']:g} s"
        )
    )
    until = (
        f"{effort.resume_deaths} workers with {effort.resume_jobs_each} rendering jobs each, at "
        f"random moments within {effort.resume_spread_s:g} s, {settings}; from the signal until "
        "the last of its jobs is claimed by another worker, which goes on with the stored task"
    )

    def pair(name: str, title: str, values: Sequence[float], aim_s: float) -> tuple[Figure, ...]:
        if not values:
            return ()
        return (
            Figure(f"resume.{name}_s", f"{title}, median", "s", tuple(values), until),
            Figure(
                f"resume.{name}_p95_s",
                f"{title}, 95th percentile",
                "s",
                (percentile(values, 0.95),),
                f"of the same {len(values)}",
                Aim(Sense.AT_MOST, aim_s),
            ),
        )

    return (
        *pair("killed", "Jobs of a killed worker (SIGKILL) go on", killed_s, KILL_AIM_S),
        *pair("ended", "Jobs of a worker that is told to end (SIGTERM) go on", ended_s, TERM_AIM_S),
    )
