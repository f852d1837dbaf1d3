"""A person with the Telegram app, as far as tests need one: a client of the simulator's `/sim`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

WAIT_S_MAX = 30.0
_POLL_S = 0.05

Message = dict[str, Any]


class Person:
    """Writes to one bot, presses its buttons and reads what it says."""

    def __init__(self, client: httpx.AsyncClient, user_id: int, *, bot_id: int) -> None:
        """`client` has the simulator's base URL."""
        self.simulator = client
        self.id = user_id
        self._bot = {"bot": bot_id}
        self.bot_id = bot_id

    async def register(self, **user: Any) -> None:
        await self._post("/sim/users", {"id": self.id, "first_name": "Test", **user})

    async def write(self, text: str) -> list[int]:
        """Send a text; gives the ids of the updates it made."""
        return await self._send({"kind": "text", "text": text})

    async def send(self, kind: str, **fields: Any) -> list[int]:
        return await self._send({"kind": kind, **fields})

    async def send_files(self, kind: str, *files: Path, **fields: str) -> list[int]:
        """Upload files as photo, document, video, album and so on."""
        field = "files" if kind == "album" else "file"
        uploads = [(field, (file.name, file.read_bytes())) for file in files]
        reply = await self.simulator.post(
            f"/sim/chats/{self.id}/send",
            params=self._bot,
            data={"kind": kind, **fields},
            files=uploads,
        )
        return _update_ids(reply)

    async def _send(self, message: dict[str, Any]) -> list[int]:
        reply = await self.simulator.post(
            f"/sim/chats/{self.id}/send", params=self._bot, json=message
        )
        return _update_ids(reply)

    async def press(self, message: Message, button: str, *, force: bool = False) -> dict[str, Any]:
        """Press the button whose text holds `button`; gives the query with its update id."""
        data = next(
            item["callback_data"]
            for row in message["buttons"]
            for item in row
            if button in item["text"]
        )
        return await self.press_data(message["message_id"], data, force=force)

    async def press_data(
        self, message_id: int, data: str, *, force: bool = False
    ) -> dict[str, Any]:
        query: dict[str, Any] = await self._post(
            f"/sim/chats/{self.id}/press",
            {"message_id": message_id, "callback_data": data, "force": force},
        )
        return query

    async def answer(self, query: dict[str, Any]) -> dict[str, Any]:
        """Wait for what the bot answers to a press: {text, show_alert, ...}."""
        async with asyncio.timeout(WAIT_S_MAX):
            while True:
                reply = await self.simulator.get(
                    f"/sim/callback_queries/{query['callback_query_id']}"
                )
                answers: list[dict[str, Any]] = reply.raise_for_status().json()["answers"]
                if answers:
                    return answers[-1]
                await asyncio.sleep(_POLL_S)

    async def block(self) -> None:
        await self._post(f"/sim/chats/{self.id}/block", {})

    async def unblock(self) -> None:
        await self._post(f"/sim/chats/{self.id}/unblock", {})

    async def messages(self) -> list[Message]:
        """Read the chat as it stands, oldest first."""
        reply = await self.simulator.get(f"/sim/chats/{self.id}", params=self._bot)
        found: list[Message] = reply.raise_for_status().json()["messages"]
        return found

    async def from_bot(self) -> list[Message]:
        return [message for message in await self.messages() if message["from"] == "bot"]

    async def sees(
        self, wanted: Callable[[Message], bool], *, what: str = "the message"
    ) -> Message:
        """Wait for a message of the bot that fits, the newest one first."""
        found: list[Message] = []
        try:
            async with asyncio.timeout(WAIT_S_MAX):
                while True:
                    found = await self.from_bot()
                    for message in reversed(found):
                        if wanted(message):
                            return message
                    await asyncio.sleep(_POLL_S)
        except TimeoutError:
            texts = [message["text"] for message in found]
            raise AssertionError(f"{what} did not come; the bot said {texts}") from None

    async def reads(self, words: str) -> Message:
        """Wait for a message of the bot that holds these words."""
        return await self.sees(lambda message: words in (message["text"] or ""), what=words)

    async def _post(self, path: str, body: dict[str, Any]) -> Any:
        reply = await self.simulator.post(path, params=self._bot, json=body)
        return reply.raise_for_status().json()


def _update_ids(reply: httpx.Response) -> list[int]:
    assert reply.is_success, reply.text
    ids: list[int] = reply.json()["update_ids"]
    return ids
