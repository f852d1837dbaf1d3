"""How fast an order is accepted: from the press on Confirm to HTTP 200, the job committed.

Presses arrive at the bot's webhook in an open loop. The bot edits the message afterwards and its
relay publishes the job, on the same cores; no worker runs, since workers run elsewhere.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.clients import run_bare
from bench.effort import Effort
from bench.figures import Aim, Baseline, Check, Figure, Outcome, Sense, percentile
from bench.orders import OrderBook, PreparedOrder, check_confirmed, confirm, upload_photo
from bench.rate_search import RateSearch
from bench.stage import BOT_ID, Stage, cpu_shares
from bench.statements import statement

RATE_PER_S = 200
LATENCY_AIM_MS = 50.0
RATE_AIM_PER_S = 1500
SEARCH_LATENCY_MS = 200.0
WARM_UP_RATE_PER_S = 100.0
SETTLED_WITHIN_S = 60.0
BARE_CONNECTIONS = 20
"""As many as the bot's own pool has."""


@dataclass(slots=True)
class _Samples:
    p50_ms: list[float] = field(default_factory=list)
    p99_ms: list[float] = field(default_factory=list)
    highest_per_s: list[float] = field(default_factory=list)
    bare_p50_ms: list[float] = field(default_factory=list)
    bare_p99_ms: list[float] = field(default_factory=list)
    bare_highest_per_s: list[float] = field(default_factory=list)
    cpu: list[dict[str, float]] = field(default_factory=list)
    generator: list[dict[str, float]] = field(default_factory=list)
    searches: list[list[dict[str, object]]] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)


async def run(effort: Effort, folder: Path) -> Outcome:
    samples = _Samples()
    for number in range(1, effort.runs + 1):
        async with Stage(folder / f"accept-{number}") as stage:
            await _run_once(stage, effort, f"accept, run {number}", samples)
    return Outcome(
        figures=_figures(samples, effort),
        checks=tuple(samples.checks),
        details={
            "cpu_cores_at_200_per_s": samples.cpu,
            "generator": samples.generator,
            "searches": samples.searches,
        },
    )


async def _run_once(stage: Stage, effort: Effort, label: str, samples: _Samples) -> None:
    await stage.telegram()
    book = OrderBook(stage, photo_file_id=await upload_photo(stage))
    await stage.bot()
    warm_up = await book.prepare(effort.warm_up_orders)
    await confirm(stage, warm_up, rate_per_s=WARM_UP_RATE_PER_S)
    await _settle(stage)
    await _at_fixed_rate(stage, effort, book, label, samples)
    await _search(stage, effort, book, label, samples)
    await stage.stop("bot")
    await _bare(stage, effort, book, samples)


async def _at_fixed_rate(
    stage: Stage, effort: Effort, book: OrderBook, label: str, samples: _Samples
) -> None:
    orders = await book.prepare(int(RATE_PER_S * effort.accept_s))
    before, began = stage.cpu_s(), time.monotonic()
    report = await confirm(stage, orders, rate_per_s=RATE_PER_S)
    await _settle(stage)
    samples.cpu.append(cpu_shares(before, stage.cpu_s(), time.monotonic() - began))
    samples.p50_ms.append(percentile(report.latencies_ms, 0.5))
    samples.p99_ms.append(percentile(report.latencies_ms, 0.99))
    samples.generator.append(
        {
            "cpu_cores": round(report.cpu_s / report.seconds, 3),
            "lateness_p50_ms": round(percentile(report.lateness_ms, 0.5), 3),
            "lateness_p99_ms": round(percentile(report.lateness_ms, 0.99), 3),
        }
    )
    answered = f"answers {dict(report.statuses)}, unanswered {report.unanswered}"
    samples.checks.append(Check(f"{label}: every press was answered 200", report.all_ok, answered))
    samples.checks.append(await check_confirmed(stage, orders, label))


async def _search(
    stage: Stage, effort: Effort, book: OrderBook, label: str, samples: _Samples
) -> None:
    search = RateSearch(effort.probe_rate_first, effort.probe_rate_max)
    steps: list[dict[str, object]] = []
    while (rate := search.next_rate()) is not None:
        orders = await book.prepare(int(rate * effort.probe_s))
        report = await confirm(stage, orders, rate_per_s=rate)
        await _settle(stage)
        p99_ms = percentile(report.latencies_ms, 0.99)
        passed = report.all_ok and p99_ms < SEARCH_LATENCY_MS
        search.tell(rate, passed=passed)
        steps.append({"rate_per_s": rate, "p99_ms": round(p99_ms, 1), "passed": passed})
        if passed:
            samples.checks.append(await check_confirmed(stage, orders, f"{label}, {rate}/s"))
    samples.highest_per_s.append(search.passed)
    samples.searches.append(steps)


async def _bare(stage: Stage, effort: Effort, book: OrderBook, samples: _Samples) -> None:
    paced = await book.prepare(int(RATE_PER_S * effort.accept_s))
    result = await run_bare("accept", bare_settings(stage, paced, RATE_PER_S), stage.folder)
    samples.bare_p50_ms.append(percentile(result["latencies_ms"], 0.5))
    samples.bare_p99_ms.append(percentile(result["latencies_ms"], 0.99))
    rushed = await book.prepare(effort.bare_orders)
    result = await run_bare("accept", bare_settings(stage, rushed, None), stage.folder)
    samples.bare_highest_per_s.append(len(rushed) / result["seconds"])


def bare_settings(
    stage: Stage, orders: Sequence[PreparedOrder], rate_per_s: float | None
) -> dict[str, object]:
    """Settings of the baselines that accept orders themselves."""
    return {
        "database_url": stage.database_url,
        "nats_url": stage.nats.url,
        "connections": BARE_CONNECTIONS,
        "rate_per_s": rate_per_s,
        "bot_id": BOT_ID,
        # Ids that no press carries: an update counts once.
        "first_update": 10**9 + orders[0].tg_user_id,
        "orders": [[str(order.draft_id), order.tg_user_id, order.message_id] for order in orders],
    }


async def _settle(stage: Stage) -> None:
    """Wait until the relay has published everything: the next rate starts from rest."""
    async with asyncio.timeout(SETTLED_WITHIN_S):
        while await stage.pool.fetchval(statement("count_outbox")):  # noqa: ASYNC110 - polls SQL
            await asyncio.sleep(0.1)


def _figures(samples: _Samples, effort: Effort) -> tuple[Figure, ...]:
    how = (
        f"{RATE_PER_S} presses per second for {effort.accept_s:g} s, open loop over at most 100 "
        "connections; from the time a press is due until HTTP 200, which follows the commit"
    )
    what = f"bare asyncpg, the same commit on {BARE_CONNECTIONS} connections at the same rate"
    return (
        Figure(
            name="accept.p50_ms",
            title=f"Confirm to committed job and HTTP 200 at {RATE_PER_S}/s, median",
            unit="ms",
            values=tuple(samples.p50_ms),
            how=how,
            baseline=Baseline(what, tuple(samples.bare_p50_ms)),
        ),
        Figure(
            name="accept.p99_ms",
            title=f"Confirm to committed job and HTTP 200 at {RATE_PER_S}/s, 99th percentile",
            unit="ms",
            values=tuple(samples.p99_ms),
            how=how,
            aim=Aim(Sense.AT_MOST, LATENCY_AIM_MS),
            baseline=Baseline(what, tuple(samples.bare_p99_ms)),
        ),
        Figure(
            name="accept.highest_rate_per_s",
            title=f"Highest rate of confirms whose p99 stays below {SEARCH_LATENCY_MS:g} ms",
            unit="per s",
            values=tuple(samples.highest_per_s),
            how=(
                f"rates tried for {effort.probe_s:g} s each, in strides of 25 %, then by halves "
                "to within 5 %; a rate passes when every press is answered 200 in time"
            ),
            aim=Aim(Sense.AT_LEAST, RATE_AIM_PER_S),
            baseline=Baseline(
                f"bare asyncpg, the same commit on {BARE_CONNECTIONS} connections, closed loop",
                tuple(samples.bare_highest_per_s),
            ),
        ),
    )
