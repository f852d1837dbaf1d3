"""A failed job offers to be ordered again, wherever its end is told."""

from __future__ import annotations

import pytest

from neurocards.domain.buttons import order_again_data
from neurocards.domain.jobs import JobStatus
from neurocards.domain.photos import PhotoFault
from support.worker_bench import NO_CREDITS, PEOPLE, PHOTO, STATUS_MESSAGE, WorkerBench, kie_error


@pytest.mark.parametrize("error", [PEOPLE, NO_CREDITS])
async def test_the_message_of_a_failed_job_has_a_button_that_orders_it_again(
    bench: WorkerBench, error: tuple[str, str]
):
    """Under the words that say what the user can do better."""
    bench.provider.create_errors.append(kie_error(*error))
    job_id = await bench.accept()
    record = await bench.carry(job_id)
    button = bench.status_message.button
    assert record.status is JobStatus.FAILED
    assert button is not None
    assert (button.text, button.data) == ("Попробовать ещё раз", order_again_data(job_id))


async def test_without_the_status_message_the_new_one_has_the_button(bench: WorkerBench):
    """The user has deleted the first one, not his wish."""
    bench.provider.create_errors.append(kie_error(*PEOPLE))
    job_id = await bench.accept()
    del bench.chat.messages[STATUS_MESSAGE]
    await bench.carry(job_id)
    buttons = [one.button.data for one in bench.chat.messages.values() if one.button is not None]
    assert buttons == [order_again_data(job_id)]


async def test_a_photo_that_cannot_be_used_is_not_offered_again(bench: WorkerBench):
    """It would fail each time."""
    bench.inspector.faults[PHOTO] = PhotoFault.DAMAGED
    record = await bench.carry(await bench.accept())
    assert record.status is JobStatus.FAILED
    assert bench.status_message.button is None


async def test_a_job_that_is_done_has_no_such_button(bench: WorkerBench):
    """Another video of the same photo is a new order."""
    record = await bench.carry(await bench.accept())
    assert record.status is JobStatus.DONE
    assert bench.status_message.button is None
