"""A user of the bot who is a program: writes, sends photos and presses buttons that it is shown.

Speaks the control API of the Telegram simulator. Knows what the bot's buttons carry, since that is
how a person's choice is found again in any language.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from neurocards_sandbox.demo.errors import DemoError

ANSWER_TIMEOUT_S = 60.0
POLL_S_MAX = 10.0
REQUEST_TIMEOUT_S = 30.0
_PAUSE_S = 0.05

Json = dict[str, Any]


class RefusedBySimulatorError(DemoError):
    """Telegram itself would not take this, so the bot never hears of it."""


class Visitor:
    """One user in the private chat with one bot."""

    def __init__(self, http: httpx.AsyncClient, *, bot_id: int, user_id: int) -> None:
        self._http = http
        self._bot = {"bot": bot_id}
        self.user_id = user_id

    async def introduce(self, name: str, language: str) -> None:
        facts = {"id": self.user_id, "first_name": name, "language_code": language}
        await self._call("POST", "/sim/users", json=facts)

    async def write(self, text: str) -> int:
        """Send a text; give the id of its message."""
        body = {"kind": "text", "text": text}
        return _first_id(await self._in_chat("POST", "/send", json=body))

    async def send_file(self, path: Path, *, kind: str, caption: str = "") -> int:
        """Send a `photo` or a `document`; give the id of its message."""
        form = {"kind": kind} | ({"caption": caption} if caption else {})
        files = {"file": (path.name, await asyncio.to_thread(path.read_bytes))}
        return _first_id(await self._in_chat("POST", "/send", data=form, files=files))

    async def press(self, message_id: int, data: str) -> Json:
        body = {"message_id": message_id, "callback_data": data}
        return await self._in_chat("POST", "/press", json=body)

    async def press_and_wait(self, message_id: int, data: str) -> Json:
        """Press and give the bot's answer: {text?, show_alert?}."""
        query = await self.press(message_id, data)
        deadline = time.monotonic() + ANSWER_TIMEOUT_S
        while not query["is_answered"]:
            if time.monotonic() >= deadline:
                raise DemoError("the bot does not answer a pressed button")
            await asyncio.sleep(_PAUSE_S)
            query = await self._call("GET", f"/sim/callback_queries/{query['callback_query_id']}")
        answer: Json = query["answers"][0]
        return answer

    async def delete(self, message_id: int) -> None:
        await self._in_chat("DELETE", f"/messages/{message_id}")

    async def block(self, *, is_blocked: bool) -> None:
        await self._in_chat("POST", "/block" if is_blocked else "/unblock", json={})

    async def transcript(self) -> Json:
        return await self._in_chat("GET", "")

    async def until(
        self, wanted: Callable[[Json], bool], *, what: str, timeout_s: float = ANSWER_TIMEOUT_S
    ) -> Json:
        """Wait for a message of the bot that is as wanted; DemoError when none comes in time."""
        deadline = time.monotonic() + timeout_s
        while True:
            chat = await self.transcript()
            for message in chat["messages"]:
                if message["from"] == "bot" and wanted(message):
                    found: Json = message
                    return found
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                raise DemoError(f"waited {timeout_s:g} s for {what} in vain")
            await self._in_chat(
                "GET",
                "/changes",
                params={"after": chat["sequence"], "timeout_s": min(POLL_S_MAX, left_s)},
            )

    async def download(self, media: Json) -> bytes:
        response = await self._http.get(media["url"], timeout=REQUEST_TIMEOUT_S)
        response.raise_for_status()
        return response.content

    async def _in_chat(
        self, method: str, path: str, *, params: Json | None = None, **request: Any
    ) -> Json:
        address = f"/sim/chats/{self.user_id}{path}"
        return await self._call(method, address, params=self._bot | (params or {}), **request)

    async def _call(self, method: str, path: str, **request: Any) -> Json:
        response = await self._http.request(method, path, timeout=REQUEST_TIMEOUT_S, **request)
        answer: Json = response.json()
        if response.is_error:
            reason = answer.get("error") or answer.get("detail") or response.status_code
            raise RefusedBySimulatorError(str(reason))
        return answer


def button_data(message: Json) -> list[str]:
    """List what the buttons of a message carry."""
    keys = (key for row in message["buttons"] for key in row)
    return [key["callback_data"] for key in keys if "callback_data" in key]


def _first_id(sent: Json) -> int:
    return int(sent["messages"][0]["message_id"])
