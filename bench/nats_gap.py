"""How long no work starts when the broker goes and comes back, orders coming in all the while.

A pull of the worker waits at the broker in that moment, as always when it has free places, and
dies with it. The broker is restarted in good order first, and killed and started later. What counts
is the longest time between the claims of two orders around each: the broker's own absence is in it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from bench.effort import Effort
from bench.figures import Aim, Check, Figure, Outcome, Sense
from bench.holders import claims, reached
from bench.orders import OrderBook, PreparedOrder, check_confirmed, confirm, upload_no_photo
from bench.stage import Program, Stage
from bench.statements import statement

GAP_AIM_S = 3.0
CONCURRENCY = 20_000
HELD_UP_S = 120.0
STARTED_WITHIN_S = 60.0
WARM_UP_ORDERS = 10
STRUCK_AFTER = 0.4
"""When this share of the orders has been started: enough of them come afterwards."""


@dataclass(frozen=True, slots=True)
class Outage:
    """Unix seconds: the broker was told to go, and took connections again."""

    gone: float
    back: float


@dataclass(slots=True)
class _Kind:
    """One way to go: the samples of all runs."""

    gap_s: list[float] = field(default_factory=list)
    away_s: list[float] = field(default_factory=list)
    first_start_s: list[float] = field(default_factory=list)


async def run(effort: Effort, folder: Path) -> Outcome:
    kinds = {"restart": _Kind(), "crash": _Kind()}
    checks: list[Check] = []
    for number in range(1, effort.runs + 1):
        async with Stage(folder / f"nats-gap-{number}") as stage:
            checks += await _run_once(stage, effort, f"nats-gap, run {number}", kinds)
    return Outcome(
        figures=_figures(kinds, effort),
        checks=tuple(checks),
        details={
            name: {"away_s": kind.away_s, "first_start_after_it_is_back_s": kind.first_start_s}
            for name, kind in kinds.items()
        },
    )


async def _run_once(
    stage: Stage, effort: Effort, label: str, kinds: dict[str, _Kind]
) -> list[Check]:
    telegram = await stage.telegram()
    await stage.providers(render_s=1.0)
    book = OrderBook(stage, photo_file_id=await upload_no_photo(stage))
    await stage.bot()
    worker = await stage.worker(concurrency=CONCURRENCY)
    warm_up = await book.prepare(WARM_UP_ORDERS)
    await confirm(stage, warm_up, rate_per_s=effort.gap_rate_per_s)
    await reached(stage, warm_up, "failed")
    # The work itself is held up at its first step: it is not what is measured.
    count = int(effort.gap_rate_per_s * effort.gap_s)
    hold_up = {"method": "getFile", "times": 2 * count, "delay_s": HELD_UP_S}
    await stage.post(f"{telegram.url}/sim/faults", hold_up)
    checks: list[Check] = []
    for name, strike in (("restart", stage.nats.restart), ("crash", _crash(stage))):
        orders = await book.prepare(count)
        outage = await _struck(stage, effort, orders, strike)
        _measure(await _starts(stage, worker, orders), outage, kinds[name])
        checks += await _check(stage, orders, f"{label}, {name}")
    return checks


def _crash(stage: Stage) -> Callable[[], Awaitable[None]]:
    async def crash() -> None:
        await stage.nats.kill()
        await stage.nats.start()

    return crash


async def _struck(
    stage: Stage,
    effort: Effort,
    orders: Sequence[PreparedOrder],
    strike: Callable[[], Awaitable[None]],
) -> Outage:
    """Let the orders come in and strike the broker in the middle of them."""

    async def struck() -> Outage:
        await _started(stage, orders, int(STRUCK_AFTER * len(orders)))
        gone = time.time()
        await strike()
        return Outage(gone, time.time())

    striking = asyncio.create_task(struck())
    report = await confirm(stage, orders, rate_per_s=effort.gap_rate_per_s)
    outage = await striking
    if not report.all_ok:
        raise RuntimeError(f"an order was refused while the broker was away: {report.statuses}")
    return outage


async def _started(stage: Stage, orders: Sequence[PreparedOrder], count: int) -> None:
    """Wait until so many of the orders were claimed."""
    first = min(order.tg_user_id for order in orders)
    async with asyncio.timeout(STARTED_WITHIN_S):
        while True:
            rows = await stage.pool.fetch(statement("work_starts"), first, len(orders))
            if sum(row["started_at"] is not None for row in rows) >= count:
                return
            await asyncio.sleep(0.02)


async def _starts(
    stage: Stage, worker: Program, orders: Sequence[PreparedOrder]
) -> Sequence[float]:
    """Wait until the worker had each order in its hands; give when it had it first."""
    first = min(order.tg_user_id for order in orders)
    rows = await stage.pool.fetch(statement("work_starts"), first, len(orders))
    deadline = time.monotonic() + STARTED_WITHIN_S
    while True:
        seen = await claims([worker])
        starts = sorted(seen[row["id"]][0].at for row in rows if row["id"] in seen)
        if len(starts) == len(orders) or time.monotonic() > deadline:
            return starts
        await asyncio.sleep(0.2)


def _measure(starts: Sequence[float], outage: Outage, kind: _Kind) -> None:
    kind.gap_s.append(_gap_s(starts, outage))
    kind.away_s.append(outage.back - outage.gone)
    kind.first_start_s.append(min(at for at in starts if at > outage.back) - outage.back)


def _gap_s(starts: Sequence[float], outage: Outage) -> float:
    """Give the longest time without a start that touches the outage or comes after it."""
    return max(after - before for before, after in pairwise(starts) if after > outage.gone)


async def _check(stage: Stage, orders: Sequence[PreparedOrder], label: str) -> list[Check]:
    first = min(order.tg_user_id for order in orders)
    rows = await stage.pool.fetch(statement("job_states"), first, len(orders))
    # A photo that is held up for too long is a try that failed, and its job is claimed again.
    once = sum(row["jobs"] for row in rows if 1 <= row["attempt"] <= 1 + row["tries"])
    return [
        await check_confirmed(stage, orders, label),
        Check(
            f"{label}: every order was claimed once, those accepted in the meantime too",
            once == len(orders),
            f"orders {len(orders)}, claimed once {once}",
        ),
    ]


def _figures(kinds: dict[str, _Kind], effort: Effort) -> tuple[Figure, ...]:
    how = (
        f"{effort.gap_rate_per_s:g} orders per second in an open loop, a pull of the worker waits "
        "at the broker; the longest time between two claims in the worker's log from then on"
    )
    words = {
        "restart": ("restart of NATS", "NATS is told to end (SIGTERM) and started at once"),
        "crash": ("crash of NATS", "NATS is killed (SIGKILL) and started at once"),
    }
    return tuple(
        Figure(
            name=f"nats-gap.{name}_s",
            title=f"No work starts around a {words[name][0]}",
            unit="s",
            values=tuple(kind.gap_s),
            how=f"{words[name][1]}; {how}",
            aim=Aim(Sense.AT_MOST, GAP_AIM_S),
        )
        for name, kind in kinds.items()
    )
