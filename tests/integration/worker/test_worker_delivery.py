"""The worker process from an accepted order to a video in the chat."""

from __future__ import annotations

from support.worker_world import WorkerWorld


async def test_an_accepted_order_becomes_a_video_in_the_place_of_the_status_message(
    world: WorkerWorld,
):
    await world.start_worker()

    job_id = await world.order(caption="Blue mug, 350 ml")
    job = await world.until_status(job_id, "done", "failed")

    assert job["status"] == "done", dict(job)
    message = await world.message(job["status_message_id"])
    assert message["media"]["kind"] == "video"
    assert job["result_file_id"] == message["media"]["file_id"]
    await world.person.reads("Your video is ready")
    assert await world.created() == 1
    assert await world.refunds(job_id) == 0
