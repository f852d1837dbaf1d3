"""From a photo to an accepted order: drafts, choices, acceptance and cancellation.

It knows nothing of Telegram's messages. Invariants: a draft's id follows from the update that
began it, so an update that comes twice makes one draft; the price that a draft carries is the one
that was shown, and acceptance charges that one; acceptance is one round trip; an update cancels
one job at most, however often it comes.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID, uuid5

import structlog

from neurocards.domain.identifiers import RANDOM_BITS, uuid7
from neurocards.domain.jobs import JobStatus
from neurocards.domain.orders import Order, OrderOptions, PriceList, ScriptLanguage
from neurocards.ports.clock import Clock
from neurocards.ports.jobs import TemplateStore
from neurocards.ports.orders import (
    Acceptance,
    AcceptOutcome,
    AcceptRequest,
    Cancellation,
    Draft,
    OrderStore,
)

log = structlog.get_logger(__name__)

_DRAFTS = UUID("6f2f5a0e-2f7b-4b57-9a43-0d6c0f6f0b5e")
"""The namespace of draft ids; a change of it would only forget which updates made a draft."""


@dataclass(frozen=True, slots=True)
class Press:
    """A pressed button: whose, in which message, and of which draft."""

    bot_id: int
    update_id: int
    tg_user_id: int
    chat_id: int
    message_id: int
    draft_id: UUID


class CancelOutcome(StrEnum):
    CANCELLED = "cancelled"
    TOO_LATE = "too_late"
    ALREADY_ENDED = "already_ended"
    NOT_FOUND = "not_found"


class Ordering:
    """What a user does with orders."""

    def __init__(
        self,
        orders: OrderStore,
        templates: TemplateStore,
        *,
        clock: Clock,
        prices: PriceList,
        pool: str,
        job_deadline_s: float,
        wake_relay: Callable[[], None],
        mark_told: Callable[[Collection[UUID]], Awaitable[int]],
    ) -> None:
        self._orders = orders
        self._templates = templates
        self._clock = clock
        self._prices = prices
        self._pool = pool
        self._job_deadline_s = job_deadline_s
        self._wake_relay = wake_relay
        self._mark_told = mark_told

    async def begin(
        self,
        tg_user_id: int,
        *,
        bot_id: int,
        update_id: int,
        language: str,
        chat_id: int,
        photo_file_id: str,
        caption: str,
    ) -> Draft:
        """Open a draft for a photo, or find the one that this update has opened before."""
        options = OrderOptions(script_language=ScriptLanguage(language))
        draft = Draft(
            id=draft_id(bot_id, update_id),
            bot_id=bot_id,
            tg_user_id=tg_user_id,
            chat_id=chat_id,
            photo_file_id=photo_file_id,
            caption=caption,
            template_id=None,
            options=options,
            price_credits=self._prices.price_credits(options),
            language=language,
        )
        await self._orders.save_draft(draft)
        return draft

    async def failed_order(self, job_id: UUID, tg_user_id: int, *, bot_id: int) -> Order | None:
        """Find the order of a failed job of this user."""
        past = await self._orders.past_order(job_id, tg_user_id=tg_user_id, bot_id=bot_id)
        return past.order if past is not None and past.status is JobStatus.FAILED else None

    async def again(
        self,
        job_id: UUID,
        order: Order,
        *,
        tg_user_id: int,
        bot_id: int,
        language: str,
        chat_id: int,
    ) -> Draft | None:
        """Open a draft with the order of a failed job, at the price of today.

        However often it is asked for, a job has one such draft: the stored one is given, which may
        have been accepted meanwhile. None when it is gone already.
        """
        template = await self._templates.template(order.template_id)
        draft = Draft(
            id=again_id(job_id),
            bot_id=bot_id,
            tg_user_id=tg_user_id,
            chat_id=chat_id,
            photo_file_id=order.photo_file_id,
            caption=order.caption,
            template_id=template.id if template else None,
            options=order.options,
            price_credits=self._prices.price_credits(order.options),
            language=language,
        )
        await self._orders.save_draft(draft)
        return await self._orders.draft(draft.id, tg_user_id=tg_user_id)

    async def open_draft(self, draft_id: UUID, tg_user_id: int) -> Draft | None:
        """Find a draft that can still be changed."""
        draft = await self._orders.draft(draft_id, tg_user_id=tg_user_id)
        return draft if draft is not None and draft.job_id is None else None

    async def is_accepted(self, draft_id: UUID, tg_user_id: int) -> bool:
        draft = await self._orders.draft(draft_id, tg_user_id=tg_user_id)
        return draft is not None and draft.job_id is not None

    async def choose_template(
        self, draft_id: UUID, tg_user_id: int, template_id: str
    ) -> Draft | None:
        if await self._templates.template(template_id) is None:
            return None
        return await self._orders.choose(draft_id, tg_user_id=tg_user_id, template_id=template_id)

    async def choose_option(
        self, draft_id: UUID, tg_user_id: int, *, name: str, value: str
    ) -> Draft | None:
        """Apply one option and its price; None for a closed draft or an option of no menu."""
        draft = await self.open_draft(draft_id, tg_user_id)
        if draft is None:
            return None
        try:
            options = draft.options.with_choice(name, value)
        except ValueError:
            return None
        return await self._orders.choose(
            draft_id,
            tg_user_id=tg_user_id,
            options=options,
            price_credits=self._prices.price_credits(options),
        )

    async def describe(self, draft_id: UUID, tg_user_id: int, caption: str) -> Draft | None:
        return await self._orders.choose(draft_id, tg_user_id=tg_user_id, caption=caption)

    async def discard(self, draft_id: UUID, tg_user_id: int) -> bool:
        return await self._orders.discard(draft_id, tg_user_id=tg_user_id)

    async def confirm(self, press: Press) -> Acceptance:
        acceptance = await self._orders.accept(
            AcceptRequest(
                bot_id=press.bot_id,
                update_id=press.update_id,
                draft_id=press.draft_id,
                job_id=uuid7(self._clock.now(), secrets.randbits(RANDOM_BITS)),
                tg_user_id=press.tg_user_id,
                chat_id=press.chat_id,
                message_id=press.message_id,
                pool=self._pool,
                deadline_s=self._job_deadline_s,
            )
        )
        _tell_accepted(press, acceptance)
        if acceptance.outcome is AcceptOutcome.CREATED:
            self._wake_relay()
        return acceptance

    async def is_under_way(self, job_id: UUID, tg_user_id: int, *, bot_id: int) -> bool:
        """Tell whether a job of this user has not ended yet."""
        past = await self._orders.past_order(job_id, tg_user_id=tg_user_id, bot_id=bot_id)
        return past is not None and not past.status.is_terminal

    async def cancel(self, job_id: UUID, tg_user_id: int) -> CancelOutcome:
        found = await self._orders.cancel(job_id, tg_user_id=tg_user_id)
        match found:
            case None:
                return CancelOutcome.NOT_FOUND
            case (_, True):
                return CancelOutcome.CANCELLED
            case (status, False):
                return _cancel_refusal(status)

    async def cancel_newest(
        self, tg_user_id: int, *, bot_id: int, update_id: int
    ) -> tuple[CancelOutcome, Cancellation | None]:
        """Cancel the newest job that has not ended, once per update; tell which one it is."""
        found = await self._orders.cancel_newest(bot_id, update_id, tg_user_id=tg_user_id)
        if found is None:
            return CancelOutcome.NOT_FOUND, None
        if found.cancelled:
            return CancelOutcome.CANCELLED, found
        return _cancel_refusal(found.status), found

    async def note_told(self, job_id: UUID) -> None:
        """Remember that the user knows how his job ended, so that no worker tells him again."""
        await self._mark_told((job_id,))


def _tell_accepted(press: Press, acceptance: Acceptance) -> None:
    """Log the job of an order, so that its lines are found from the user's press on.

    A press whose answer was lost comes again, and then its job exists: that is the line of a job
    whose first one was never written.
    """
    job_id, user_id = str(acceptance.job_id), press.tg_user_id
    match acceptance.outcome:
        case AcceptOutcome.CREATED:
            log.info("order.accepted", job_id=job_id, bot_id=press.bot_id, tg_user_id=user_id)
        case AcceptOutcome.EXISTS:
            log.info("order.known", job_id=job_id, bot_id=press.bot_id, tg_user_id=user_id)
        case AcceptOutcome.NO_CREDIT | AcceptOutcome.NO_DRAFT:
            pass


def _cancel_refusal(status: JobStatus) -> CancelOutcome:
    return CancelOutcome.ALREADY_ENDED if status.is_terminal else CancelOutcome.TOO_LATE


def draft_id(bot_id: int, update_id: int) -> UUID:
    """Give the id of the draft that this update begins."""
    return uuid5(_DRAFTS, f"{bot_id}:{update_id}")


def again_id(job_id: UUID) -> UUID:
    """Give the id of the draft that repeats this job."""
    return uuid5(_DRAFTS, f"again:{job_id}")
