"""/history: the finished videos, sent again by their file ids, a page at a time."""

from __future__ import annotations

from collections.abc import Sequence

import structlog
from aiogram import Bot, Router
from aiogram.exceptions import TelegramBadRequest
from aiogram.filters import Command
from aiogram.methods import AnswerCallbackQuery
from aiogram.types import CallbackQuery, InlineKeyboardMarkup, Message

from neurocards.ports.jobs import TemplateStore
from neurocards.ports.orders import HistoryItem
from neurocards_bot.accounts import Accounts, Customer
from neurocards_bot.callback_data import HistoryPage
from neurocards_bot.handlers.presses import message_of
from neurocards_bot.messages import take_keyboard_away
from neurocards_bot.screens import older_keyboard
from neurocards_bot.texts import Texts

log = structlog.get_logger(__name__)


async def show_history(
    message: Message,
    *,
    user: Customer,
    bot: Bot,
    accounts: Accounts,
    templates: TemplateStore,
    texts: Texts,
) -> None:
    videos, older = await accounts.videos(user.tg_user_id, bot_id=bot.id, before=None)
    if not videos:
        await message.answer(texts.no_videos(user.language))
        return
    await _send(
        bot,
        chat_id=message.chat.id,
        videos=videos,
        user=user,
        templates=templates,
        texts=texts,
        older=older,
    )


async def show_older(
    query: CallbackQuery,
    *,
    callback_data: HistoryPage,
    user: Customer,
    bot: Bot,
    accounts: Accounts,
    templates: TemplateStore,
    texts: Texts,
) -> AnswerCallbackQuery:
    chat_id, message_id = message_of(query)
    before = callback_data.before
    videos, older = await accounts.videos(user.tg_user_id, bot_id=bot.id, before=before)
    await take_keyboard_away(bot, chat_id, message_id)
    await _send(
        bot,
        chat_id=chat_id,
        videos=videos,
        user=user,
        templates=templates,
        texts=texts,
        older=older,
    )
    return query.answer() if videos else query.answer(texts.no_older_videos(user.language))


async def _send(
    bot: Bot,
    *,
    chat_id: int,
    videos: Sequence[HistoryItem],
    user: Customer,
    templates: TemplateStore,
    texts: Texts,
    older: bool,
) -> None:
    """Send the videos; under the last one the button that pages on, if there is more."""
    for number, video in enumerate(videos, start=1):
        template = await templates.template(video.template_id)
        name = template.name(user.language) if template else video.template_id
        last = older and number == len(videos)
        keyboard = older_keyboard(texts.older_videos(user.language), video.job_id) if last else None
        await _send_one(
            bot,
            chat_id=chat_id,
            video=video,
            name=name,
            language=user.language,
            texts=texts,
            keyboard=keyboard,
        )


async def _send_one(
    bot: Bot,
    *,
    chat_id: int,
    video: HistoryItem,
    name: str,
    language: str,
    texts: Texts,
    keyboard: InlineKeyboardMarkup | None,
) -> None:
    """Send one video; a file that Telegram no longer knows is named instead."""
    caption = texts.video_caption(name, video.created_at)
    try:
        if video.result_file_id is not None:
            await bot.send_video(
                chat_id, video.result_file_id, caption=caption, reply_markup=keyboard
            )
        else:
            # Which file it is was never told; the message that shows it can be copied.
            message_id = video.status_message_id
            await bot.copy_message(
                chat_id, chat_id, message_id, caption=caption, reply_markup=keyboard
            )
    except TelegramBadRequest as error:
        log.warning("history.file_lost", job_id=video.job_id, reason=error.message)
    else:
        return
    await bot.send_message(chat_id, texts.video_unavailable(language, name), reply_markup=keyboard)


def build_router() -> Router:
    router = Router(name="history")
    router.message.register(show_history, Command("history"))
    router.callback_query.register(show_older, HistoryPage.filter())
    return router
