"""The button under a failed job: the real dispatcher on in-memory stores."""

from __future__ import annotations

import asyncio
from uuid import UUID

import pytest

from neurocards.domain.buttons import order_again_data
from neurocards.domain.jobs import JobStatus
from neurocards.testing.world import RATE_LIMIT, MemoryWorld, claimed, new_job_id
from support.bot_desk import BOT_ID, USER_ID, Desk, alert_of, balance, message, photo, press

FAILED_MESSAGE = 1000


@pytest.fixture
def desk() -> Desk:
    return Desk()


async def failed_job(desk: Desk) -> UUID:
    """Order a landscape video with a description, and let it fail."""
    await desk.message(**photo(caption="Mug, 350 ml"))
    await desk.press(desk.button("Первый"))
    await desk.press(desk.button("16:9"))
    await desk.press(desk.button("Создать видео"))
    (job_id,) = desk.world.database.jobs
    job = await claimed(desk.world, job_id)
    assert await desk.world.jobs.fail(job.fence, RATE_LIMIT)
    return job_id


async def test_the_same_order_is_put_together_again_and_nothing_is_charged_yet(desk: Desk):
    """The price stands on the button, as it does for every order."""
    job_id = await failed_job(desk)
    before = len(desk.telegram.texts())
    await desk.press(order_again_data(job_id), message_id=FAILED_MESSAGE)
    (menu,) = desk.telegram.texts()[before:]
    assert "Первый" in menu
    assert "Mug, 350 ml" in menu
    assert "✓ 16:9" in " ".join(desk.buttons())
    assert "1 кредит" in " ".join(desk.buttons())
    assert balance(desk) == 3
    assert len(desk.world.database.jobs) == 1


async def test_confirmed_it_is_a_new_job_with_a_new_charge(desk: Desk):
    """The failed one stays as it was."""
    job_id = await failed_job(desk)
    await desk.press(order_again_data(job_id), message_id=FAILED_MESSAGE)
    await desk.press(desk.button("Создать видео"), message_id=FAILED_MESSAGE + 1)
    jobs = desk.world.database.jobs
    again = next(job for number, job in jobs.items() if number != job_id)
    assert jobs[job_id].status is JobStatus.FAILED
    assert (again.status, again.order) == (JobStatus.QUEUED, jobs[job_id].order)
    assert balance(desk) == 2


async def test_the_text_of_the_failure_stays_and_loses_its_button(desk: Desk):
    """It says what the user could do better."""
    job_id = await failed_job(desk)
    edits = len(desk.telegram.called("editMessageText"))
    await desk.press(order_again_data(job_id), message_id=FAILED_MESSAGE)
    assert len(desk.telegram.called("editMessageText")) == edits
    (taken,) = desk.telegram.called("editMessageReplyMarkup")
    assert getattr(taken, "message_id", None) == FAILED_MESSAGE


async def test_two_presses_at_once_and_on_two_replicas_make_one_draft_and_one_order():
    """Whatever shows two menus, both carry the same draft."""
    world = MemoryWorld()
    desks = [Desk(world), Desk(world)]
    job_id = await failed_job(desks[0])
    await asyncio.gather(
        *(
            desk.processor.process_raw(
                desk.bot,
                {"update_id": 700 + number, "callback_query": press(order_again_data(job_id))},
            )
            for number, desk in enumerate(desks)
        )
    )
    open_drafts = [draft for draft in world.database.drafts.values() if draft.job_id is None]
    assert len(open_drafts) == 1
    for desk in desks:
        await desk.tell(callback_query=press(desk.button("Создать видео")))
    assert len(world.database.jobs) == 2


async def test_pressed_after_the_new_order_was_accepted_it_orders_nothing(desk: Desk):
    """The first repetition may be at work already."""
    job_id = await failed_job(desk)
    await desk.press(order_again_data(job_id))
    await desk.press(desk.button("Создать видео"))
    before = len(desk.telegram.texts())
    told = alert_of(await desk.press(order_again_data(job_id)))
    assert "уже принят" in told
    assert len(desk.telegram.texts()) == before
    assert len(desk.world.database.jobs) == 2


async def test_only_his_own_failed_jobs_can_be_ordered_again(desk: Desk):
    """Not a stranger's, not one that is at work, not one that never was."""
    job_id = await failed_job(desk)
    drafts = len(desk.world.database.drafts)
    stranger = press(order_again_data(job_id), user_id=USER_ID + 1)
    await desk.tell(message=message(text="/start", user={"id": USER_ID + 1}))
    await desk.tell(callback_query=stranger)
    await desk.press(order_again_data(new_job_id()))
    desk.world.database.jobs[job_id].status = JobStatus.RENDERING
    await desk.press(order_again_data(job_id))
    assert len(desk.world.database.drafts) == drafts


async def test_a_job_of_another_bot_is_not_ordered_again_at_this_one(desk: Desk):
    """A file id means nothing to another bot."""
    job_id = await failed_job(desk)
    desk.world.database.jobs[job_id].bot_id = BOT_ID + 1
    drafts = len(desk.world.database.drafts)
    await desk.press(order_again_data(job_id))
    assert len(desk.world.database.drafts) == drafts


async def test_a_photo_that_telegram_no_longer_gives_out_is_told_of(desk: Desk):
    """Nobody pays for an order that must fail; the button stays, it may come back."""
    job_id = await failed_job(desk)
    drafts = len(desk.world.database.drafts)
    desk.telegram.files.clear()
    told = alert_of(await desk.press(order_again_data(job_id)))
    assert "Пришлите его ещё раз" in told
    assert len(told) <= 200
    assert len(desk.world.database.drafts) == drafts
    assert desk.telegram.called("editMessageReplyMarkup") == []


async def test_a_style_that_is_no_longer_offered_is_asked_for(desk: Desk):
    """The rest of the order is kept."""
    job_id = await failed_job(desk)
    del desk.world.database.templates["first"]
    desk.world.database.clock.advance(3600)
    await desk.press(order_again_data(job_id))
    await desk.press(desk.button("Второй"))
    assert "✓ 16:9" in " ".join(desk.buttons())


async def test_a_message_describes_the_order_that_was_begun_again(desk: Desk):
    """As with any order: the newest open one is meant."""
    job_id = await failed_job(desk)
    await desk.press(order_again_data(job_id))
    await desk.says("A mug without a brand")
    (draft,) = [d for d in desk.world.database.drafts.values() if d.job_id is None]
    assert draft.caption == "A mug without a brand"
