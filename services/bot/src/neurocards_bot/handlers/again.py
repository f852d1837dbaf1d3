"""The button under a failed job: the same order once more, to be confirmed and paid for anew.

The message that tells of the failure stays; the menu comes below it as a message of its own.
"""

from __future__ import annotations

from aiogram import Bot, Router
from aiogram.fsm.context import FSMContext
from aiogram.methods import AnswerCallbackQuery
from aiogram.types import CallbackQuery, ReplyParameters

from neurocards.ports.jobs import TemplateStore
from neurocards.ports.orders import Draft
from neurocards_bot.accounts import Accounts, Customer
from neurocards_bot.callback_data import OrderAgain
from neurocards_bot.dialogue import remember_order
from neurocards_bot.handlers.menu import draw
from neurocards_bot.handlers.presses import answer_old_menu, message_of
from neurocards_bot.messages import take_keyboard_away
from neurocards_bot.order_texts import OrderTexts
from neurocards_bot.ordering import Ordering
from neurocards_bot.photos import is_still_there
from neurocards_bot.screens import Screen, template_screen


async def order_again(
    query: CallbackQuery,
    *,
    callback_data: OrderAgain,
    user: Customer,
    bot: Bot,
    state: FSMContext,
    ordering: Ordering,
    accounts: Accounts,
    templates: TemplateStore,
    order_texts: OrderTexts,
) -> AnswerCallbackQuery:
    draft = await _repeated(
        query, callback_data, user=user, bot=bot, ordering=ordering, texts=order_texts
    )
    if isinstance(draft, AnswerCallbackQuery):
        return draft
    screen = await draw(draft, user, accounts, templates, order_texts)
    if screen is None:
        styles = await templates.templates()
        screen = template_screen(draft, styles, order_texts, user.language)
    chat_id, message_id = message_of(query)
    menu_id = await _send_menu(bot, chat_id, message_id, screen)
    await remember_order(state, draft_id=draft.id, menu_message_id=menu_id, album_id=None)
    await take_keyboard_away(bot, chat_id, message_id)
    return query.answer()


async def _repeated(
    query: CallbackQuery,
    pressed: OrderAgain,
    *,
    user: Customer,
    bot: Bot,
    ordering: Ordering,
    texts: OrderTexts,
) -> Draft | AnswerCallbackQuery:
    """Open the draft of the repeated order, or give the answer that tells why there is none."""
    order = await ordering.failed_order(pressed.job, user.tg_user_id, bot_id=bot.id)
    if order is None:
        return await answer_old_menu(query, bot, texts, user.language)
    if not await is_still_there(bot, order.photo_file_id):
        return query.answer(texts.photo_gone(user.language), show_alert=True)
    draft = await ordering.again(
        pressed.job,
        order,
        tg_user_id=user.tg_user_id,
        bot_id=bot.id,
        language=user.language,
        chat_id=message_of(query)[0],
    )
    if draft is None:
        return await answer_old_menu(query, bot, texts, user.language)
    return draft if draft.job_id is None else query.answer(texts.already_accepted(user.language))


async def _send_menu(bot: Bot, chat_id: int, failed_message_id: int, screen: Screen) -> int:
    """Answer to the message of the failure: one sees which order this is about."""
    to_failure = ReplyParameters(message_id=failed_message_id, allow_sending_without_reply=True)
    menu = await bot.send_message(
        chat_id, screen.html, reply_markup=screen.keyboard, reply_parameters=to_failure
    )
    return menu.message_id


def build_router() -> Router:
    router = Router(name="again")
    router.callback_query.register(order_again, OrderAgain.filter())
    return router
