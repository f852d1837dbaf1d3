"""A user who does not give up: whatever had no effect he does again.

He looks at the chat and does what it offers next, so it does not matter how often the bot dies, or
which of its words got lost. He presses *Confirm* under one menu only, so he has ordered once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx

from neurocards_sandbox.demo.visitor import RefusedBySimulatorError, Visitor, button_data

Json = dict[str, Any]
Condition = Callable[[], Awaitable[bool]]
CONFIRM, TEMPLATE = "ok|", "tc|"
PATIENCE_S = 4.0
"""Before he does the same again."""
LOOK_S = 0.05


class Customer:
    def __init__(
        self,
        http: httpx.AsyncClient,
        *,
        bot_id: int,
        user_id: int,
        photo: Path,
        caption: str = "A mug",
    ) -> None:
        """`http` has the base address of the simulated Telegram."""
        self.visitor = Visitor(http, bot_id=bot_id, user_id=user_id)
        self.id = user_id
        self._photo = photo
        self._caption = caption
        self.menu: int | None = None
        """The message under which he has pressed *Confirm*, or is going to."""

    async def introduce(self) -> None:
        await self.visitor.introduce(f"Customer {self.id}", "en")

    async def order(self, is_ordered: Condition) -> None:
        """Go from the photo to the accepted order; end by cancellation if need be."""
        await self.insist(self._next_step, is_ordered)

    async def insist(self, act: Callable[[], Awaitable[object]], until: Condition) -> None:
        """Do something, wait for a while, and do it again until the condition holds."""
        loop = asyncio.get_running_loop()
        while not await until():
            try:
                await act()
            except RefusedBySimulatorError:
                # The chat has changed meanwhile: the button is gone, or the bot is blocked.
                await asyncio.sleep(LOOK_S)
            again_at = loop.time() + PATIENCE_S
            seen = await self._sequence()
            while loop.time() < again_at and not await until():
                await asyncio.sleep(LOOK_S)
                if act == self._next_step and await self._sequence() > seen:
                    break

    async def press_offered(self, prefix: str) -> None:
        """Press the newest button whose data begins like this; nothing if there is none."""
        for message in reversed(await self._from_bot()):
            for data in button_data(message):
                if data.startswith(prefix):
                    await self.visitor.press(int(message["message_id"]), data)
                    return

    async def says(self, words: str) -> None:
        await self.visitor.write(words)

    async def reads(self, words: str) -> bool:
        return any(words in (message["text"] or "") for message in await self._from_bot())

    async def _next_step(self) -> None:
        for message in reversed(await self._from_bot()):
            number = int(message["message_id"])
            if self.menu is not None and number != self.menu:
                continue
            for data in button_data(message):
                if data.startswith(CONFIRM):
                    self.menu = number
                if data.startswith((CONFIRM, TEMPLATE)):
                    await self.visitor.press(number, data)
                    return
        if self.menu is None:
            await self.visitor.send_file(self._photo, kind="photo", caption=self._caption)

    async def _from_bot(self) -> list[Json]:
        chat = await self.visitor.transcript()
        return [message for message in chat["messages"] if message["from"] == "bot"]

    async def _sequence(self) -> int:
        return int((await self.visitor.transcript())["sequence"])
