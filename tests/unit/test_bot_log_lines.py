"""What the bot's log tells of an order: its job, so that the worker's lines are found by it."""

from __future__ import annotations

from structlog.testing import capture_logs

from support.bot_desk import BOT_ID, USER_ID, Desk, photo


async def test_an_accepted_order_is_told_with_its_job_and_one_that_is_pressed_again_is_known():
    """G-14: after the commit, since before it there may be no job."""
    desk = Desk()
    await desk.message(**photo())
    await desk.press(desk.button("Первый"))
    confirm = desk.button("Создать видео")
    with capture_logs() as lines:
        await desk.press(confirm)
        await desk.press(confirm)

    (job_id,) = desk.world.database.jobs
    told = [line for line in lines if line["event"].startswith("order.")]
    assert [line["event"] for line in told] == ["order.accepted", "order.known"]
    for line in told:
        assert (line["job_id"], line["bot_id"]) == (str(job_id), BOT_ID)
        assert line["tg_user_id"] == USER_ID, "an int, which the log makes a pseudonym of"


async def test_an_order_that_is_not_accepted_is_not_told():
    desk = Desk()
    await desk.message(**photo())
    await desk.press(desk.button("Первый"))
    confirm = desk.button("Создать видео")
    desk.world.database.users.clear()
    with capture_logs() as lines:
        await desk.press(confirm)

    assert [line for line in lines if line["event"].startswith("order.")] == []
