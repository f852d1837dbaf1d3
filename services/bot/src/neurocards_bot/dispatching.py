"""The routers in their order, and what surrounds them.

The confirm button comes first and stands outside of the dialogue: no state, no lock. Everything
else is a dialogue, in private chats only; a bot that is added to a group stays silent.
"""

from __future__ import annotations

from typing import Any

from aiogram import Dispatcher, Router
from aiogram.fsm.middleware import FSMContextMiddleware

from neurocards.domain.inbound import InboundLimit
from neurocards.ports.jobs import TemplateStore
from neurocards.ports.orders import DialogueStore, OrderStore
from neurocards_bot.accounts import Accounts
from neurocards_bot.admission import Door
from neurocards_bot.dialogue import DialogueIsolation, DialogueStorage
from neurocards_bot.handlers import (
    account,
    again,
    cancellation,
    confirm,
    description,
    history,
    menu,
    otherwise,
    photo,
)
from neurocards_bot.messages import LateEdits
from neurocards_bot.metrics import BotMetrics
from neurocards_bot.middlewares import ApplyOnce, InspectPhoto, KnownUser, PrivateOnly
from neurocards_bot.order_texts import OrderTexts
from neurocards_bot.ordering import Ordering
from neurocards_bot.photo_texts import PhotoTexts
from neurocards_bot.photos import PhotoIntake
from neurocards_bot.texts import Texts

ALLOWED_UPDATES = ("message", "callback_query", "my_chat_member")


def build_dispatcher(
    *,
    orders: OrderStore,
    dialogues: DialogueStore,
    templates: TemplateStore,
    ordering: Ordering,
    accounts: Accounts,
    intake: PhotoIntake,
    late_edits: LateEdits,
    texts: Texts,
    order_texts: OrderTexts,
    photo_texts: PhotoTexts,
    metrics: BotMetrics,
    inbound_limit: InboundLimit | None,
) -> Dispatcher:
    handler_arguments: dict[str, Any] = {
        "accounts": accounts,
        "late_edits": late_edits,
        "metrics": metrics,
        "order_texts": order_texts,
        "ordering": ordering,
        "photo_texts": photo_texts,
        "templates": templates,
        "texts": texts,
    }
    dispatcher = Dispatcher(disable_fsm=True, **handler_arguments)
    dispatcher.include_router(confirm.build_router())
    door = Door(orders, accounts, texts, limit=inbound_limit, metrics=metrics)
    dispatcher.include_router(_dialogue_router(orders, dialogues, accounts, intake, door))
    return dispatcher


def _dialogue_router(
    orders: OrderStore,
    dialogues: DialogueStore,
    accounts: Accounts,
    intake: PhotoIntake,
    door: Door,
) -> Router:
    router = Router(name="dialogue")
    isolated = FSMContextMiddleware(DialogueStorage(dialogues), DialogueIsolation(dialogues))
    around = (isolated, ApplyOnce(orders, door), KnownUser(accounts))
    observers = (router.message, router.callback_query, router.my_chat_member)
    for observer in observers:
        observer.outer_middleware(PrivateOnly())
    router.message.outer_middleware(InspectPhoto(intake, dialogues, door))
    for observer in observers:
        for middleware in around:
            observer.outer_middleware(middleware)
    features = (account, cancellation, again, history, menu, photo, description, otherwise)
    router.include_routers(*(feature.build_router() for feature in features))
    return router
