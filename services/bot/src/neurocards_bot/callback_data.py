"""What our inline buttons carry, and nothing about how they look.

Invariant: every value fits into Telegram's 64 bytes (a test packs the longest of each). Data that
cannot be read belongs to a menu of another release and is answered as an old menu.
"""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from aiogram.filters.callback_data import CallbackData
from pydantic import BeforeValidator, PlainSerializer

from neurocards.domain.buttons import (
    CANCEL_JOB_PREFIX,
    ORDER_AGAIN_PREFIX,
    SEPARATOR,
    id_from_short,
    short_id,
)


def _read(value: object) -> object:
    return id_from_short(value) if isinstance(value, str) else value


ShortId = Annotated[UUID, BeforeValidator(_read), PlainSerializer(short_id, return_type=str)]


class TemplatePage(CallbackData, prefix="tp", sep=SEPARATOR):
    """Show a page of the templates; the first one is 0."""

    draft: ShortId
    page: int


class TemplateChoice(CallbackData, prefix="tc", sep=SEPARATOR):
    draft: ShortId
    template: str


class OptionChoice(CallbackData, prefix="oc", sep=SEPARATOR):
    """`name` is one of those that `OrderOptions.with_choice` knows."""

    draft: ShortId
    name: str
    value: str


class Confirm(CallbackData, prefix="ok", sep=SEPARATOR):
    draft: ShortId


class Discard(CallbackData, prefix="no", sep=SEPARATOR):
    draft: ShortId


class CancelJob(CallbackData, prefix=CANCEL_JOB_PREFIX, sep=SEPARATOR):
    """Written by the bot and by the worker, see `neurocards.domain.buttons`."""

    job: ShortId


class OrderAgain(CallbackData, prefix=ORDER_AGAIN_PREFIX, sep=SEPARATOR):
    """Under the message of a failed job; written by the bot and by the worker."""

    job: ShortId


class HistoryPage(CallbackData, prefix="hp", sep=SEPARATOR):
    """The videos that are older than this job."""

    before: ShortId


class LanguageChoice(CallbackData, prefix="lg", sep=SEPARATOR):
    language: str
