"""A Messenger that keeps to the pace which all processes of a bot share.

Each call waits for its turn, and what Telegram says about too many of them is told to everybody.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Protocol, TypeVar

from neurocards.domain.failures import Failure, FailureSource
from neurocards.domain.jobs import ChatAddress
from neurocards.domain.outbound import Priority
from neurocards.errors import HeldBackError, ProviderError
from neurocards.outbound import NoTurnError, Turns
from neurocards.ports.providers import Button, Messenger, VideoFacts

PATIENCE_S = 60.0
"""A job keeps its slot meanwhile; then it is the caller's matter when to try again."""
_TOO_MANY = 429

T = TypeVar("T")
Draw = Callable[[], tuple[str, Button | None]]


class StatusEditor(Protocol):
    async def draw_status(
        self, chat: ChatAddress, message_id: int, draw: Draw, *, priority: Priority
    ) -> None:
        """Edit the status message when it is its turn; what it says is asked only then."""
        ...


class PacedMessenger:
    """A Messenger, and a StatusEditor."""

    def __init__(self, messenger: Messenger, turns: Turns) -> None:
        self._messenger = messenger
        self._turns = turns

    async def download(self, bot_id: int, file_id: str, *, bytes_max: int) -> bytes:
        """Files are fetched at once: only what is said is limited."""
        return await self._messenger.download(bot_id, file_id, bytes_max=bytes_max)

    async def edit_status(
        self, chat: ChatAddress, message_id: int, html: str, *, button: Button | None = None
    ) -> None:
        edit = self._messenger.edit_status
        await self._turn(chat, Priority.NOTICE)
        await self._heard(chat, lambda: edit(chat, message_id, html, button=button))

    async def draw_status(
        self, chat: ChatAddress, message_id: int, draw: Draw, *, priority: Priority
    ) -> None:
        edit = self._messenger.edit_status
        await self._turn(chat, priority)
        html, button = draw()
        await self._heard(chat, lambda: edit(chat, message_id, html, button=button))

    async def replace_with_video(
        self, chat: ChatAddress, message_id: int, video: Path, facts: VideoFacts, html: str
    ) -> str | None:
        replace = self._messenger.replace_with_video
        await self._turn(chat, Priority.DELIVERY)
        return await self._heard(chat, lambda: replace(chat, message_id, video, facts, html))

    async def send_video(self, chat: ChatAddress, video: Path, facts: VideoFacts, html: str) -> str:
        await self._turn(chat, Priority.DELIVERY)
        return await self._heard(chat, lambda: self._messenger.send_video(chat, video, facts, html))

    async def send_text(
        self, chat: ChatAddress, html: str, *, button: Button | None = None
    ) -> None:
        send = self._messenger.send_text
        await self._turn(chat, Priority.NOTICE)
        await self._heard(chat, lambda: send(chat, html, button=button))

    async def _turn(self, chat: ChatAddress, priority: Priority) -> None:
        try:
            await self._turns.turn(chat.bot_id, chat.chat_id, priority, patience_s=PATIENCE_S)
        except NoTurnError as error:
            seen = Failure(FailureSource.TELEGRAM, text=f"not sent: {error}", http_status=_TOO_MANY)
            raise HeldBackError(seen, retry_after_s=error.after_s) from None

    async def _heard(self, chat: ChatAddress, call: Callable[[], Awaitable[T]]) -> T:
        """Make the call, and hear when Telegram has too many of them."""
        try:
            return await call()
        except ProviderError as error:
            if error.failure.http_status == _TOO_MANY and error.retry_after_s is not None:
                await self._turns.silenced(chat.bot_id, chat.chat_id, for_s=error.retry_after_s)
            raise
