"""The two menus of an order: the style, then the options. Each press redraws the one message."""

from __future__ import annotations

from aiogram import Bot, Router
from aiogram.fsm.context import FSMContext
from aiogram.methods import AnswerCallbackQuery
from aiogram.types import CallbackQuery

from neurocards.ports.jobs import TemplateStore
from neurocards.ports.orders import Draft
from neurocards_bot.accounts import Accounts, Customer
from neurocards_bot.callback_data import Discard, OptionChoice, TemplateChoice, TemplatePage
from neurocards_bot.dialogue import conversation, forget_order
from neurocards_bot.handlers.presses import answer_closed_menu, message_of
from neurocards_bot.messages import show
from neurocards_bot.order_texts import OrderTexts
from neurocards_bot.ordering import Ordering
from neurocards_bot.screens import Screen, options_screen, template_screen


async def turn_page(
    query: CallbackQuery,
    *,
    callback_data: TemplatePage,
    user: Customer,
    bot: Bot,
    ordering: Ordering,
    templates: TemplateStore,
    order_texts: OrderTexts,
) -> AnswerCallbackQuery:
    language, draft_id = user.language, callback_data.draft
    draft = await ordering.open_draft(draft_id, user.tg_user_id)
    if draft is None:
        return await answer_closed_menu(
            query, bot=bot, ordering=ordering, texts=order_texts, user=user, draft_id=draft_id
        )
    styles = await templates.templates()
    page = callback_data.page
    await show(
        bot, *message_of(query), template_screen(draft, styles, order_texts, language, page=page)
    )
    return query.answer()


async def choose_template(
    query: CallbackQuery,
    *,
    callback_data: TemplateChoice,
    user: Customer,
    bot: Bot,
    ordering: Ordering,
    accounts: Accounts,
    templates: TemplateStore,
    order_texts: OrderTexts,
) -> AnswerCallbackQuery:
    draft_id = callback_data.draft
    draft = await ordering.choose_template(draft_id, user.tg_user_id, callback_data.template)
    screen = await draw(draft, user, accounts, templates, order_texts) if draft else None
    if screen is None:
        return await answer_closed_menu(
            query, bot=bot, ordering=ordering, texts=order_texts, user=user, draft_id=draft_id
        )
    await show(bot, *message_of(query), screen)
    return query.answer()


async def choose_option(
    query: CallbackQuery,
    *,
    callback_data: OptionChoice,
    user: Customer,
    bot: Bot,
    ordering: Ordering,
    accounts: Accounts,
    templates: TemplateStore,
    order_texts: OrderTexts,
) -> AnswerCallbackQuery:
    draft_id, name, value = callback_data.draft, callback_data.name, callback_data.value
    draft = await ordering.choose_option(draft_id, user.tg_user_id, name=name, value=value)
    screen = await draw(draft, user, accounts, templates, order_texts) if draft else None
    if screen is None:
        return await answer_closed_menu(
            query, bot=bot, ordering=ordering, texts=order_texts, user=user, draft_id=draft_id
        )
    await show(bot, *message_of(query), screen)
    return query.answer()


async def discard(
    query: CallbackQuery,
    *,
    callback_data: Discard,
    user: Customer,
    state: FSMContext,
    bot: Bot,
    ordering: Ordering,
    order_texts: OrderTexts,
) -> AnswerCallbackQuery:
    draft_id = callback_data.draft
    if not await ordering.discard(draft_id, user.tg_user_id):
        return await answer_closed_menu(
            query, bot=bot, ordering=ordering, texts=order_texts, user=user, draft_id=draft_id
        )
    if (await conversation(state)).draft_id == draft_id:
        await forget_order(state)
    await show(bot, *message_of(query), Screen(order_texts.discarded(user.language)))
    return query.answer()


async def draw(
    draft: Draft,
    user: Customer,
    accounts: Accounts,
    templates: TemplateStore,
    texts: OrderTexts,
) -> Screen | None:
    """Draw the menu that a draft is at; None when its template exists no more."""
    if draft.template_id is None:
        return template_screen(draft, await templates.templates(), texts, user.language)
    template = await templates.template(draft.template_id)
    if template is None:
        return None
    balance = await accounts.balance(user.tg_user_id)
    return options_screen(draft, template, texts, user.language, balance=balance)


def build_router() -> Router:
    router = Router(name="menu")
    router.callback_query.register(turn_page, TemplatePage.filter())
    router.callback_query.register(choose_template, TemplateChoice.filter())
    router.callback_query.register(choose_option, OptionChoice.filter())
    router.callback_query.register(discard, Discard.filter())
    return router
