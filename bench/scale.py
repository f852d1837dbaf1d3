"""Whether the statements that matter stay fast with a million users: latencies and plans.

One connection, prepared statements, 10,000 to 1.2 million users with one job each. The plans of
statements inside of functions cannot be asked for, so sequential scans are counted as well: no
table that grows may be read from end to end.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg

from bench.effort import Effort
from bench.figures import Check, Figure, Outcome, percentile
from bench.stage import Stage
from bench.statements import product_statement, statement
from neurocards.domain.identifiers import RANDOM_BITS, uuid7

FILES = {"accept": "orders", "claim_job": "jobs", "queue_stats": "reports", "history": "orders"}
HISTORY_PAGE = 5
LEASE_S = 60.0
WARM_UP = 10
STATISTICS_FLUSH_S = 1.2
SMALL_TABLES = frozenset({"templates", "outbox", "schema_migrations"})
"""They do not grow with the users."""

Values = Sequence[Sequence[object]]


async def run(effort: Effort, folder: Path) -> Outcome:
    figures: list[Figure] = []
    checks: list[Check] = []
    plans: dict[str, object] = {}
    for rows in effort.scale_rows:
        async with Stage(folder / f"scale-{rows}") as stage:
            await _fill(stage.pool, rows)
            async with stage.pool.acquire() as connection:
                connection_plans, scans = await _measure(connection, effort, rows, figures)
        plans[str(rows)] = connection_plans
        checks.append(_check(rows, scans))
    return Outcome(figures=tuple(figures), checks=tuple(checks), details={"plan_nodes": plans})


async def _fill(pool: asyncpg.Pool, rows: int) -> None:
    await pool.execute(statement("scale_users"), rows)
    await pool.execute(statement("scale_jobs"), rows)
    await pool.execute(statement("scale_charges"))
    await pool.execute(statement("analyze"))


async def _measure(
    connection: Any, effort: Effort, rows: int, figures: list[Figure]
) -> tuple[dict[str, list[str]], dict[str, int]]:
    wanted = WARM_UP + effort.scale_repeats
    calls = await _calls(connection, wanted)
    before = await _scans(connection)
    for name, values in calls.items():
        latencies_ms = await _latencies_ms(connection, product_statement(FILES[name], name), values)
        figures.append(_figure(name, rows, latencies_ms))
    scans = await _scans(connection)
    plans = {
        name: await _plan(connection, product_statement(FILES[name], name), values[0])
        for name, values in calls.items()
    }
    return plans, {table: count - before.get(table, 0) for table, count in scans.items()}


async def _calls(connection: Any, count: int) -> dict[str, Values]:
    """Give the arguments of each call: other users and jobs every time."""
    drafts = await connection.fetch(statement("sample_drafts"), count)
    queued = await connection.fetch(statement("sample_queued"), count)
    return {
        "accept": [
            (
                1,
                number,
                row["id"],
                _new_id(),
                row["tg_user_id"],
                row["tg_user_id"],
                1,
                "default",
                1e4,
            )
            for number, row in enumerate(drafts)
        ],
        "claim_job": [(row["id"], "bench", LEASE_S) for row in queued],
        "queue_stats": [()] * min(count, WARM_UP * 2),
        "history": [(row["tg_user_id"], None, HISTORY_PAGE, None) for row in drafts],
    }


def _new_id() -> object:
    return uuid7(datetime.now(UTC), secrets.randbits(RANDOM_BITS))


async def _latencies_ms(connection: Any, sql: str, calls: Values) -> list[float]:
    prepared = await connection.prepare(sql)
    latencies_ms = []
    for values in calls:
        began = time.perf_counter()
        await prepared.fetch(*values)
        latencies_ms.append((time.perf_counter() - began) * 1e3)
    return latencies_ms[min(WARM_UP, len(latencies_ms) // 2) :]


async def _scans(connection: Any) -> dict[str, int]:
    await connection.execute(statement("force_flush"))
    await asyncio.sleep(STATISTICS_FLUSH_S)
    rows = await connection.fetch(statement("sequential_scans"))
    return {row["relname"]: int(row["seq_scan"] or 0) for row in rows}


async def _plan(connection: Any, sql: str, values: Sequence[object]) -> list[str]:
    """Name the nodes of the plan, from the top."""
    answer = await connection.fetchval(statement("explain") + sql, *values)
    return list(_nodes(json.loads(answer)[0]["Plan"]))


def _nodes(node: Mapping[str, Any]) -> Iterator[str]:
    subject = node.get("Index Name") or node.get("Relation Name")
    yield f"{node['Node Type']} {subject}" if subject else str(node["Node Type"])
    for child in node.get("Plans", ()):
        yield from _nodes(child)


def _figure(name: str, rows: int, latencies_ms: Sequence[float]) -> Figure:
    return Figure(
        name=f"scale.{name}_{rows}_ms",
        title=f"`{name}` with {rows:,} users and jobs, median",
        unit="ms",
        values=(percentile(latencies_ms, 0.5),),
        how=f"{len(latencies_ms)} calls one after another on one connection, prepared",
    )


def _check(rows: int, scans: Mapping[str, int]) -> Check:
    read = {table: count for table, count in scans.items() if count and table not in SMALL_TABLES}
    detail = ", ".join(f"{table} {count}" for table, count in sorted(read.items())) or "none"
    return Check(f"scale, {rows} users: no table was read from end to end", not read, detail)
