"""/cancel and the cancel button: a job while that is legal, else the open order."""

from __future__ import annotations

from aiogram import Bot, Router
from aiogram.filters import Command
from aiogram.fsm.context import FSMContext
from aiogram.methods import AnswerCallbackQuery
from aiogram.types import CallbackQuery, Message, Update

from neurocards_bot.accounts import Accounts, Customer
from neurocards_bot.callback_data import CancelJob
from neurocards_bot.dialogue import conversation, forget_order
from neurocards_bot.handlers.presses import answer_old_menu, message_of
from neurocards_bot.messages import show
from neurocards_bot.order_texts import OrderTexts
from neurocards_bot.ordering import CancelOutcome, Ordering
from neurocards_bot.screens import Screen


async def cancel_command(
    message: Message,
    *,
    user: Customer,
    event_update: Update,
    state: FSMContext,
    bot: Bot,
    ordering: Ordering,
    accounts: Accounts,
    order_texts: OrderTexts,
) -> None:
    outcome, found = await ordering.cancel_newest(
        user.tg_user_id, bot_id=bot.id, update_id=event_update.update_id
    )
    if outcome is CancelOutcome.CANCELLED and found is not None:
        balance = await accounts.balance(user.tg_user_id)
        told = order_texts.cancelled(user.language, balance)
        is_there = await show(bot, message.chat.id, found.status_message_id, Screen(told))
        await message.answer(told)
        if not is_there:
            # A worker edits a status message once more, but would send a second new one.
            await ordering.note_told(found.job_id)
        return
    if await _discard_open(
        message, user=user, state=state, bot=bot, ordering=ordering, order_texts=order_texts
    ):
        told = order_texts.discarded(user.language)
    else:
        told = order_texts.not_cancelled(user.language, outcome)
    await message.answer(told)


async def _discard_open(
    message: Message,
    *,
    user: Customer,
    state: FSMContext,
    bot: Bot,
    ordering: Ordering,
    order_texts: OrderTexts,
) -> bool:
    """Discard the order that is being put together; False when there is none."""
    said = await conversation(state)
    if said.draft_id is None or not await ordering.discard(said.draft_id, user.tg_user_id):
        return False
    await forget_order(state)
    if said.menu_message_id is not None:
        screen = Screen(order_texts.discarded(user.language))
        await show(bot, message.chat.id, said.menu_message_id, screen)
    return True


async def cancel_button(
    query: CallbackQuery,
    *,
    callback_data: CancelJob,
    user: Customer,
    bot: Bot,
    ordering: Ordering,
    accounts: Accounts,
    order_texts: OrderTexts,
) -> AnswerCallbackQuery:
    outcome = await ordering.cancel(callback_data.job, user.tg_user_id)
    if outcome is CancelOutcome.NOT_FOUND:
        return await answer_old_menu(query, bot, order_texts, user.language)
    if outcome is not CancelOutcome.CANCELLED:
        return query.answer(order_texts.not_cancelled(user.language, outcome), show_alert=True)
    balance = await accounts.balance(user.tg_user_id)
    await show(bot, *message_of(query), Screen(order_texts.cancelled(user.language, balance)))
    return query.answer()


def build_router() -> Router:
    router = Router(name="cancellation")
    router.message.register(cancel_command, Command("cancel"))
    router.callback_query.register(cancel_button, CancelJob.filter())
    return router
