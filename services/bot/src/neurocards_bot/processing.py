"""One update from its bytes to a verdict: the same for webhook and polling.

Invariant: `Applied` is said only after everything that the update means is committed. What fails:

- PostgreSQL or the dialogue's lock: nothing is lost, the update is repeated until it works.
- Telegram is away, or a bug: repeated TRIES_MAX times, then the user is told, the update is marked
  as applied and passed, so that it blocks nobody behind it.
- Telegram refuses what we answer: the same at once, since it would refuse that again.
- An update that aiogram cannot read, or nobody could store: passed and counted. To refuse it would
  stop the chat's queue at Telegram, which repeats whatever is not answered with 2xx.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import structlog
from aiogram import Bot, Dispatcher
from aiogram.dispatcher.event.bases import UNHANDLED
from aiogram.exceptions import (
    AiogramError,
    TelegramBadRequest,
    TelegramEntityTooLarge,
    TelegramForbiddenError,
    TelegramNetworkError,
    TelegramRetryAfter,
)
from aiogram.methods import AnswerCallbackQuery
from aiogram.types import Update
from aiogram.types import User as TelegramUser
from pydantic import ValidationError

from neurocards.errors import QueueUnavailableError, StoreUnavailableError
from neurocards.ports.orders import OrderStore
from neurocards_bot.languages import language_of
from neurocards_bot.legible import illegible
from neurocards_bot.metrics import BotMetrics
from neurocards_bot.texts import Texts

log = structlog.get_logger(__name__)

TRIES_MAX = 3
TRIES_REMEMBERED = 10_000
HANDLING_S_MAX = 50.0
"""Telegram waits about 60 s for the answer to a webhook call."""
STORE_PAUSE_S = 2.0
RETRY_PAUSE_S = 1.0
APOLOGY_S_MAX = 5.0
FAULTS_TOLD_MAX = 5
FAULT_CHARACTERS_MAX = 200
"""The way to a fault may lead through names that a stranger chose."""
_FINAL = (TelegramBadRequest, TelegramEntityTooLarge)
"""Telegram has read our answer and does not take it: a repeat would bring the same."""
_READ_OF_A_PRESSED_MESSAGE = ("message_id", "date", "chat", "message_thread_id")


class NotAnUpdateError(Exception):
    """The bytes are no JSON object with an update_id: Telegram does not send such a thing."""


@dataclass(frozen=True, slots=True)
class Applied:
    """Done; `reply` ends the spinner on a button, and may get lost without harm."""

    reply: AnswerCallbackQuery | None = None


@dataclass(frozen=True, slots=True)
class Repeat:
    """Nothing is decided: bring the update again."""

    after_s: float


Verdict = Applied | Repeat


class UpdateProcessor:
    def __init__(
        self, dispatcher: Dispatcher, orders: OrderStore, texts: Texts, metrics: BotMetrics
    ) -> None:
        self._dispatcher = dispatcher
        self._orders = orders
        self._texts = texts
        self._metrics = metrics
        self._tries: OrderedDict[tuple[int, int], int] = OrderedDict()

    async def process_json(self, bot: Bot, body: bytes) -> Verdict:
        """Process what a webhook call carries; NotAnUpdateError when it is none."""
        try:
            raw = json.loads(body)
        except (ValueError, RecursionError):
            raise NotAnUpdateError from None
        return await self.process_raw(bot, raw)

    async def process_raw(self, bot: Bot, raw: object) -> Verdict:
        """Process one item of a getUpdates answer; NotAnUpdateError when it is none."""
        if not isinstance(raw, dict) or not isinstance(raw.get("update_id"), int):
            raise NotAnUpdateError
        needed = _without_copies(raw)
        fault = illegible(needed)
        if fault is not None:
            return self._pass_unreadable(bot, raw, [fault])
        try:
            update = Update.model_validate(needed, context={"bot": bot})
        except ValidationError as error:
            return self._pass_unreadable(bot, raw, _faults(error))
        return await self.process(bot, update)

    def _pass_unreadable(self, bot: Bot, raw: dict[str, Any], faults: list[str]) -> Applied:
        update_id = raw["update_id"] if illegible(raw["update_id"]) is None else None
        log.error("update.unreadable", bot_id=bot.id, update_id=update_id, faults=faults)
        self._metrics.updates_total.labels("other", "unreadable").inc()
        return Applied()

    async def process(self, bot: Bot, update: Update) -> Verdict:
        started = time.perf_counter()
        kind = _kind_of(update)
        if kind == "other":
            self._metrics.updates_total.labels(kind, "ignored").inc()
            return Applied()
        self._metrics.dialogues_active.inc()
        try:
            outcome, verdict = await self._attempt(bot, update)
        finally:
            self._metrics.dialogues_active.dec()
        self._metrics.updates_total.labels(kind, outcome).inc()
        self._metrics.message_processing_seconds.labels(kind).observe(time.perf_counter() - started)
        return verdict

    async def _attempt(self, bot: Bot, update: Update) -> tuple[str, Verdict]:
        try:
            async with asyncio.timeout(HANDLING_S_MAX):
                answer = await self._dispatcher.feed_update(bot, update)
        except (StoreUnavailableError, QueueUnavailableError) as error:
            log.warning("update.postponed", update_id=update.update_id, reason=str(error))
            return "postponed", Repeat(STORE_PAUSE_S)
        except TelegramForbiddenError:
            return await self._settle(bot, update, "blocked", blocked=True)
        except Exception as error:  # noqa: BLE001 - whatever it is, it must not stop the queue
            return await self._failed(bot, update, error)
        self._tries.pop((bot.id, update.update_id), None)
        if answer is UNHANDLED:
            return "ignored", Applied()
        return "applied", Applied(answer if isinstance(answer, AnswerCallbackQuery) else None)

    async def _failed(self, bot: Bot, update: Update, error: Exception) -> tuple[str, Verdict]:
        key = (bot.id, update.update_id)
        tries = self._tries[key] = self._tries.pop(key, 0) + 1
        if len(self._tries) > TRIES_REMEMBERED:
            self._tries.popitem(last=False)
        if tries < TRIES_MAX and not isinstance(error, _FINAL):
            log.warning(
                "update.repeated", update_id=update.update_id, tries=tries, reason=repr(error)
            )
            return "repeated", Repeat(_pause_s(error))
        trace_id = secrets.token_hex(4)
        if isinstance(error, _FINAL):
            reason = str(error)
            log.error(
                "update.refused", update_id=update.update_id, trace_id=trace_id, reason=reason
            )
        else:
            log.error(
                "update.failed", update_id=update.update_id, trace_id=trace_id, exc_info=error
            )
        outcome, verdict = await self._settle(bot, update, "failed", blocked=False)
        if isinstance(verdict, Applied):
            del self._tries[key]
            if not isinstance(error, TelegramNetworkError):
                await self._apologise(bot, update, trace_id)
        return outcome, verdict

    async def _settle(
        self, bot: Bot, update: Update, outcome: str, *, blocked: bool
    ) -> tuple[str, Verdict]:
        """Mark an update that cannot be carried out, so that nobody tries it again."""
        try:
            sender = _sender(update)
            if blocked and sender is not None:
                await self._orders.set_blocked(sender.id, blocked=True)
            await self._orders.mark_applied(bot.id, update.update_id)
        except StoreUnavailableError:
            return "postponed", Repeat(STORE_PAUSE_S)
        return outcome, Applied()

    async def _apologise(self, bot: Bot, update: Update, trace_id: str) -> None:
        sender = _sender(update)
        if sender is None:
            return
        try:
            async with asyncio.timeout(APOLOGY_S_MAX):
                user = await self._orders.user(sender.id)
                language = user.language if user else language_of(sender)
                await bot.send_message(sender.id, self._texts.apology(language, trace_id))
        except (AiogramError, StoreUnavailableError, TimeoutError) as error:
            log.info("apology.lost", trace_id=trace_id, reason=type(error).__name__)


def _faults(error: ValidationError) -> list[str]:
    faults = error.errors(include_url=False, include_context=False, include_input=False)
    return [
        f"{'.'.join(map(str, fault['loc']))}: {fault['type']}"[:FAULT_CHARACTERS_MAX]
        for fault in faults[:FAULTS_TOLD_MAX]
    ]


def _pause_s(error: Exception) -> float:
    return float(error.retry_after) if isinstance(error, TelegramRetryAfter) else RETRY_PAUSE_S


def _without_copies(raw: dict[str, Any]) -> dict[str, Any]:
    """Leave out what a press repeats of the message that it hangs on: menu, text, the photo.

    Nobody reads that copy, and reading it would cost more than all the rest of the update.
    """
    query = raw.get("callback_query")
    if not isinstance(query, dict) or not isinstance(message := query.get("message"), dict):
        return raw
    kept = {name: message[name] for name in _READ_OF_A_PRESSED_MESSAGE if name in message}
    return {**raw, "callback_query": {**query, "message": kept}}


def _kind_of(update: Update) -> str:
    if update.callback_query is not None:
        return "callback_query"
    if update.message is not None:
        return "message"
    return "my_chat_member" if update.my_chat_member is not None else "other"


def _sender(update: Update) -> TelegramUser | None:
    event = update.message or update.callback_query or update.my_chat_member
    return event.from_user if event is not None else None
