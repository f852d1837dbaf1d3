"""With 10,000 jobs the hot statements go by index: no plan reads the whole table of jobs."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from uuid import UUID

import asyncpg
import pytest

from neurocards.adapters.postgres.statements import load
from neurocards.domain.identifiers import uuid7
from support import statements as tests_sql

JOBS = 10_000
USERS = 500


def _ids() -> list[UUID]:
    now = datetime.now(UTC)
    return [uuid7(now, number << 60) for number in range(JOBS)]


@pytest.fixture
async def filled(pool: asyncpg.Pool) -> AsyncIterator[asyncpg.pool.PoolConnectionProxy]:
    """Ten thousand jobs of five hundred users, of which a hundred have not ended."""
    ids, tables = _ids(), tests_sql.load("plans")
    async with pool.acquire() as connection:
        await connection.execute(tables["fill_jobs"], ids, USERS)
        await connection.execute(tables["end_all_but"], ids[::100])
        await connection.execute("VACUUM ANALYZE")
        yield connection


def _plan_of(file: str, name: str, *values: str) -> str:
    """Write the values into the statement: a plan is made for values that are known."""
    sql = load(file)[name].sql
    for number, value in sorted(enumerate(values, start=1), reverse=True):
        sql = sql.replace(f"${number}", value)
    return f"EXPLAIN {sql}"


JOB_ID = f"'{_ids()[0]}'::uuid"
FENCE = (JOB_ID, "1", "'rendering'")
HOT = [
    ("jobs", "claim_job", (JOB_ID, "'worker'", "60")),
    ("jobs", "renew_leases", (f"ARRAY[{JOB_ID}]", "ARRAY[1]", "60")),
    ("jobs", "release_jobs", (f"ARRAY[{JOB_ID}]", "ARRAY[1]")),
    ("jobs", "start_fetching", FENCE),
    ("jobs", "finish_job", (JOB_ID, "1", "'delivering'", "'file'", "false")),
    ("jobs", "mark_told", (JOB_ID, "1", "true")),
    ("orders", "history", ("7", "NULL", "10", "NULL")),
    ("orders", "requeue_undelivered", ("7", "1")),
    ("reports", "queue_stats", ()),
    ("reports", "job_timeline", (JOB_ID,)),
    ("outbox", "enqueue_due", ("100", "60")),
    ("outbox", "enqueue_all", ("NULL", "100")),
    ("outbox", "end_overdue", ("100", "60")),
    ("scaling", "pool_signals", ("'default'", "now()", "10")),
    ("scaling", "service_times", ("100", "60")),
    ("scaling", "jobs_by_worker", ("'default'",)),
    ("outbox", "enqueue_untold", ("100", "60")),
]


@pytest.mark.parametrize(("file", "name", "values"), HOT, ids=[name for _, name, _ in HOT])
async def test_a_hot_statement_never_reads_all_jobs(
    filled: asyncpg.pool.PoolConnectionProxy, file: str, name: str, values: tuple[str, ...]
):
    text = "\n".join(row[0] for row in await filled.fetch(_plan_of(file, name, *values)))
    month = f"jobs_{datetime.now(UTC):%Y_%m}"
    assert not re.search(rf"Seq Scan on {month}\b", text), text
    assert re.search(r"Index (Only )?Scan|Bitmap Index Scan", text), text


async def test_a_prepared_fence_reads_one_partition_even_under_a_generic_plan(
    filled: asyncpg.pool.PoolConnectionProxy,
):
    await filled.execute("SET plan_cache_mode = force_generic_plan")
    sql = load("jobs")["start_fetching"].sql
    await filled.execute(f"PREPARE fenced (uuid, integer, text) AS {sql}")
    plan = await filled.fetch(f"EXPLAIN (ANALYZE) EXECUTE fenced ({', '.join(FENCE)})")
    text = "\n".join(row[0] for row in plan)
    assert "Subplans Removed" in text, text
    assert "Seq Scan" not in text, text
