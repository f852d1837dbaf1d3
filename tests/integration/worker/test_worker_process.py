"""The worker as a process: its start, its probes, and servers that go away."""

from __future__ import annotations

import asyncio
import os
import sys

from support.worker_world import PATIENCE_S, WorkerProcess, WorkerWorld, until


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


async def test_many_jobs_are_carried_at_once_and_none_twice(world: WorkerWorld):
    await world.start_worker(WORKER_CONCURRENCY="20", NEUROCARDS_KIE_CREATES_PER_WINDOW="1000")
    job_ids = [await world.order(balance=100) for _ in range(12)]

    for job_id in job_ids:
        job = await world.until_status(job_id, "done", "failed")
        assert (job["status"], job["attempt"]) == ("done", 1)
    assert await world.created() == len(job_ids)
