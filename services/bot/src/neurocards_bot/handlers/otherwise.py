"""Whatever no other handler wants: unknown commands, other media, buttons of another release."""

from __future__ import annotations

from aiogram import Bot, F, Router
from aiogram.fsm.context import FSMContext
from aiogram.methods import AnswerCallbackQuery
from aiogram.types import CallbackQuery, Message

from neurocards_bot.accounts import Customer
from neurocards_bot.dialogue import is_first_refusal
from neurocards_bot.handlers.presses import answer_old_menu
from neurocards_bot.order_texts import OrderTexts
from neurocards_bot.photo_texts import PhotoTexts
from neurocards_bot.texts import Texts


async def unknown_command(message: Message, user: Customer, texts: Texts) -> None:
    await message.answer(texts.unknown_command(user.language))


async def other_content(
    message: Message, user: Customer, state: FSMContext, photo_texts: PhotoTexts
) -> None:
    if await is_first_refusal(state, message.media_group_id):
        await message.answer(photo_texts.photo_needed(user.language, message.content_type))


async def unknown_button(
    query: CallbackQuery, user: Customer, bot: Bot, order_texts: OrderTexts
) -> AnswerCallbackQuery:
    return await answer_old_menu(query, bot, order_texts, user.language)


def build_router() -> Router:
    """Build the router that must come last."""
    router = Router(name="otherwise")
    router.message.register(unknown_command, F.text.startswith("/"))
    router.message.register(other_content)
    router.callback_query.register(unknown_button)
    return router
