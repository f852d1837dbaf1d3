"""A video that stands in the chat already: Telegram refuses the edit and tells no file."""

from __future__ import annotations

from support.worker_world import WorkerWorld

NOT_MODIFIED = {
    "method": "editMessageMedia",
    "status": 400,
    "description": "Bad Request: message is not modified: specified new message content and "
    "reply markup are exactly the same as a current content and reply markup of the message",
}


async def test_which_file_was_shown_is_found_by_an_edit_of_its_caption(world: WorkerWorld):
    """The answer to the first edit was lost, and Telegram takes the second one for the same."""
    await world.telegram.control(
        "/faults", {"method": "editMessageMedia", "times": 1, "drop": "after"}
    )
    await world.telegram.control("/faults", {**NOT_MODIFIED, "times": 1})
    await world.start_worker()

    job = await world.until_status(await world.order(), "done", "failed")

    message = await world.message(job["status_message_id"])
    assert message["media"]["kind"] == "video"
    assert job["result_file_id"] == message["media"]["file_id"]
    assert job["undelivered_at"] is None


async def test_a_file_that_is_never_told_leaves_a_delivered_job_without_it(world: WorkerWorld):
    await world.telegram.control("/faults", {**NOT_MODIFIED, "times": 9})
    await world.telegram.control(
        "/faults", {**NOT_MODIFIED, "method": "editMessageCaption", "times": 9}
    )
    await world.start_worker()

    job = await world.until_status(await world.order(), "done", "failed")

    assert (job["status"], job["result_file_id"], job["undelivered_at"]) == ("done", None, None)
    await world.person.reads("Your video is ready")
