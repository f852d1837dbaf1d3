"""How soon a burst is answered: from the commit of its first order to the final `spec.replicas`.

Forty orders are pressed at the bot's webhook at a random moment; bot, relay, NATS, operator and API
server are the real ones. One job per replica, one replica before, so forty are wanted.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from bench.effort import Effort
from bench.figures import Aim, Check, Figure, Outcome, Sense, percentile
from bench.orders import OrderBook, confirm, upload_photo
from bench.scaling_stage import NAMESPACE, ScalingStage
from bench.stage import POOL
from bench.statements import statement
from neurocards.adapters.nats.subjects import STREAM

ORDERS = 40
REPLICAS_BEFORE = 1
REPLICAS_MAX = 50
AIM_P95_S = 1.5
TARGET = "neurocards-worker"
POLICY = {
    "scaleTargetRef": {"name": TARGET},
    "replicas": {"min": REPLICAS_BEFORE, "base": REPLICAS_BEFORE, "max": REPLICAS_MAX},
    "jobsPerReplica": 1,
    "slo": {"percentile": 95, "wait": "15s", "headroom": "Disabled"},
    "behavior": {"scaleDown": {"hold": "1s"}},
}
INTERVAL_S = 15.0
"""Of the policy, so that the burst comes at any moment of it."""
OBSERVED_S = 5.0
"""How long is waited for another change after the burst was answered."""
AT_REST_WITHIN_S = 120.0
ANSWERED_WITHIN_S = 120.0
SEED = 20_261_124


@dataclass(slots=True)
class Changes:
    """`spec.replicas` of the target: when this process heard of each change, and the number."""

    seen: list[tuple[float, int]] = field(default_factory=list)

    @property
    def replicas(self) -> int:
        return self.seen[-1][1] if self.seen else REPLICAS_BEFORE

    def since(self, unix_s: float) -> list[tuple[float, int]]:
        return [change for change in self.seen if change[0] >= unix_s]

    async def follow(self, stage: ScalingStage) -> None:
        query = {"fieldSelector": f"metadata.name={TARGET}"}
        events = stage.api.watch("apps/v1", "Deployment", namespace=NAMESPACE, **query)
        async for event in events:
            replicas = event["object"]["spec"]["replicas"]
            if not self.seen or replicas != self.replicas:
                self.seen.append((time.time(), replicas))


async def run(effort: Effort, folder: Path) -> Outcome:
    answered_s: list[float] = []
    first_s: list[float] = []
    finals: list[int] = []
    courses: list[list[tuple[float, int]]] = []
    dice = random.Random(SEED)
    async with ScalingStage(folder / "reaction") as stage, _prepared(stage) as (book, changes):
        for _ in range(effort.reaction_trials):
            await _at_rest(stage, changes)
            await asyncio.sleep(dice.uniform(0, INTERVAL_S))
            began = time.time()
            committed_s = await _burst(stage, book)
            course = await _answered(changes, began)
            courses.append([(round(at - committed_s, 3), replicas) for at, replicas in course])
            finals.append(changes.replicas)
            if course:
                first_s.append(course[0][0] - committed_s)
                answered_s.append(course[-1][0] - committed_s)
    return Outcome(
        figures=_figures(answered_s, first_s) if answered_s else (),
        checks=(_check(finals, courses),),
        details={"trials": effort.reaction_trials, "seed": SEED, "courses": courses},
    )


@contextlib.asynccontextmanager
async def _prepared(stage: ScalingStage) -> AsyncIterator[tuple[OrderBook, Changes]]:
    """Start the bot and the operator, and follow the target."""
    await stage.stage.telegram()
    book = OrderBook(stage.stage, photo_file_id=await upload_photo(stage.stage))
    await stage.stage.bot()
    await stage.deployment(TARGET, REPLICAS_BEFORE)
    await stage.policy("workers", POLICY)
    await stage.operator()
    changes = Changes()
    following = asyncio.create_task(changes.follow(stage))
    try:
        yield book, changes
    finally:
        following.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await following


async def _at_rest(stage: ScalingStage, changes: Changes) -> None:
    """Take away all orders and wait until nobody wants more than one replica."""
    await stage.stage.pool.execute(statement("forget_jobs"))
    connection = await stage.stage.connect_nats()
    await connection.jetstream().purge_stream(STREAM)
    await connection.publish(f"wake.scaling.{POOL}", b"")
    await connection.flush()
    await connection.close()
    async with asyncio.timeout(AT_REST_WITHIN_S):
        while changes.replicas != REPLICAS_BEFORE:  # noqa: ASYNC110 - another process changes it
            await asyncio.sleep(0.1)
    await asyncio.sleep(1.0)


async def _burst(stage: ScalingStage, book: OrderBook) -> float:
    """Press all buttons at once; give the Unix time of the first commit, by the server's clock."""
    orders = await book.prepare(ORDERS)
    report = await confirm(stage.stage, orders, rate_per_s=None, connections=ORDERS)
    if not report.all_ok:
        raise RuntimeError("the bot refused a press")
    first_user = min(order.tg_user_id for order in orders)
    rows = await stage.stage.pool.fetch(statement("work_starts"), first_user, ORDERS)
    moments: list[datetime] = [row["committed_at"] for row in rows]
    if len(moments) != ORDERS:
        raise RuntimeError(f"{len(moments)} of {ORDERS} orders were accepted")
    return min(moments).timestamp()


async def _answered(changes: Changes, began: float) -> list[tuple[float, int]]:
    """Wait until nothing has changed for a while after the first change; give all changes."""
    deadline = time.time() + ANSWERED_WITHIN_S
    while time.time() < deadline:
        course = changes.since(began)
        if course and time.time() - course[-1][0] >= OBSERVED_S:
            return course
        await asyncio.sleep(0.1)
    return changes.since(began)


def _figures(answered_s: list[float], first_s: list[float]) -> tuple[Figure, ...]:
    trials = len(answered_s)
    how = (
        f"{trials} bursts of {ORDERS} orders at random moments, one job per replica and one "
        "replica before; from the first order's commit timestamp to the watch event with the last "
        "change of spec.replicas; KWOK plays the pods, everything else is real"
    )
    return (
        Figure(
            "reaction.final_s",
            f"Burst of {ORDERS} orders to its final replicas, median",
            "s",
            tuple(answered_s),
            how,
        ),
        Figure(
            "reaction.final_p95_s",
            f"Burst of {ORDERS} orders to its final replicas, 95th percentile",
            "s",
            (percentile(answered_s, 0.95),),
            f"the same {trials} bursts",
            Aim(Sense.AT_MOST, AIM_P95_S),
        ),
        Figure(
            "reaction.first_s",
            "The same, to the first change",
            "s",
            tuple(first_s),
            f"the same {trials} bursts",
        ),
    )


def _check(finals: list[int], courses: list[list[tuple[float, int]]]) -> Check:
    highest = max((replicas for course in courses for _, replicas in course), default=0)
    return Check(
        f"reaction: every burst ended at {ORDERS} replicas and never had more than {REPLICAS_MAX}",
        set(finals) == {ORDERS} and highest <= REPLICAS_MAX,
        f"ended at {sorted(set(finals))}, highest {highest}",
    )
