"""The photo of an order: found in a message, fetched within limits, looked at by the inspector.

The bytes are thrown away afterwards; an order keeps Telegram's file id, and the worker fetches
and cleans the photo again. At most PHOTOS_AT_ONCE photos are in memory.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from aiogram import Bot
from aiogram.exceptions import TelegramBadRequest, TelegramNetworkError
from aiogram.methods import GetFile
from aiogram.types import Message
from aiohttp import ClientError, ClientResponseError

from neurocards.domain.photos import PHOTO_BYTES_MAX, PhotoFault
from neurocards.errors import PhotoUnusableError
from neurocards.ports.providers import PhotoInspector

PHOTOS_AT_ONCE = 4
DOWNLOAD_S_MAX = 30
_UNTYPED = ("", "application/octet-stream", "binary/octet-stream")


@dataclass(frozen=True, slots=True)
class PhotoFile:
    """A file that may be a photo; `bytes` as the sender declares them."""

    file_id: str
    bytes: int | None


@dataclass(frozen=True, slots=True)
class Photo:
    """A photo that was looked at. `surplus`: it was not, another one of its album was taken."""

    file_id: str
    fault: PhotoFault | None = None
    surplus: bool = False


def photo_of(message: Message) -> PhotoFile | None:
    """Find the photo in a message: sent as a photo, or as a file that says it is a picture.

    Telegram shows a GIF as an animation and puts a document beside it: that is no photo.
    """
    if message.photo:
        largest = message.photo[-1]
        return PhotoFile(largest.file_id, largest.file_size)
    document = message.document
    if document is None or message.animation is not None:
        return None
    kind = document.mime_type or ""
    if kind.startswith("image/") or kind in _UNTYPED:
        return PhotoFile(document.file_id, document.file_size)
    return None


class PhotoIntake:
    def __init__(self, inspector: PhotoInspector) -> None:
        self._inspector = inspector
        self._slots = asyncio.Semaphore(PHOTOS_AT_ONCE)

    async def fault_of(self, bot: Bot, file: PhotoFile) -> PhotoFault | None:
        """Tell why a photo cannot be used; None when it can. What Telegram fails at is raised."""
        if file.bytes is not None and file.bytes > PHOTO_BYTES_MAX:
            return PhotoFault.TOO_MANY_BYTES
        async with self._slots:
            try:
                await self._inspector.inspect(await _download(bot, file.file_id))
            except PhotoUnusableError as error:
                return error.fault
        return None


async def is_still_there(bot: Bot, file_id: str) -> bool:
    """Ask whether Telegram still gives a photo out that was looked at when it came."""
    try:
        await bot.get_file(file_id)
    except TelegramBadRequest:
        return False
    return True


async def _download(bot: Bot, file_id: str) -> bytes:
    try:
        found = await bot.get_file(file_id)
    except TelegramBadRequest as error:
        if "file is too big" in error.message:
            raise PhotoUnusableError(PhotoFault.TOO_MANY_BYTES) from error
        # It has the file no more, or not now: either way it has to be sent once more.
        raise PhotoUnusableError(PhotoFault.DAMAGED) from error
    if found.file_path is None:
        raise PhotoUnusableError(PhotoFault.DAMAGED)
    url = bot.session.api.file_url(bot.token, found.file_path)
    photo = bytearray()
    try:
        async for chunk in bot.session.stream_content(url, timeout=DOWNLOAD_S_MAX):
            photo += chunk
            if len(photo) > PHOTO_BYTES_MAX:
                raise PhotoUnusableError(PhotoFault.TOO_MANY_BYTES)
    except (ClientError, TimeoutError) as error:
        # Without the original text: it holds the address, and the address holds the token.
        reason = f"the photo did not arrive: {type(error).__name__} {_status(error)}".strip()
        raise TelegramNetworkError(method=GetFile(file_id=file_id), message=reason) from None
    return bytes(photo)


def _status(error: Exception) -> str:
    return str(error.status) if isinstance(error, ClientResponseError) else ""
