"""Many orders at once, by invented users, each through the bot's own menus.

They pay with the credits that the bot gives to anybody who is new, so nothing goes past the
product. Bounded: one crowd at a time, a few users act at the same moment.
"""

from __future__ import annotations

import asyncio
import secrets
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import structlog

from neurocards_sandbox.demo.errors import DemoError
from neurocards_sandbox.demo.ordering import Wish, place_order
from neurocards_sandbox.demo.products import PRODUCTS, draw
from neurocards_sandbox.demo.visitor import Json, Visitor

log = structlog.get_logger(__name__)

ORDERS = 60
AT_ONCE = 6
LENGTH_S = 5
FIRST_ID = 600_000_000
IDS = 90_000_000
"""Beside those of the page's visitors, and new ones for each crowd: all have their credits."""
LANGUAGES = ("ru", "en")


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the last crowd is: orders that the bot took and that it did not take."""

    wanted: int
    accepted: int = 0
    refused: int = 0

    def as_json(self) -> dict[str, int]:
        return {"wanted": self.wanted, "accepted": self.accepted, "refused": self.refused}


class Crowd:
    """`begin` returns at once; `progress` tells how far it is."""

    def __init__(self, telegram_url: str, *, bot_id: int, orders: int = ORDERS) -> None:
        self._telegram_url, self._bot_id, self._orders = telegram_url, bot_id, orders
        self._task: asyncio.Task[None] | None = None
        self.progress: Progress | None = None
        self.user_ids: range = range(0)
        """Of the last crowd."""

    def begin(self, visitor_id: int, language: str) -> bool:
        """Send the crowd with the visitor's last photo, or one of ours; False while one acts."""
        if self._task is not None and not self._task.done():
            return False
        self.progress = Progress(self._orders)
        known = language if language in LANGUAGES else "en"
        first_id = FIRST_ID + secrets.randbelow(IDS)
        self.user_ids = range(first_id, first_id + self._orders)
        self._task = asyncio.create_task(self._act(visitor_id, known), name="crowd")
        return True

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _act(self, visitor_id: int, language: str) -> None:
        limits = httpx.Limits(max_connections=4 * AT_ONCE)
        with tempfile.TemporaryDirectory(prefix="neurocards-crowd-") as folder:
            async with httpx.AsyncClient(
                base_url=self._telegram_url, trust_env=False, limits=limits
            ) as http:
                wishes = await self._wishes(http, visitor_id, language, Path(folder))
                turn = asyncio.Semaphore(AT_ONCE)
                async with asyncio.TaskGroup() as group:
                    for number, user_id in enumerate(self.user_ids):
                        user = Visitor(http, bot_id=self._bot_id, user_id=user_id)
                        wish = wishes[number % len(wishes)]
                        group.create_task(self._order(turn, user, number, wish))

    async def _order(self, turn: asyncio.Semaphore, user: Visitor, number: int, wish: Wish) -> None:
        async with turn:
            try:
                await user.introduce(f"Guest {number + 1}", wish.language)
                await place_order(user, wish)
            except (DemoError, httpx.HTTPError) as error:
                log.warning("crowd.order_failed", number=number, error=str(error))
                self._count(refused=1)
            else:
                self._count(accepted=1)

    def _count(self, *, accepted: int = 0, refused: int = 0) -> None:
        so_far = self.progress
        if so_far is not None:
            self.progress = Progress(
                so_far.wanted, so_far.accepted + accepted, so_far.refused + refused
            )

    async def _wishes(
        self, http: httpx.AsyncClient, visitor_id: int, language: str, folder: Path
    ) -> list[Wish]:
        """Order the visitor's own product, else each of ours in turn."""
        own = await self._own_photo(http, visitor_id, folder / "own.jpg")
        if own is not None:
            photo, caption = own
            return [Wish(photo=photo, length_s=LENGTH_S, language=language, caption=caption)]
        return [
            Wish(
                photo=await asyncio.to_thread(draw, product, folder / f"{number}.jpg"),
                length_s=LENGTH_S,
                language=language,
                caption=product.name(language),
            )
            for number, product in enumerate(PRODUCTS)
        ]

    async def _own_photo(
        self, http: httpx.AsyncClient, visitor_id: int, path: Path
    ) -> tuple[Path, str] | None:
        visitor = Visitor(http, bot_id=self._bot_id, user_id=visitor_id)
        try:
            chat = await visitor.transcript()
            message = next(filter(_is_photo, reversed(chat["messages"])), None)
            if message is None:
                return None
            data = await visitor.download(message["media"])
        except (DemoError, httpx.HTTPError):
            return None
        await asyncio.to_thread(path.write_bytes, data)
        return path, str(message["text"] or "")


def _is_photo(message: Json) -> bool:
    media: Any = message["media"]
    return message["from"] == "user" and media is not None and media["kind"] == "photo"
