"""What a worker says to a user, over the Bot API.

Not a bot: it takes no updates. It shares nothing with aiogram, whose import alone costs more
memory than all of the worker (docs/adr/0003-worker-without-aiogram.md).

Invariant: a token never leaves this module but inside an address, and errors carry no address.
The lines that httpx logs about each request do; the pipeline of the logs drops them.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from neurocards.adapters.telegram import replies
from neurocards.adapters.telegram.replies import FileTooBigError, NotModifiedError
from neurocards.adapters.transport import NoAnswerError, NotSentError, exchange, time_limits
from neurocards.domain.failures import Failure, FailureSource
from neurocards.domain.jobs import ChatAddress
from neurocards.domain.photos import PhotoFault
from neurocards.errors import OutcomeUnknownError, PhotoUnusableError, ProviderError
from neurocards.ports.providers import Button, VideoFacts

SHOWN_MARK = " ✅"
_OK = 200
_UNAUTHORIZED = 401


@dataclass(frozen=True, slots=True)
class TelegramLimits:
    """Seconds that one call may take in all."""

    call_s: float = 15.0
    download_s: float = 60.0
    upload_s: float = 120.0


class TelegramMessenger:
    """A Messenger."""

    def __init__(
        self,
        tokens: Mapping[int, str],
        *,
        api_url: str,
        client: httpx.AsyncClient,
        limits: TelegramLimits | None = None,
    ) -> None:
        """`tokens` by bot id; `api_url` without a trailing slash."""
        self._tokens = tokens
        self._api_url = api_url
        self._client = client
        self._limits = limits or TelegramLimits()

    async def download(self, bot_id: int, file_id: str, *, bytes_max: int) -> bytes:
        try:
            file = await self._call(bot_id, "getFile", {"file_id": file_id})
        except FileTooBigError:
            raise PhotoUnusableError(PhotoFault.TOO_MANY_BYTES) from None
        path = file.get("file_path") if isinstance(file, dict) else None
        if not isinstance(path, str):
            raise ProviderError(replies.failure("getFile tells no path", http_status=500))
        if int(file.get("file_size") or 0) > bytes_max:
            raise PhotoUnusableError(PhotoFault.TOO_MANY_BYTES)
        url = f"{self._api_url}/file/bot{self._token(bot_id)}/{path}"
        try:
            async with asyncio.timeout(self._limits.download_s):
                return await self._streamed(url, bytes_max)
        except (httpx.HTTPError, httpx.StreamError, TimeoutError) as error:
            raise ProviderError(_network(f"download: {type(error).__name__}")) from None

    async def _streamed(self, url: str, bytes_max: int) -> bytes:
        body = bytearray()
        limits = time_limits(io_s=self._limits.call_s)
        async with self._client.stream("GET", url, timeout=limits) as response:
            if response.status_code != _OK:
                raise ProviderError(
                    replies.failure("the file is not there", http_status=response.status_code)
                )
            async for piece in response.aiter_bytes():
                body += piece
                if len(body) > bytes_max:
                    raise PhotoUnusableError(PhotoFault.TOO_MANY_BYTES)
        return bytes(body)

    async def edit_status(
        self, chat: ChatAddress, message_id: int, html: str, *, button: Button | None = None
    ) -> None:
        fields: dict[str, Any] = {
            "chat_id": chat.chat_id,
            "message_id": message_id,
            "text": html,
            "parse_mode": "HTML",
        }
        fields |= _keyboard(button)
        try:
            await self._call(chat.bot_id, "editMessageText", fields)
        except NotModifiedError:
            return

    async def replace_with_video(
        self, chat: ChatAddress, message_id: int, video: Path, facts: VideoFacts, html: str
    ) -> str | None:
        media = {
            "type": "video",
            "media": "attach://video",
            "caption": html,
            "parse_mode": "HTML",
            "supports_streaming": True,
            **_shape(facts),
        }
        fields = {
            "chat_id": chat.chat_id,
            "message_id": message_id,
            "media": json.dumps(media, ensure_ascii=False),
        }
        try:
            return _video_file_id(
                await self._upload(chat.bot_id, "editMessageMedia", fields, video)
            )
        except NotModifiedError:
            return await self._file_id_there(chat, message_id, html)

    async def _file_id_there(self, chat: ChatAddress, message_id: int, html: str) -> str | None:
        """Ask which video a message shows; None when Telegram does not tell.

        Only an edit tells, and only one that changes something: so the caption gets a mark.
        """
        fields = {
            "chat_id": chat.chat_id,
            "message_id": message_id,
            "caption": html + SHOWN_MARK,
            "parse_mode": "HTML",
        }
        try:
            return _video_file_id(await self._call(chat.bot_id, "editMessageCaption", fields))
        except ProviderError:
            return None

    async def send_video(self, chat: ChatAddress, video: Path, facts: VideoFacts, html: str) -> str:
        fields = {
            "chat_id": chat.chat_id,
            "caption": html,
            "parse_mode": "HTML",
            "supports_streaming": "true",
            **_shape(facts),
        }
        file_id = _video_file_id(await self._upload(chat.bot_id, "sendVideo", fields, video))
        if file_id is None:
            raise OutcomeUnknownError(replies.failure("sendVideo tells no file", http_status=200))
        return file_id

    async def send_text(
        self, chat: ChatAddress, html: str, *, button: Button | None = None
    ) -> None:
        fields: dict[str, Any] = {"chat_id": chat.chat_id, "text": html, "parse_mode": "HTML"}
        fields |= _keyboard(button)
        await self._call(chat.bot_id, "sendMessage", fields)

    async def _call(self, bot_id: int, method: str, fields: Mapping[str, Any]) -> Any:
        limit_s = self._limits.call_s
        request = self._client.build_request(
            "POST", self._address(bot_id, method), data=fields, timeout=time_limits(io_s=limit_s)
        )
        return await self._exchange(request, total_s=limit_s)

    async def _upload(
        self, bot_id: int, method: str, fields: Mapping[str, Any], video: Path
    ) -> Any:
        limit_s = self._limits.upload_s
        with await asyncio.to_thread(video.open, "rb") as file:
            request = self._client.build_request(
                "POST",
                self._address(bot_id, method),
                data=fields,
                files={"video": ("video.mp4", file, "video/mp4")},
                timeout=time_limits(io_s=limit_s),
            )
            return await self._exchange(request, total_s=limit_s)

    async def _exchange(self, request: httpx.Request, *, total_s: float) -> Any:
        try:
            answer = await exchange(self._client, request, total_s=total_s)
        except NotSentError as error:
            raise ProviderError(_network(f"not sent: {error}")) from None
        except NoAnswerError as error:
            raise OutcomeUnknownError(_network(f"no answer: {error}")) from None
        return replies.result_of(answer)

    def _address(self, bot_id: int, method: str) -> str:
        return f"{self._api_url}/bot{self._token(bot_id)}/{method}"

    def _token(self, bot_id: int) -> str:
        token = self._tokens.get(bot_id)
        if token is None:
            text = f"there is no token of bot {bot_id}"
            raise ProviderError(replies.failure(text, http_status=_UNAUTHORIZED))
        return token


def _keyboard(button: Button | None) -> dict[str, str]:
    if button is None:
        return {}
    row = [{"text": button.text, "callback_data": button.data}]
    return {"reply_markup": json.dumps({"inline_keyboard": [row]}, ensure_ascii=False)}


def _network(text: str) -> Failure:
    return Failure(FailureSource.NETWORK, text=text)


def _shape(facts: VideoFacts) -> dict[str, int]:
    return {
        "width": facts.width,
        "height": facts.height,
        "duration": max(1, round(facts.duration_s)),
    }


def _video_file_id(result: Any) -> str | None:
    """Find the file in a message; Telegram may call a video without sound an animation."""
    if not isinstance(result, dict):
        return None
    for kind in ("video", "animation", "document"):
        file = result.get(kind)
        if isinstance(file, dict) and isinstance(file.get("file_id"), str):
            return str(file["file_id"])
    return None
