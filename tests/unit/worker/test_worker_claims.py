"""A flood of messages at once, as after an outage: the database is asked in an orderly way."""

from __future__ import annotations

import asyncio
from uuid import UUID

import pytest

from neurocards.ports.jobs import Claim, NothingToDo
from neurocards.ports.queue import OutboxMessage
from neurocards.testing.queue import MemoryPublisher
from support.worker_bench import WorkerBench

MESSAGES = 300


class CountingClaims:
    """Stands before the fake store and sees how many claims are under way."""

    def __init__(self) -> None:
        self.under_way = 0
        self.most = 0
        self.claimed: set[UUID] = set()
        self.all_claimed = asyncio.Event()

    async def claim(self, job_id: UUID, **_lease: object) -> Claim:
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        await asyncio.sleep(0)
        self.under_way -= 1
        self.claimed.add(job_id)
        if len(self.claimed) == MESSAGES:
            self.all_claimed.set()
        return NothingToDo(None)


async def test_a_flood_of_messages_leaves_connections_to_the_jobs_that_run(
    bench: WorkerBench, monkeypatch: pytest.MonkeyPatch
):
    """Otherwise claims wait for a connection until that fails, and every message comes again."""
    claims = CountingClaims()
    monkeypatch.setattr(bench.world.jobs, "claim", claims.claim)
    messages = [OutboxMessage(n, UUID(int=n), "default") for n in range(MESSAGES)]
    await MemoryPublisher(bench.broker).publish(messages)
    stop = asyncio.Event()
    running = asyncio.create_task(bench.assembly._runner().run(stop))
    async with asyncio.timeout(30):
        await claims.all_claimed.wait()
    stop.set()
    await running
    assert 1 < claims.most < bench.settings.database.pool_size
