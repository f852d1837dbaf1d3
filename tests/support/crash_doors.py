"""Every door of the processes: which name of a composition root is replaced by a guarded adapter.

The processes themselves know nothing of it: `support.crash_entry` replaces the adapters' names in
the modules that put them together, and only then begins. A test reads these modules and fails when
one of them uses an adapter that is neither here nor excused.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from neurocards.ports.jobs import JobStore, KeyStore, TemplateStore
from neurocards.ports.orders import DialogueStore, OrderStore
from neurocards.ports.outbound import OutboundBuckets
from neurocards.ports.providers import Messenger, PhotoInspector, ScriptWriter, VideoProvider
from neurocards.ports.queue import Delivery, Hints, JobQueue, Outbox, Publisher
from neurocards.testing.crash import CrashOrder, guarded, points_of

if TYPE_CHECKING:
    from aiogram.client.session.base import BaseSession
    from aiogram.methods import TelegramMethod


@dataclass(frozen=True, slots=True)
class Door:
    """`name` is the adapter's in the module; `port` is what the product sees of it."""

    title: str
    port: type
    name: str


WORKER_ROOTS = ("neurocards_worker.app",)
WORKER_DOORS = (
    Door("jobs", JobStore, "PostgresJobStore"),
    Door("keys", KeyStore, "PostgresKeyStore"),
    Door("templates", TemplateStore, "PostgresTemplateStore"),
    Door("queue", JobQueue, "NatsJobQueue"),
    Door("hints", Hints, "NatsHints"),
    Door("messenger", Messenger, "TelegramMessenger"),
    Door("outbound", OutboundBuckets, "PostgresOutboundBuckets"),
    Door("writer", ScriptWriter, "OpenAiScriptWriter"),
    Door("provider", VideoProvider, "KieVideoProvider"),
    Door("inspector", PhotoInspector, "SubprocessPhotoInspector"),
)
BOT_ROOTS = ("neurocards_bot.app", "neurocards_bot.assembly")
BOT_DOORS = (
    Door("orders", OrderStore, "PostgresOrderStore"),
    Door("dialogues", DialogueStore, "PostgresDialogueStore"),
    Door("templates", TemplateStore, "PostgresTemplateStore"),
    Door("outbox", Outbox, "PostgresOutbox"),
    Door("outbound", OutboundBuckets, "PostgresOutboundBuckets"),
    Door("publisher", Publisher, "NatsPublisher"),
    Door("hints", Hints, "NatsHints"),
    Door("inspector", PhotoInspector, "SubprocessPhotoInspector"),
)
DELIVERY = Door("delivery", Delivery, "")
"""What the door of the queue yields."""
EXCUSED = {
    "Database": "a type",
    "FetchPolicy": "a value",
    "JobReports": "a probe reads it; nothing follows from it",
    "JobStream": "makes stream and consumer anew, whoever did it before",
    "KieOptions": "a value",
    "LOCK_TIMEOUT_S": "a value",
    "NatsConnection": "the adapters over it are guarded",
    "QueuingClient": "the adapters over it are guarded",
    "ScriptOptions": "a value",
    "VideoDownload": "the video provider over it is guarded",
    "WakingPublisher": "the publisher and the hints under it are guarded",
    "open_database": "the adapters over it are guarded",
}
"""What a composition root takes from the adapters and no door guards, and why."""

WORKER_POINTS = [
    point for door in (*WORKER_DOORS, DELIVERY) for point in points_of(door.title, door.port)
]
BOT_STORE_POINTS = [point for door in BOT_DOORS for point in points_of(door.title, door.port)]
BOT_TELEGRAM_METHODS = (
    "answerCallbackQuery",
    "copyMessage",
    "deleteWebhook",
    "editMessageReplyMarkup",
    "editMessageText",
    "getFile",
    "getMe",
    "getUpdates",
    "getWebhookInfo",
    "sendMessage",
    "sendVideo",
    "setMyCommands",
    "setWebhook",
)
BOT_POINTS = BOT_STORE_POINTS + [
    f"telegram.{method}:{when}" for method in BOT_TELEGRAM_METHODS for when in ("before", "after")
]


def guard_worker(order: CrashOrder) -> None:
    _replace(WORKER_ROOTS, WORKER_DOORS, order)


def guard_bot(order: CrashOrder) -> None:
    _replace(BOT_ROOTS, BOT_DOORS, order)
    assembly = importlib.import_module("neurocards_bot.assembly")
    make_session: Callable[..., BaseSession] = assembly.make_session

    @functools.wraps(make_session)
    def made(*given: Any, **named: Any) -> BaseSession:
        session = make_session(*given, **named)
        session.middleware(_TelegramPoints(order))
        return session

    setattr(assembly, "make_session", made)  # noqa: B010 - as for the adapters below


class _TelegramPoints:
    """The points around every call that the bot makes to Telegram."""

    def __init__(self, order: CrashOrder) -> None:
        self._order = order

    async def __call__(
        self, make_request: Callable[..., Awaitable[Any]], bot: object, method: TelegramMethod[Any]
    ) -> Any:
        point = f"telegram.{method.__api_method__}"
        self._order.reached(f"{point}:before")
        try:
            return await make_request(bot, method)
        finally:
            self._order.reached(f"{point}:after")


def _replace(roots: tuple[str, ...], doors: tuple[Door, ...], order: CrashOrder) -> None:
    for door in doors:
        for name in roots:
            root = importlib.import_module(name)
            adapter = getattr(root, door.name, None)
            if adapter is not None:
                setattr(root, door.name, _guarding(adapter, door, order))


def _guarding(adapter: Callable[..., Any], door: Door, order: CrashOrder) -> Callable[..., Any]:
    def yielded(item: object) -> Any:
        return guarded(item, door=DELIVERY.title, order=order)

    def made(*given: Any, **named: Any) -> Any:
        inside = adapter(*given, **named)
        return guarded(inside, door=door.title, order=order, yielded=yielded)

    return made


GUARDS: Mapping[str, Callable[[CrashOrder], None]] = {"worker": guard_worker, "bot": guard_bot}
