"""What all handlers of buttons share: where the button hangs, and what an old one is told."""

from __future__ import annotations

from uuid import UUID

from aiogram import Bot
from aiogram.methods import AnswerCallbackQuery
from aiogram.types import CallbackQuery

from neurocards_bot.accounts import Customer
from neurocards_bot.messages import take_keyboard_away
from neurocards_bot.order_texts import OrderTexts
from neurocards_bot.ordering import Ordering


def message_of(query: CallbackQuery) -> tuple[int, int]:
    """Give chat and message of the pressed button; our buttons never hang on inline messages."""
    if query.message is None:
        return query.from_user.id, 0
    return query.message.chat.id, query.message.message_id


async def answer_closed_menu(
    query: CallbackQuery,
    *,
    bot: Bot,
    ordering: Ordering,
    texts: OrderTexts,
    user: Customer,
    draft_id: UUID,
) -> AnswerCallbackQuery:
    """Answer a button whose draft can no longer be changed.

    An accepted order keeps its message: the worker draws it.
    """
    if await ordering.is_accepted(draft_id, user.tg_user_id):
        return query.answer(texts.already_accepted(user.language))
    return await answer_old_menu(query, bot, texts, user.language)


async def answer_old_menu(
    query: CallbackQuery, bot: Bot, texts: OrderTexts, language: str
) -> AnswerCallbackQuery:
    chat_id, message_id = message_of(query)
    await take_keyboard_away(bot, chat_id, message_id)
    return query.answer(texts.old_menu(language), show_alert=True)
