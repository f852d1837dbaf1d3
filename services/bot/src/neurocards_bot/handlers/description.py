"""A text while an order is open: the description of the product."""

from __future__ import annotations

from aiogram import Bot, F, Router
from aiogram.fsm.context import FSMContext
from aiogram.types import Message

from neurocards.domain.orders import CAPTION_CHARACTERS_MAX
from neurocards.ports.jobs import TemplateStore
from neurocards_bot.accounts import Accounts, Customer
from neurocards_bot.dialogue import conversation
from neurocards_bot.handlers.menu import draw
from neurocards_bot.messages import show
from neurocards_bot.order_texts import OrderTexts
from neurocards_bot.ordering import Ordering
from neurocards_bot.photo_texts import PhotoTexts


async def describe(
    message: Message,
    *,
    user: Customer,
    state: FSMContext,
    bot: Bot,
    ordering: Ordering,
    accounts: Accounts,
    templates: TemplateStore,
    order_texts: OrderTexts,
    photo_texts: PhotoTexts,
) -> None:
    said = await conversation(state)
    text = (message.text or "").strip()
    if said.draft_id is None or await ordering.open_draft(said.draft_id, user.tg_user_id) is None:
        await message.answer(photo_texts.photo_needed(user.language, message.content_type))
        return
    if len(text) > CAPTION_CHARACTERS_MAX:
        await message.answer(order_texts.description_too_long(user.language, len(text)))
        return
    draft = await ordering.describe(said.draft_id, user.tg_user_id, text)
    screen = await draw(draft, user, accounts, templates, order_texts) if draft else None
    if screen is not None and said.menu_message_id is not None:
        await show(bot, message.chat.id, said.menu_message_id, screen)
    await message.answer(order_texts.described(user.language))


def build_router() -> Router:
    router = Router(name="description")
    router.message.register(describe, F.text & ~F.text.startswith("/"))
    return router
