"""A worker whose servers go, refuse it or fall silent goes on by itself and loses no job.

Its leases are long where a lease that ran out would hide what is looked for: a job that ends with
its first attempt was never lost.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import nats
import pytest

from chaos.proxy import FaultProxy
from neurocards.adapters.nats.subjects import STREAM
from support.broker import Nats
from support.statements import load
from support.waiting import until
from support.worker_world import LONG_LEASES, USER_ID, WorkerWorld

WORKER = "neurocards-worker"
PASSWORD = "of-a-test"
SILENT_NATS_S = 120.0
"""A client gives a silent connection up after its third ping, 30 s; then it connects anew."""
SQL = load("sessions")


async def _until_pulling(nats_url: str) -> None:
    """Wait until a pull of the worker waits at the broker."""
    client = await nats.connect(nats_url)

    async def waits() -> bool:
        with contextlib.suppress(nats.js.errors.NotFoundError):
            return bool((await client.jsm().consumer_info(STREAM, "default")).num_waiting)
        return False

    try:
        await until(waits)
    finally:
        await client.close()


@pytest.mark.parametrize("how", ["restart", "crash"])
async def test_a_pull_that_waits_does_not_outlive_the_broker_it_waits_at(
    world: WorkerWorld, nats_server: Nats, nats_url: str, how: str
):
    """A new one waits as soon as the broker is back; the old one's time-out plays no part."""
    worker = await world.start_worker(**LONG_LEASES)
    await _until_pulling(nats_url)
    if how == "crash":
        await nats_server.kill()
        await nats_server.start()
    else:
        await nats_server.restart()

    job = await world.until_status(await world.order(), "done", "failed")

    assert (job["status"], job["attempt"]) == ("done", 1)
    assert "queue.connected" in worker.log()
    assert "queue.pull_lost" not in worker.log()


async def test_a_job_is_carried_to_its_end_while_every_session_is_ended_again_and_again(
    world: WorkerWorld,
):
    """Whatever statement it strikes: one task, one video, no refund."""
    worker = await world.start_worker()
    job_id = await world.order()
    ended = 0

    async def has_ended() -> bool:
        nonlocal ended
        ended += await world.pool.fetchval(SQL["end_sessions_of"], WORKER)
        await asyncio.sleep(0.2)
        return (await world.job(job_id))["status"] in {"done", "failed"}

    await until(has_ended)
    assert (await world.job(job_id))["status"] == "done"
    assert ended > 0
    assert worker.child.is_running
    assert await world.created() == 1
    assert await world.refunds(job_id) == 0
    videos = [one for one in await world.person.from_bot() if one["media"] is not None]
    assert len(videos) == 1


async def test_a_worker_that_holds_jobs_survives_the_end_of_all_its_sessions(world: WorkerWorld):
    """Nothing of it is a failure of the job: no try, no lost lease, the same attempt."""
    await world.start_worker(**LONG_LEASES)
    job_id = await world.order(caption="Mug [sim:stuck]")
    await world.until_status(job_id, "rendering")
    assert await world.pool.fetchval(SQL["end_sessions_of"], WORKER) > 0

    await world.kie.control("/tasks/finish")
    job = await world.until_status(job_id, "done", "failed")

    assert (job["status"], job["attempt"], job["tries"]) == ("done", 1, 0)
    assert job["lease_losses"] == 0
    assert await world.created() == 1


@pytest.fixture
async def role(pool: asyncpg.Pool) -> AsyncIterator[str]:
    """A role with the rights of a worker, for this test alone."""
    name = f"worker_of_a_test_{random.getrandbits(32):08x}"
    await pool.execute(SQL["make_role"].replace(":role", name))
    yield name
    await pool.execute(SQL["end_sessions_of"], WORKER)
    await pool.execute(SQL["drop_role"].replace(":role", name))


async def test_a_worker_that_gets_no_connection_holds_its_jobs_until_it_gets_one(
    world: WorkerWorld, role: str, database_url: str
):
    """PostgreSQL has no room for it; what it carries and what comes meanwhile is done later."""
    address = urlsplit(database_url)
    netloc = f"{role}:{PASSWORD}@{address.hostname}:{address.port}"
    worker = await world.start_worker(
        **LONG_LEASES, NEUROCARDS_DATABASE_URL=urlunsplit(address._replace(netloc=netloc))
    )
    carried = await world.order(caption="Mug [sim:stuck]")
    await world.until_status(carried, "rendering")
    await world.pool.execute(SQL["let_nobody_in"].replace(":role", role))
    assert await world.pool.fetchval(SQL["end_sessions_of"], WORKER) > 0
    came = await world.order(user_id=USER_ID)
    await world.kie.control("/tasks/finish")

    async def refused() -> bool:
        return "claim.store_away" in worker.log() and "TooManyConnections" in worker.log()

    await until(refused)
    assert (await world.job(came))["status"] == "queued"
    assert (await world.job(carried))["status"] == "rendering"
    await world.pool.execute(SQL["let_everybody_in"].replace(":role", role))

    for job_id in (carried, came):
        job = await world.until_status(job_id, "done", "failed")
        assert (job["status"], job["attempt"], job["tries"]) == ("done", 1, 0)
    assert await world.created() == 2


async def _link(name: str, url: str) -> tuple[FaultProxy, str]:
    """Start a link to a server; gives it and the server's address through it."""
    address = urlsplit(url)
    link = FaultProxy(name, [(address.hostname or "", address.port or 0)], dice=random.Random(1))
    await link.start()
    login, at, _ = address.netloc.rpartition("@")
    return link, urlunsplit(address._replace(netloc=f"{login}{at}127.0.0.1:{link.port}"))


async def test_a_job_goes_on_after_every_connection_to_postgresql_has_become_half_open(
    world: WorkerWorld, database_url: str
):
    """Statements on them time out one after the other, and new connections take their place."""
    link, url = await _link("postgres", database_url)
    world.stack.push_async_callback(link.stop)
    await world.start_worker(
        **LONG_LEASES, NEUROCARDS_DATABASE_URL=url, NEUROCARDS_DB_STATEMENT_TIMEOUT_S="1"
    )
    job_id = await world.order(caption="Mug [sim:stuck]")
    await world.until_status(job_id, "rendering")
    link.mute()
    await world.kie.control("/tasks/finish")

    job = await world.until_status(job_id, "done", "failed")

    assert (job["status"], job["attempt"], job["tries"]) == ("done", 1, 0)
    assert await world.created() == 1


async def test_an_order_is_taken_after_the_connection_to_nats_has_become_half_open(
    world: WorkerWorld, nats_url: str
):
    """The pings of the client find it out; what was sent into the void comes after `ack_wait`."""
    link, url = await _link("nats", nats_url)
    world.stack.push_async_callback(link.stop)
    worker = await world.start_worker(NEUROCARDS_NATS_URL=url)
    await _until_pulling(nats_url)
    link.mute()
    job_id = await world.order()

    async with asyncio.timeout(SILENT_NATS_S):
        while (await world.job(job_id))["attempt"] == 0:  # noqa: ASYNC110 - not ours to signal
            await asyncio.sleep(0.2)

    job = await world.until_status(job_id, "done", "failed")
    assert (job["status"], job["tries"]) == ("done", 0)
    assert worker.child.is_running
    assert await world.created() == 1
