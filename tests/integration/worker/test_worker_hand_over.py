"""Workers that die, end or lose their job, and the one that goes on."""

from __future__ import annotations

import asyncio
import os
import signal

from support import history
from support.waiting import until
from support.worker_world import (
    CALLBACK_SECRET,
    LONG_LEASES,
    PUBLIC_URL,
    TOKEN,
    USER_ID,
    WorkerProcess,
    WorkerWorld,
)

MANY = 40
IN_FLIGHT = "neurocards_jobs_in_flight "

WITH_CALLBACKS = {"PUBLIC_BASE_URL": PUBLIC_URL, "NEUROCARDS_CALLBACK_SECRET": CALLBACK_SECRET}


async def test_after_a_kill_in_mid_render_the_successor_resumes_the_same_task(world: WorkerWorld):
    first = await world.start_worker()
    job_id = await world.order(caption="Mug [sim:stuck]")
    before = await world.until_status(job_id, "rendering")

    os.kill(first.child.pid, signal.SIGKILL)
    await world.start_worker()

    async def taken_over() -> bool:
        return bool((await world.job(job_id))["attempt"] >= 2)

    await until(taken_over)
    await world.kie.control(f"/tasks/{before['provider_task_id']}/finish")
    after = await world.until_status(job_id, "done", "failed")
    assert after["status"] == "done"
    assert after["provider_task_id"] == before["provider_task_id"]
    assert after["lease_losses"] == 1
    assert await world.created() == 1


async def test_a_worker_that_is_told_to_end_hands_its_jobs_over(world: WorkerWorld):
    first = await world.start_worker(**LONG_LEASES)
    job_ids = [await world.order(caption="Mug [sim:stuck]") for _ in range(3)]
    for job_id in job_ids:
        await world.until_status(job_id, "rendering")

    await first.child.stop(timeout_s=30)

    assert first.child.exit_code == 0
    await world.start_worker(**LONG_LEASES)
    await world.kie.control("/tasks/finish")
    for job_id in job_ids:
        job = await world.until_status(job_id, "done", "failed")
        assert (job["status"], job["attempt"], job["lease_losses"]) == ("done", 2, 0)
    assert await world.created() == 3


async def test_a_worker_with_many_jobs_hands_over_every_one_of_them(world: WorkerWorld):
    """None waits for a lease to run out, and none gets another task."""
    settings = {
        "WORKER_CONCURRENCY": str(MANY),
        "NEUROCARDS_KIE_CREATES_PER_WINDOW": "1000",
        **LONG_LEASES,
        "NEUROCARDS_RENDER_POLL_S": "5",
    }
    first = await world.start_worker(**settings)
    job_ids = [await world.order(caption="Mug [sim:stuck]", balance=MANY) for _ in range(MANY)]
    before = {job_id: await world.until_status(job_id, "rendering") for job_id in job_ids}
    second = await world.start_worker(**settings)

    await first.child.stop(timeout_s=30)
    assert first.child.exit_code == 0

    async def all_taken() -> bool:
        return await _in_flight(world, second) == MANY

    await until(all_taken)
    await world.kie.control("/tasks/finish")
    for job_id in job_ids:
        job = await world.until_status(job_id, "done", "failed")
        assert (job["status"], job["attempt"], job["lease_losses"]) == ("done", 2, 0)
        assert job["provider_task_id"] == before[job_id]["provider_task_id"]
    assert await world.created() == MANY


async def test_a_worker_that_stood_still_beyond_its_leases_changes_nothing_when_it_wakes(
    world: WorkerWorld,
):
    """One of its jobs is still carried by its successor then, one has ended long ago."""
    await history.install(world.pool)
    settings = {"NEUROCARDS_RENDER_DEADLINE_S": "600"}
    sleeper = await world.start_worker(NEUROCARDS_POD_NAME="sleeper", **settings)
    job_ids = [await world.order(caption="Mug [sim:stuck]") for _ in range(2)]
    for job_id in job_ids:
        await world.until_status(job_id, "rendering")
    carried, finished = job_ids
    sleeper.child.signal(signal.SIGSTOP)
    await world.start_worker(NEUROCARDS_POD_NAME="successor", **settings)

    async def taken_over() -> bool:
        return {(await world.job(job_id))["leased_by"] for job_id in job_ids} == {"successor"}

    await until(taken_over)
    task_id = (await world.job(finished))["provider_task_id"]
    await world.kie.control(f"/tasks/{task_id}/finish")

    async def told() -> bool:
        return (await world.job(finished))["told_at"] is not None

    await until(told)
    ended = await world.job(finished)
    sleeper.child.signal(signal.SIGCONT)

    async def has_let_go() -> bool:
        return await _in_flight(world, sleeper) == 0

    await until(has_let_go)
    assert (await world.job(carried))["leased_by"] == "successor"
    assert (await world.job(carried))["attempt"] == 2
    assert ended["status"] == "done"
    assert dict(await world.job(finished)) == dict(ended)
    await world.kie.control("/tasks/finish")
    assert (await world.until_status(carried, "done", "failed"))["status"] == "done"
    assert history.check(await history.operations(world.pool)) == []
    assert await world.created() == 2
    videos = [one for one in await world.person.from_bot() if one["media"] is not None]
    assert len(videos) == 2


async def _in_flight(world: WorkerWorld, worker: WorkerProcess) -> int:
    """Ask a worker how many jobs it holds."""
    metrics = (await world.http.get(f"{worker.probes_url}/metrics")).text
    line = next(line for line in metrics.splitlines() if line.startswith(IN_FLIGHT))
    return int(float(line.removeprefix(IN_FLIGHT)))


async def test_an_order_in_flight_is_finished_before_the_worker_ends(world: WorkerWorld):
    first = await world.start_worker()
    await world.kie.control("/clock", {"time_factor": 10})
    job_id = await world.order(caption="Mug [sim:slow-reply] [sim:stuck]")
    await world.until_status(job_id, "submitting")

    await first.child.stop(timeout_s=40)

    job = await world.job(job_id)
    assert (job["status"], job["leased_by"]) == ("rendering", None)
    assert job["provider_task_id"] is not None
    assert await world.created() == 1


async def test_the_callback_brings_back_an_order_whose_answer_was_lost(world: WorkerWorld):
    await world.start_worker(**WITH_CALLBACKS, NEUROCARDS_AMBIGUITY_WAIT_S="30")

    job_id = await world.order(caption="Mug [sim:lost-reply]")
    job = await world.until_status(job_id, "done", "failed")

    assert (job["status"], job["orphans"]) == ("done", 0)
    assert await world.created() == 1


async def test_without_callbacks_a_lost_order_is_repeated_once_and_counted(world: WorkerWorld):
    await world.start_worker()

    job_id = await world.order(caption="Mug [sim:lost-reply:1]")
    job = await world.until_status(job_id, "done", "failed")

    assert (job["status"], job["orphans"]) == ("done", 1)
    assert await world.created() == 2


async def test_a_user_who_blocks_the_bot_in_mid_render_gets_his_video_when_he_returns(
    world: WorkerWorld,
):
    await world.start_worker()
    job_id = await world.order(caption="Mug [sim:stuck]")
    job = await world.until_status(job_id, "rendering")
    await world.person.block()
    await world.kie.control(f"/tasks/{job['provider_task_id']}/finish")
    job = await world.until_status(job_id, "done", "failed")
    assert (job["status"], job["undelivered_at"] is not None) == ("done", True)

    await world.person.unblock()
    assert await world.orders.requeue_undelivered(USER_ID, bot_id=job["bot_id"]) == 1

    async def delivered() -> bool:
        return (await world.job(job_id))["result_file_id"] is not None

    await until(delivered)
    assert await world.created() == 1
    assert await world.refunds(job_id) == 0


async def test_a_status_message_that_the_user_deleted_is_replaced_by_a_new_video(
    world: WorkerWorld,
):
    await world.start_worker()
    job_id = await world.order(caption="Mug [sim:stuck]")
    job = await world.until_status(job_id, "rendering")
    path = f"/chats/{USER_ID}/messages/{job['status_message_id']}"
    await world.telegram.control(path, method="DELETE")
    await world.kie.control(f"/tasks/{job['provider_task_id']}/finish")

    job = await world.until_status(job_id, "done", "failed")

    assert job["status"] == "done"
    assert job["fallback_sent_at"] is not None
    message = await world.person.sees(lambda one: one["media"] is not None, what="the video")
    assert message["media"]["file_id"] == job["result_file_id"]


async def test_an_edit_whose_answer_was_lost_shows_the_video_once(world: WorkerWorld):
    await world.start_worker()
    await world.telegram.control(
        "/faults", {"method": "editMessageMedia", "times": 2, "drop": "after"}
    )

    job = await world.until_status(await world.order(), "done", "failed")

    assert job["status"] == "done"
    videos = [one for one in await world.person.from_bot() if one["media"] is not None]
    assert len(videos) == 1


async def test_a_job_that_the_user_cancelled_is_left_alone(world: WorkerWorld):
    await world.telegram.control("/faults", {"method": "getFile", "times": 9, "delay_s": 1.0})
    await world.start_worker()
    job_id = await world.order()
    await world.until_status(job_id, "scripting")

    await world.orders.cancel(job_id, tg_user_id=USER_ID)
    await asyncio.sleep(3)

    assert (await world.job(job_id))["status"] == "cancelled"
    assert await world.created() == 0
    assert await world.balance() == 3


async def test_no_line_of_the_log_holds_a_secret(world: WorkerWorld):
    worker = await world.start_worker(NEUROCARDS_LOG_LEVEL="debug")
    await world.telegram.control(
        "/faults", {"method": "editMessageMedia", "times": 1, "drop": "after"}
    )
    await world.until_status(await world.order(caption="Very private caption"), "done", "failed")

    async def told() -> bool:
        return "job.done" in worker.log()

    await until(told)
    text = worker.log()
    for secret in (TOKEN, TOKEN.partition(":")[2], "sandbox-kie-key", "sandbox-openai-key"):
        assert secret not in text
    assert "Very private caption" not in text
    assert str(USER_ID) not in text
