"""A photo begins an order: it was looked at before, here it becomes a draft with a menu.

Of an album the first usable photo is taken, and the user is told so once: one photo, one video.
"""

from __future__ import annotations

from typing import Any

from aiogram import Bot, Router
from aiogram.fsm.context import FSMContext
from aiogram.types import Message, ReplyParameters, Update

from neurocards.domain.orders import CAPTION_CHARACTERS_MAX
from neurocards.domain.photos import PhotoFault
from neurocards.ports.jobs import TemplateStore
from neurocards_bot.accounts import Customer
from neurocards_bot.dialogue import conversation, is_first_refusal, remember_order
from neurocards_bot.metrics import BotMetrics
from neurocards_bot.order_texts import OrderTexts
from neurocards_bot.ordering import Ordering
from neurocards_bot.photo_texts import PhotoTexts
from neurocards_bot.photos import Photo
from neurocards_bot.screens import Screen, template_screen


async def is_photo(_message: Message, photo: Photo | None = None) -> bool:
    return photo is not None


async def is_unusable(_message: Message, photo: Photo | None = None) -> dict[str, Any] | bool:
    return {"fault": photo.fault} if photo is not None and photo.fault is not None else False


async def is_surplus(message: Message, state: FSMContext, photo: Photo | None = None) -> bool:
    if photo is None or message.media_group_id is None:
        return False
    return photo.surplus or (await conversation(state)).album_id == message.media_group_id


async def tell_of_album(
    message: Message, user: Customer, state: FSMContext, order_texts: OrderTexts
) -> None:
    if (await conversation(state)).album_told:
        return
    await message.answer(order_texts.album(user.language))
    await state.update_data(album_told=True)


async def refuse(
    message: Message,
    *,
    fault: PhotoFault,
    user: Customer,
    state: FSMContext,
    photo_texts: PhotoTexts,
    metrics: BotMetrics,
) -> None:
    metrics.photo_faults_total.labels(fault).inc()
    if await is_first_refusal(state, message.media_group_id):
        await message.answer(photo_texts.fault(user.language, fault))


async def begin(
    message: Message,
    *,
    photo: Photo,
    user: Customer,
    state: FSMContext,
    event_update: Update,
    bot: Bot,
    ordering: Ordering,
    templates: TemplateStore,
    order_texts: OrderTexts,
) -> None:
    caption, too_long = _description(message)
    draft = await ordering.begin(
        user.tg_user_id,
        bot_id=bot.id,
        update_id=event_update.update_id,
        language=user.language,
        chat_id=message.chat.id,
        photo_file_id=photo.file_id,
        caption=caption,
    )
    screen = template_screen(draft, await templates.templates(), order_texts, user.language)
    menu_id = await _send_menu(message, screen)
    album_id = message.media_group_id
    await remember_order(state, draft_id=draft.id, menu_message_id=menu_id, album_id=album_id)
    if too_long:
        await message.answer(order_texts.description_too_long(user.language, too_long))


def _description(message: Message) -> tuple[str, int]:
    """Give the caption to keep, and its length when it is too long to be kept."""
    caption = (message.caption or "").strip()
    return ("", len(caption)) if len(caption) > CAPTION_CHARACTERS_MAX else (caption, 0)


async def _send_menu(message: Message, screen: Screen) -> int:
    """Answer to the photo itself: with several open orders one sees which menu is whose."""
    to_photo = ReplyParameters(message_id=message.message_id, allow_sending_without_reply=True)
    menu = await message.answer(
        screen.html, reply_markup=screen.keyboard, reply_parameters=to_photo
    )
    return menu.message_id


def build_router() -> Router:
    router = Router(name="photo")
    router.message.register(tell_of_album, is_surplus)
    router.message.register(refuse, is_unusable)
    router.message.register(begin, is_photo)
    return router
