"""The word about an order that nobody began: tried once, lost without harm."""

from __future__ import annotations

from uuid import UUID

import pytest
from aiogram.exceptions import (
    ClientDecodeError,
    TelegramBadRequest,
    TelegramForbiddenError,
    TelegramNetworkError,
    TelegramRetryAfter,
    TelegramServerError,
)
from aiogram.methods import EditMessageText, SendMessage

from neurocards.domain.buttons import order_again_data
from neurocards.ports.queue import OverdueJob
from neurocards.translations import Translations
from neurocards_bot.order_texts import OrderTexts
from neurocards_bot.outbound import make_bot
from neurocards_bot.overdue_notice import OverdueNotice
from support.bot_desk import BOT_ID, USER_ID, ScriptedTelegram

TEXTS = OrderTexts(Translations.load("neurocards_bot", "neurocards_bot"))
JOB = OverdueJob(UUID(int=7), BOT_ID, USER_ID, 77, "ru")
EDIT = EditMessageText(text="x")


def refused(reason: str) -> TelegramBadRequest:
    return TelegramBadRequest(method=EDIT, message=f"Bad Request: {reason}")


GONE = refused("message to edit not found")


@pytest.fixture
def telegram() -> ScriptedTelegram:
    return ScriptedTelegram()


@pytest.fixture
def notice(telegram: ScriptedTelegram) -> OverdueNotice:
    return OverdueNotice({BOT_ID: make_bot(f"{BOT_ID}:TOKEN", telegram)}, TEXTS)


async def test_the_status_message_says_what_happened(
    telegram: ScriptedTelegram, notice: OverdueNotice
):
    assert await notice.tell([JOB]) == [JOB.job_id]
    (edit,) = telegram.called("editMessageText")
    assert isinstance(edit, EditMessageText)
    assert (edit.chat_id, edit.message_id) == (USER_ID, 77)
    assert "возвращена" in str(edit.text)
    assert edit.reply_markup is not None
    ((button,),) = edit.reply_markup.inline_keyboard
    assert button.callback_data == order_again_data(JOB.job_id)
    assert telegram.called("sendMessage") == []


async def test_without_the_status_message_a_new_one_says_it(
    telegram: ScriptedTelegram, notice: OverdueNotice
):
    telegram.faults["editMessageText"] = [GONE]
    await notice.tell([JOB])
    assert telegram.texts() == [TEXTS.overdue("ru")]


async def test_a_message_that_says_so_already_is_no_reason_for_another_one(
    telegram: ScriptedTelegram, notice: OverdueNotice
):
    """An edit is repeated when its reply was lost, and the repeat finds nothing to change."""
    telegram.faults["editMessageText"] = [refused("message is not modified: exactly the same")]
    assert await notice.tell([JOB]) == [JOB.job_id]
    assert telegram.called("sendMessage") == []


@pytest.mark.parametrize(
    "error",
    [
        TelegramNetworkError(method=EDIT, message="reset"),
        TelegramServerError(method=EDIT, message="502"),
        TelegramRetryAfter(method=EDIT, message="Too Many Requests", retry_after=30),
        refused("can't parse entities"),
    ],
)
async def test_an_edit_that_may_have_shown_or_may_show_later_is_left_to_a_worker(
    telegram: ScriptedTelegram, notice: OverdueNotice, error: Exception
):
    """A new message would tell the same a second time."""
    telegram.faults["editMessageText"] = [error]
    assert await notice.tell([JOB]) == []
    assert telegram.called("sendMessage") == []


@pytest.mark.parametrize(
    "error",
    [
        TelegramForbiddenError(method=SendMessage(chat_id=1, text="x"), message="blocked"),
        ClientDecodeError("Failed to decode object", ValueError(), "<html>502"),
    ],
)
async def test_a_user_who_cannot_be_reached_holds_up_nobody_and_is_left_to_a_worker(
    telegram: ScriptedTelegram, notice: OverdueNotice, error: Exception
):
    telegram.faults["editMessageText"] = [GONE]
    telegram.faults["sendMessage"] = [error]
    elsewhere = OverdueJob(UUID(int=8), BOT_ID + 1, USER_ID, 78, "en")
    later = OverdueJob(UUID(int=9), BOT_ID, USER_ID + 1, 79, "en")
    told = await notice.tell([JOB, elsewhere, later])
    assert told == [later.job_id]
    assert len(telegram.called("editMessageText")) == 2
