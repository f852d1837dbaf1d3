"""The worker as a process: its start, its probes, and servers that go away."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import Any

from support.waiting import PATIENCE_S, until
from support.worker_world import LONG_LEASES, SQL, WorkerProcess, WorkerWorld

LEASE_S = 5.0
"""Longer than a busy machine pauses."""


async def test_all_faults_of_the_settings_are_told_at_once_with_status_2():
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "neurocards_worker",
        env={
            "PATH": os.environ["PATH"],
            "WORKER_CONCURRENCY": "many",
            "NEUROCARDS_KIE_MODEL": "paint-9",
            "NEUROCARDS_TELEGRAM_TOKENS": "nonsense",
        },
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(PATIENCE_S):
        _, told = await process.communicate()

    assert process.returncode == 2
    for name in (
        "WORKER_CONCURRENCY",
        "NEUROCARDS_KIE_MODEL",
        "NEUROCARDS_TELEGRAM_TOKENS",
        "OPENAI_API_KEY",
        "KIE_API_KEY",
    ):
        assert name in told.decode()
    assert b"Traceback" not in told


async def metrics_of(world: WorkerWorld, worker: WorkerProcess) -> str:
    return (await world.http.get(f"{worker.probes_url}/metrics")).text


async def test_probes_and_metrics_tell_of_the_worker(world: WorkerWorld):
    worker = await world.start_worker()
    await world.until_status(await world.order(), "done")

    async def told() -> bool:
        return 'outcome="Done"' in await metrics_of(world, worker)

    await until(told)
    alive = await world.http.get(f"{worker.probes_url}/livez")
    ready = await world.http.get(f"{worker.probes_url}/readyz")
    metrics = await metrics_of(world, worker)

    assert (alive.status_code, ready.status_code) == (200, 200)
    assert set(ready.json()["checks"]) == {"postgres", "schema", "nats"}
    assert 'neurocards_runs_total{failure_class="",outcome="Done"} 1.0' in metrics
    assert 'neurocards_jobs_finished_total{failure_class="",status="done"} 1.0' in metrics
    assert 'database_connections{pool="main",state="idle"}' in metrics
    assert 'notifications_sent_total{success="true",type="notice"} 1.0' in metrics
    assert "neurocards_worker_slots 20.0" in metrics
    assert 'database_query_seconds_count{query_name="claim_job"}' in metrics
    assert 'database_connections{pool="leases",state="idle"}' in metrics
    assert "neurocards_job_wait_seconds_count 1.0" in metrics


async def test_the_state_of_the_provider_keys_is_a_metric(world: WorkerWorld):
    """G-13; a key that the provider refused is named by its reason."""
    keys = {"KIE_API_KEY": "sandbox-kie-key", "KIE_API_KEY_1": "a-key-that-kie-does-not-know"}
    worker = await world.start_worker(**keys)

    async def counted(state: str, number: int) -> bool:
        line = f'neurocards_provider_keys{{state="{state}"}} {number}.0'
        return line in await metrics_of(world, worker)

    await until(lambda: counted("healthy", 2))
    for _ in range(2):
        await world.until_status(await world.order(), "done")
    await until(lambda: counted("unauthorized", 1))
    assert await counted("healthy", 1)


async def test_every_line_of_a_job_names_job_pod_and_pool(world: WorkerWorld):
    """G-14: the lines of one job are found by its id, those of a pool by its name.

    One of the keys is unknown to the provider: whoever tells of that knows of no job by himself.
    """
    keys = {"KIE_API_KEY": "sandbox-kie-key", "KIE_API_KEY_1": "a-key-that-kie-does-not-know"}
    worker = await world.start_worker(**keys)
    seen: set[str] = set()
    for count in (1, 2):
        job_id = await world.order()
        await world.until_status(job_id, "done")

        async def told(count: int = count) -> bool:
            return worker.log().count("job.done") == count

        await until(told)
        lines = [json.loads(line) for line in worker.log().splitlines()]
        begun = _index_of_last(lines, "job.claimed")
        of_the_job = lines[begun : _index_of_last(lines, "job.done") + 1]
        assert [line for line in of_the_job if line.get("job_id") != str(job_id)] == []
        assert {line["pool"] for line in of_the_job} == {"default"}
        assert {line["pod"] for line in of_the_job} == {worker.child.log_path.stem}
        seen |= {line["event"] for line in of_the_job}
    assert {"job.claimed", "key.blocked", "submit.done", "job.done"} <= seen


def _index_of_last(lines: list[dict[str, Any]], event: str) -> int:
    return max(number for number, line in enumerate(lines) if line["event"] == event)


async def test_a_lease_is_renewed_though_jobs_hold_every_connection(world: WorkerWorld):
    worker = await world.start_worker(
        DB_POOL_SIZE="2",
        DB_MAX_OVERFLOW="0",
        NEUROCARDS_LEASE_S=str(LEASE_S),
        NEUROCARDS_ACK_WAIT_S=str(LEASE_S),
    )
    rendering = await world.order(caption="Mug [sim:stuck]", balance=9)
    await world.until_status(rendering, "rendering")

    async def connections_are_gone() -> bool:
        line = 'database_connections{pool="main",state="used"} 2.0'
        return line in await metrics_of(world, worker)

    async with world.pool.acquire() as connection, connection.transaction():
        await connection.execute(SQL["lock_templates"].sql)
        waiting = [await world.order() for _ in range(3)]
        await until(connections_are_gone)
        await asyncio.sleep(1.2 * LEASE_S)
        assert await connections_are_gone()
        job = await world.job(rendering)
        assert await world.pool.fetchval(SQL["lease_is_live"].sql, rendering)

    assert (job["status"], job["attempt"]) == ("rendering", 1)
    await world.kie.control("/tasks/finish")
    for job_id in (rendering, *waiting):
        job = await world.until_status(job_id, "done", "failed")
        assert (job["status"], job["lease_losses"]) == ("done", 0)


async def test_many_jobs_are_carried_at_once_and_none_twice(world: WorkerWorld):
    await world.start_worker(
        **LONG_LEASES, WORKER_CONCURRENCY="20", NEUROCARDS_KIE_CREATES_PER_WINDOW="1000"
    )
    job_ids = [await world.order(balance=100) for _ in range(12)]

    for job_id in job_ids:
        job = await world.until_status(job_id, "done", "failed")
        assert (job["status"], job["attempt"]) == ("done", 1)
    assert await world.created() == len(job_ids)
