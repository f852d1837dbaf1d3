"""A fenced write is repeated while its first try is still under way at the server."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import cast

import asyncpg
import pytest

from neurocards.adapters.postgres import Database, PostgresJobStore
from neurocards.domain.jobs import Fence, JobStatus
from neurocards.ports.jobs import JobStore
from neurocards.testing.world import LEASE_S, TASK, VIOLATION, brought_to, claimed
from support.postgres_world import PostgresWorld
from support.statements import load

PATIENCE_S = 30.0
LOOK_S = 0.02
Write = Callable[[JobStore, Fence], Awaitable[bool]]
WRITES: dict[str, tuple[JobStatus, Write]] = {
    "start_submitting": (
        JobStatus.SCRIPTING,
        lambda jobs, fence: jobs.start_submitting(fence, may_reach_provider=True),
    ),
    "store_task": (JobStatus.SUBMITTING, lambda jobs, fence: jobs.store_task(fence, TASK)),
    "fail": (JobStatus.RENDERING, lambda jobs, fence: jobs.fail(fence, VIOLATION)),
}


@pytest.mark.parametrize("name", WRITES)
async def test_a_repetition_that_waits_for_its_first_try_finds_its_own_deed(
    database: Database, pool: asyncpg.Pool, name: str
):
    """The client's connection was cut; the server goes on, and commits a moment later."""
    world = PostgresWorld(database, pool)
    status, write = WRITES[name]
    job = await brought_to(world, status)
    async with database.transaction() as session:
        # All that a store asks of a database a session can do as well.
        first = PostgresJobStore(cast("Database", session))
        assert await write(first, job.fence)
        repetition = asyncio.create_task(_waited(write(world.jobs, job.fence)))
        async with asyncio.timeout(PATIENCE_S):
            while not await pool.fetchval(load("server")["somebody_waits_for_a_lock"]):  # noqa: ASYNC110 - the server does not tell
                await asyncio.sleep(LOOK_S)
    assert await repetition
    assert (await world.stored(job.id)).attempt == 1
    refunds = [entry for entry in await world.ledger() if entry.key == f"refund:{job.id}"]
    assert len(refunds) == (2 if name == "fail" else 0), "both sides of one booking"
    if name == "start_submitting":
        await world.pass_time(LEASE_S + 1)
        assert (await claimed(world, job.id)).submissions == 1


async def _waited(write: Awaitable[bool]) -> bool:
    return await write
