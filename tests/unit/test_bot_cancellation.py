"""What becomes of an order that its user does not want any more, and what he is told."""

from __future__ import annotations

import pytest
from aiogram.exceptions import TelegramBadRequest, TelegramNetworkError
from aiogram.methods import EditMessageText, SendMessage

from neurocards.domain.jobs import JobStatus
from neurocards.testing.world import carried_to, claimed
from neurocards_bot.processing import Applied, Repeat
from support.bot_desk import USER_ID, Desk, alert_of, balance, message, ordered, press


@pytest.fixture
def desk() -> Desk:
    return Desk()


async def test_a_queued_job_is_cancelled_and_refunded(desk: Desk):
    await desk.press(await ordered(desk))
    (told,) = await desk.says("/cancel")
    assert "стоимость возвращена" in told
    assert balance(desk) == 3
    (job,) = desk.world.database.jobs.values()
    assert job.status is JobStatus.CANCELLED


async def test_without_the_status_message_the_answer_is_the_only_word_of_it(desk: Desk):
    """A worker that met the job would say it in a second message."""
    await desk.press(await ordered(desk))
    gone = "Bad Request: message to edit not found"
    desk.telegram.faults["editMessageText"] = [
        TelegramBadRequest(method=EditMessageText(text="x"), message=gone)
    ]
    (told,) = await desk.says("/cancel")
    assert "стоимость возвращена" in told
    (job,) = desk.world.database.jobs.values()
    assert job.told_at is not None


async def test_a_status_message_that_is_there_is_left_to_the_last_word_of_a_worker(desk: Desk):
    """One that does not know of the end yet may draw its progress over the answer."""
    await desk.press(await ordered(desk))
    await desk.says("/cancel")
    (job,) = desk.world.database.jobs.values()
    assert job.told_at is None


async def test_the_button_under_the_status_message_cancels_too(desk: Desk):
    await desk.press(await ordered(desk))
    keyboard = desk.edits.screens[-1].keyboard
    assert keyboard is not None
    data = str(keyboard.inline_keyboard[0][0].callback_data)
    await desk.press(data)
    assert balance(desk) == 3
    assert "уже завершён" in alert_of(await desk.press(data))
    assert balance(desk) == 3


async def test_a_rendering_job_cannot_be_cancelled_any_more(desk: Desk):
    await desk.press(await ordered(desk))
    (record,) = desk.world.database.jobs.values()
    job = await claimed(desk.world, record.id)
    await carried_to(desk.world, job, JobStatus.RENDERING)
    (told,) = await desk.says("/cancel")
    assert "уже нельзя" in told
    assert balance(desk) == 2


async def test_an_update_that_comes_again_is_told_again_but_cancels_no_other_order(desk: Desk):
    for _ in range(2):
        await desk.press(await ordered(desk))
    lost = TelegramNetworkError(method=SendMessage(chat_id=1, text="x"), message="reset")
    desk.telegram.faults["sendMessage"] = [lost]
    update = desk.update(message=message(text="/cancel"))
    before = len(desk.telegram.texts())
    first = await desk.processor.process_raw(desk.bot, update)
    second = await desk.processor.process_raw(desk.bot, update)
    assert (type(first), type(second)) == (Repeat, Applied)
    assert "стоимость возвращена" in desk.telegram.texts()[before:][-1]
    ends = [job.status for job in desk.world.database.jobs.values()]
    assert sorted(ends) == [JobStatus.CANCELLED, JobStatus.QUEUED]


async def test_without_a_job_the_open_order_is_discarded(desk: Desk):
    await ordered(desk)
    (told,) = await desk.says("/cancel")
    assert "кредиты не списаны" in told
    assert desk.world.database.drafts == {}


async def test_with_nothing_open_that_is_said(desk: Desk):
    (told,) = await desk.says("/cancel")
    assert "Отменять нечего" in told


async def test_somebody_else_s_job_cannot_be_cancelled(desk: Desk):
    await desk.press(await ordered(desk))
    keyboard = desk.edits.screens[-1].keyboard
    assert keyboard is not None
    data = str(keyboard.inline_keyboard[0][0].callback_data)
    verdict = await desk.tell(callback_query=press(data, user_id=USER_ID + 1))
    assert "устарело" in alert_of(verdict)
    (job,) = desk.world.database.jobs.values()
    assert job.status is JobStatus.QUEUED
