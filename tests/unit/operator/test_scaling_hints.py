"""Who says that a pool is worth a look: the relay after publishing, a worker after a job."""

from __future__ import annotations

import asyncio
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from neurocards.adapters.waking_publisher import WakingPublisher
from neurocards.errors import QueueUnavailableError
from neurocards.ports.queue import OutboxMessage
from neurocards.testing.queue import MemoryBroker, MemoryHints, MemoryPublisher
from support.worker_bench import WorkerBench


def messages(*pools: str) -> list[OutboxMessage]:
    return [OutboxMessage(number, uuid4(), pool) for number, pool in enumerate(pools, start=1)]


async def test_a_batch_wakes_each_of_its_pools_once():
    broker = MemoryBroker()
    hints = MemoryHints(broker)
    publisher = WakingPublisher(MemoryPublisher(broker), hints)
    assert set(await publisher.publish(messages("b", "a", "b"))) == {1, 2, 3}
    assert [subject for subject, _ in hints.announced] == ["wake.scaling.a", "wake.scaling.b"]


async def test_what_was_not_stored_wakes_nobody():
    broker = MemoryBroker()
    hints = MemoryHints(broker)
    broker.go_away()
    with pytest.raises(QueueUnavailableError):
        await WakingPublisher(MemoryPublisher(broker), hints).publish(messages("a"))
    assert hints.announced == []


async def test_a_worker_says_that_a_job_of_its_pool_has_ended(tmp_path: Path):
    bench = WorkerBench(tmp_path)
    job_id = await bench.accept()
    bench.wakes.hints.append("task-1")
    stop = asyncio.Event()
    running = asyncio.create_task(bench.assembly.runner.run(stop))
    message = OutboxMessage(1, job_id, "default")
    await MemoryPublisher(bench.broker).publish([message])
    async with asyncio.timeout(30):
        while True:
            if _has_ended(bench, job_id):
                break
            await asyncio.sleep(0)
    stop.set()
    await running
    assert ("wake.scaling.default", b"") in bench.hints.announced


def _has_ended(bench: WorkerBench, job_id: UUID) -> bool:
    return bench.record(job_id).status.is_terminal and job_id not in bench.broker.job_ids
