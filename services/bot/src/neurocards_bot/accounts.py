"""The user beside his orders: welcome, language, credits, finished videos, and coming back.

It knows nothing of Telegram's messages. The language of a user is remembered for a while, in all
replicas until it changes; his balance never is, since the worker changes it as well.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

from neurocards.cache import Cache
from neurocards.domain.orders import INTERFACE_LANGUAGES, PriceList
from neurocards.ports.orders import HistoryItem, OrderStore, User

VIDEOS_PER_PAGE = 3
"""Telegram lets about one message a second into a chat."""
LANGUAGE_FRESH_S = 300.0


@dataclass(frozen=True, slots=True)
class Customer:
    """A user as every handler needs him; `is_new`: this very update is his first one."""

    tg_user_id: int
    language: str
    is_new: bool = False


class Accounts:
    def __init__(
        self,
        orders: OrderStore,
        *,
        prices: PriceList,
        welcome_credits: int,
        wake_relay: Callable[[], None],
        cache: Cache,
    ) -> None:
        self._orders = orders
        self._language = cache.cached("user_language", str | None, ttl_s=LANGUAGE_FRESH_S)(
            self._stored_language
        )
        self._welcome_credits = welcome_credits
        self._wake_relay = wake_relay
        self.prices = prices

    async def known(self, tg_user_id: int, *, bot_id: int, language: str) -> Customer:
        """Find a user; one who is new is welcomed first."""
        chosen = await self.language(tg_user_id)
        if chosen is not None:
            return Customer(tg_user_id, chosen)
        user = await self.welcome(tg_user_id, bot_id=bot_id, language=language)
        await self._language.forget(tg_user_id)
        return Customer(tg_user_id, user.language, is_new=user.is_new)

    async def language(self, tg_user_id: int) -> str | None:
        """Give the language of a user, at most LANGUAGE_FRESH_S old; None for a stranger."""
        return await self._language(tg_user_id)

    async def _stored_language(self, tg_user_id: int) -> str | None:
        user = await self._orders.user(tg_user_id)
        return user.language if user else None

    async def welcome(self, tg_user_id: int, *, bot_id: int, language: str) -> User:
        """Give the welcome credits of this bot, once."""
        return await self._orders.welcome(
            tg_user_id,
            bot_id=bot_id,
            language=language,
            welcome_credits=self._welcome_credits,
        )

    async def left(self, tg_user_id: int) -> None:
        await self._orders.set_blocked(tg_user_id, blocked=True)

    async def returned(self, tg_user_id: int, *, bot_id: int) -> int:
        """Reach the user again; tell how many finished videos are on their way now."""
        await self._orders.set_blocked(tg_user_id, blocked=False)
        videos = await self._orders.requeue_undelivered(tg_user_id, bot_id=bot_id)
        self._wake_relay()
        return videos

    async def balance(self, tg_user_id: int) -> int:
        user = await self._orders.user(tg_user_id)
        return user.balance if user else 0

    async def choose_language(self, tg_user_id: int, language: str) -> bool:
        """Store the language; False when we do not speak it."""
        if language not in INTERFACE_LANGUAGES:
            return False
        await self._orders.set_language(tg_user_id, language)
        await self._language.forget(tg_user_id)
        return True

    async def videos(
        self, tg_user_id: int, *, bot_id: int, before: UUID | None
    ) -> tuple[Sequence[HistoryItem], bool]:
        """Give a page of delivered videos, newest first, and whether there are older ones."""
        found = await self._orders.history(
            tg_user_id, before=before, limit=VIDEOS_PER_PAGE + 1, bot_id=bot_id
        )
        return found[:VIDEOS_PER_PAGE], len(found) > VIDEOS_PER_PAGE
