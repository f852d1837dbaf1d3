"""/start, /balance, /language, /help, and users who leave and come back."""

from __future__ import annotations

from aiogram import Bot, Router
from aiogram.filters import (
    JOIN_TRANSITION,
    LEAVE_TRANSITION,
    ChatMemberUpdatedFilter,
    Command,
    CommandStart,
)
from aiogram.methods import AnswerCallbackQuery
from aiogram.types import CallbackQuery, ChatMemberUpdated, Message

from neurocards.domain.orders import INTERFACE_LANGUAGES
from neurocards_bot.accounts import Accounts, Customer
from neurocards_bot.callback_data import LanguageChoice
from neurocards_bot.handlers.presses import answer_old_menu, message_of
from neurocards_bot.messages import show
from neurocards_bot.order_texts import OrderTexts
from neurocards_bot.screens import Screen, language_keyboard
from neurocards_bot.texts import LANGUAGE_NAMES, Texts


async def start(
    message: Message, user: Customer, bot: Bot, accounts: Accounts, texts: Texts
) -> None:
    account = await accounts.welcome(user.tg_user_id, bot_id=bot.id, language=user.language)
    videos = await accounts.returned(user.tg_user_id, bot_id=bot.id)
    await message.answer(texts.greeting(user.language, account.balance, gift=user.is_new))
    if videos:
        await message.answer(texts.returned(user.language, videos))


async def show_balance(message: Message, user: Customer, accounts: Accounts, texts: Texts) -> None:
    balance = await accounts.balance(user.tg_user_id)
    await message.answer(texts.balance(user.language, balance, accounts.prices))


async def show_help(message: Message, user: Customer, texts: Texts) -> None:
    await message.answer(texts.help(user.language))


async def ask_language(message: Message, user: Customer, texts: Texts) -> None:
    names = [(code, LANGUAGE_NAMES[code]) for code in INTERFACE_LANGUAGES]
    keyboard = language_keyboard(names)
    await message.answer(texts.choose_language(user.language), reply_markup=keyboard)


async def choose_language(
    query: CallbackQuery,
    *,
    callback_data: LanguageChoice,
    user: Customer,
    bot: Bot,
    accounts: Accounts,
    texts: Texts,
    order_texts: OrderTexts,
) -> AnswerCallbackQuery:
    language = callback_data.language
    if not await accounts.choose_language(user.tg_user_id, language):
        return await answer_old_menu(query, bot, order_texts, user.language)
    await show(bot, *message_of(query), Screen(texts.language_chosen(language)))
    return query.answer()


async def user_left(event: ChatMemberUpdated, accounts: Accounts) -> None:
    await accounts.left(event.from_user.id)


async def user_returned(
    event: ChatMemberUpdated, user: Customer, bot: Bot, accounts: Accounts, texts: Texts
) -> None:
    videos = await accounts.returned(user.tg_user_id, bot_id=bot.id)
    if videos:
        await event.answer(texts.returned(user.language, videos))


def build_router() -> Router:
    router = Router(name="account")
    router.message.register(start, CommandStart())
    router.message.register(show_balance, Command("balance"))
    router.message.register(show_help, Command("help"))
    router.message.register(ask_language, Command("language"))
    router.callback_query.register(choose_language, LanguageChoice.filter())
    router.my_chat_member.register(user_left, ChatMemberUpdatedFilter(LEAVE_TRANSITION))
    router.my_chat_member.register(user_returned, ChatMemberUpdatedFilter(JOIN_TRANSITION))
    return router
