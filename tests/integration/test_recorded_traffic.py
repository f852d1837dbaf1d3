"""The jobs of the past, read from a real PostgreSQL to replay a policy on them."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest

from neurocards.adapters.postgres import Database
from neurocards.adapters.postgres.traffic import PostgresTrafficRecord
from neurocards.domain.identifiers import uuid7
from neurocards.domain.jobs import JobStatus
from neurocards.testing.world import RATE_LIMIT, carried_to, claimed, drafted
from support.postgres_world import PostgresWorld

POLICY = Path(__file__).parents[2] / "docs" / "policies" / "single.yaml"
DAY_S = 86_400.0
_numbers = itertools.count(1)


@pytest.fixture
def world(database: Database, pool: asyncpg.Pool) -> PostgresWorld:
    return PostgresWorld(database, pool)


async def ordered(world: PostgresWorld, *, pool: str = "default", user_id: int = 0) -> UUID:
    number = next(_numbers)
    request = await drafted(world, user_id=user_id or 9000 + number)
    request = replace(request, job_id=uuid7(datetime.now(UTC), number << 60), pool=pool)
    await world.orders.accept(request)
    return request.job_id


async def done(world: PostgresWorld, job_id: UUID) -> None:
    job = await carried_to(world, await claimed(world, job_id), JobStatus.DELIVERING)
    assert await world.jobs.finish(job.fence, result_file_id="file", undelivered=False)


async def test_jobs_come_back_in_order_with_the_times_that_were_measured(
    world: PostgresWorld, database: Database
):
    """Other pools, and orders that ended before anybody took them, are no traffic of the pool."""
    first, second, _ = [await ordered(world) for _ in range(3)]
    cancelled = await ordered(world, user_id=1234)
    await ordered(world, pool="vip")
    await done(world, first)
    job = await claimed(world, second)
    await world.jobs.postpone(job.fence, after_s=60, reason="retry", failure=RATE_LIMIT)
    assert await world.orders.cancel(cancelled, tg_user_id=1234)

    record = PostgresTrafficRecord(database)
    jobs = await record.jobs("default", since_s=DAY_S, limit=100)
    assert len(jobs) == 3
    assert [one.service_s is None for one in jobs] == [False, True, True]
    assert jobs[0].service_s is not None
    assert jobs[0].service_s > 0
    assert [one.accepted_at for one in jobs] == sorted(one.accepted_at for one in jobs)
    assert len(await record.jobs("default", since_s=DAY_S, limit=2)) == 2


async def test_a_policy_is_replayed_on_the_jobs_of_the_database(
    world: PostgresWorld, database_url: str
):
    """The command reads them, and the JSON tells when that traffic began."""
    began = datetime.now(UTC)
    for _ in range(3):
        await done(world, await ordered(world))
    command = ["scaling", "plan", "-f", str(POLICY), "--from-database", "--json"]
    run = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "neurocards.cli", *command],
        env={**os.environ, "NEUROCARDS_DATABASE_URL": database_url},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    document = json.loads(run.stdout)
    assert document["jobs"] == 3
    begins = datetime.fromisoformat(document["begins"])
    assert began.date() <= begins.date() <= datetime.now(UTC).date()
