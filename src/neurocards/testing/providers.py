"""Script writer, video provider, messenger and photo inspector in memory.

What shall go wrong is told beforehand: each fake has lists of errors that its next calls raise.
What was done is kept, for a test to look at.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from neurocards.domain.failures import Failure, FailureSource
from neurocards.domain.jobs import ChatAddress
from neurocards.domain.keys import ProviderKey
from neurocards.domain.orders import Order, OrderOptions, Template
from neurocards.domain.photos import PhotoFacts, PhotoFault
from neurocards.domain.script import Script, checked_script, scene_count
from neurocards.errors import (
    MessageGoneError,
    OutcomeUnknownError,
    PhotoNotInspectedError,
    PhotoUnusableError,
    ProviderError,
    RecipientGoneError,
)
from neurocards.ports.providers import Button, Render, RenderState, VideoFacts
from neurocards.testing.videos import TINY_JPEG, tiny_mp4

_UNAUTHORIZED = 401


class FakeScriptWriter:
    """A ScriptWriter that writes the caption of the order into every scene."""

    def __init__(self) -> None:
        self.errors: deque[ProviderError] = deque()
        self.scripts: deque[Script] = deque()
        """Answered first."""
        self.requests: list[tuple[Order, bytes]] = []

    async def write(self, order: Order, template: Template, photo: bytes) -> Script:
        self.requests.append((order, photo))
        if self.errors:
            raise self.errors.popleft()
        if self.scripts:
            return self.scripts.popleft()
        product = order.caption or "Product"
        return checked_script(
            title=product,
            scenes=[f"{product} {n}" for n in range(scene_count(order.options.duration_s))],
            call_to_action="Order now",
            visual_direction=template.prompt("en"),
        )


@dataclass(slots=True)
class Creation:
    """One createTask that the fake provider took."""

    task_id: str
    key_fingerprint: str
    prompt: str
    image_url: str
    callback_url: str | None


class FakeVideoProvider:
    """A VideoProvider whose tasks are done at their first look, unless `renders` says else.

    `renders` are answered first, one a look. `lost_answers` takes that many orders and raises
    OutcomeUnknownError all the same.
    """

    name = "fake"
    model = "fake-model"

    def __init__(self) -> None:
        self.upload_errors: deque[ProviderError] = deque()
        self.create_errors: deque[ProviderError] = deque()
        self.fetch_errors: deque[ProviderError] = deque()
        self.renders: deque[Render | ProviderError] = deque()
        self.lost_answers = 0
        self.video = tiny_mp4()
        self.uploads: dict[str, bytes] = {}
        self.fetched: list[str] = []
        self.created: list[Creation] = []
        self.looks: list[str] = []
        self.known_keys: frozenset[str] | None = None

    async def upload(self, key: ProviderKey, photo: bytes, *, file_name: str) -> str:
        self._require(key)
        if self.upload_errors:
            raise self.upload_errors.popleft()
        self.uploads[file_name] = photo
        return f"https://files.example/{file_name}"

    async def create(
        self,
        key: ProviderKey,
        *,
        prompt: str,
        image_url: str,
        options: OrderOptions,
        callback_url: str | None,
    ) -> str:
        del options
        self._require(key)
        if self.create_errors:
            raise self.create_errors.popleft()
        task_id = f"task-{len(self.created) + 1}"
        made = Creation(task_id, key.fingerprint, prompt, image_url, callback_url)
        self.created.append(made)
        if self.lost_answers > 0:
            self.lost_answers -= 1
            raise OutcomeUnknownError(Failure(FailureSource.NETWORK, text="no answer: ReadTimeout"))
        return task_id

    async def render(self, key: ProviderKey, task_id: str) -> Render:
        self._require(key)
        self.looks.append(task_id)
        made = next((task for task in self.created if task.task_id == task_id), None)
        if self.renders:
            told = self.renders.popleft()
            if isinstance(told, ProviderError):
                raise told
            return told
        if made is None:
            return Render(RenderState.UNKNOWN_TASK)
        url = f"https://files.example/{task_id}.mp4"
        return Render(RenderState.SUCCEEDED, result_url=url, callback_url=made.callback_url)

    async def fetch(self, url: str, target: Path) -> None:
        if self.fetch_errors:
            raise self.fetch_errors.popleft()
        self.fetched.append(url)
        await asyncio.to_thread(target.write_bytes, self.video)

    def _require(self, key: ProviderKey) -> None:
        if self.known_keys is not None and key.secret not in self.known_keys:
            text = "You do not have access permissions"
            raise ProviderError(Failure(FailureSource.KIE, text=text, code=str(_UNAUTHORIZED)))


@dataclass(slots=True)
class FakeMessage:
    """A message of a chat as it stands now."""

    html: str
    video: str | None = None
    facts: VideoFacts | None = None
    button: Button | None = None
    edits: int = 0


@dataclass(slots=True)
class FakeChat:
    messages: dict[int, FakeMessage] = field(default_factory=dict)
    blocked: bool = False

    def add(self, message: FakeMessage) -> int:
        number = max(self.messages, default=0) + 1
        self.messages[number] = message
        return number


class FakeMessenger:
    """A Messenger over chats in memory; `errors` are raised by the next calls of a method.

    An OutcomeUnknownError is raised after the deed, as a lost answer is; any other before it.
    """

    def __init__(self, files: Mapping[str, bytes] | None = None) -> None:
        self.files: dict[str, bytes] = dict(files or {})
        self.chats: dict[int, FakeChat] = {}
        self.errors: dict[str, deque[ProviderError]] = {}
        self.calls: list[str] = []
        self.downloads: list[tuple[int, str]] = []
        self._videos = 0

    def chat(self, chat_id: int) -> FakeChat:
        return self.chats.setdefault(chat_id, FakeChat())

    def fail(self, method: str, *errors: ProviderError) -> None:
        self.errors.setdefault(method, deque()).extend(errors)

    async def download(self, bot_id: int, file_id: str, *, bytes_max: int) -> bytes:
        self._begin("download")
        self.downloads.append((bot_id, file_id))
        photo = self.files.get(file_id)
        if photo is None:
            text = "Bad Request: wrong file_id or the file is temporarily unavailable"
            raise ProviderError(Failure(FailureSource.TELEGRAM, text=text, http_status=400))
        if len(photo) > bytes_max:
            raise PhotoUnusableError(PhotoFault.TOO_MANY_BYTES)
        return photo

    async def edit_status(
        self, chat: ChatAddress, message_id: int, html: str, *, button: Button | None = None
    ) -> None:
        lost = self._begin("edit_status")
        message = self._message(chat, message_id)
        if message.video is not None:
            raise _gone("Bad Request: there is no text in the message to edit")
        if (message.html, message.button) != (html, button):
            message.html, message.button = html, button
            message.edits += 1
        _raise(lost)

    async def replace_with_video(
        self, chat: ChatAddress, message_id: int, video: Path, facts: VideoFacts, html: str
    ) -> str | None:
        lost = self._begin("replace_with_video")
        message = self._message(chat, message_id)
        message.html, message.video, message.button = html, await self._stored(video), None
        message.facts = facts
        message.edits += 1
        _raise(lost)
        return message.video

    async def send_video(self, chat: ChatAddress, video: Path, facts: VideoFacts, html: str) -> str:
        lost = self._begin("send_video")
        file_id = await self._stored(video)
        self._open(chat).add(FakeMessage(html, video=file_id, facts=facts))
        _raise(lost)
        return file_id

    async def send_text(
        self, chat: ChatAddress, html: str, *, button: Button | None = None
    ) -> None:
        lost = self._begin("send_text")
        self._open(chat).add(FakeMessage(html, button=button))
        _raise(lost)

    def _begin(self, method: str) -> OutcomeUnknownError | None:
        self.calls.append(method)
        waiting = self.errors.get(method)
        error = waiting.popleft() if waiting else None
        if error is None or isinstance(error, OutcomeUnknownError):
            return error
        raise error

    def _open(self, chat: ChatAddress) -> FakeChat:
        found = self.chat(chat.chat_id)
        if found.blocked:
            text = "Forbidden: bot was blocked by the user"
            raise RecipientGoneError(Failure(FailureSource.TELEGRAM, text=text, http_status=403))
        return found

    def _message(self, chat: ChatAddress, message_id: int) -> FakeMessage:
        message = self._open(chat).messages.get(message_id)
        if message is None:
            raise _gone("Bad Request: message to edit not found")
        return message

    async def _stored(self, video: Path) -> str:
        self._videos += 1
        file_id = f"video-{self._videos}"
        self.files[file_id] = await asyncio.to_thread(video.read_bytes)
        return file_id


def _raise(error: OutcomeUnknownError | None) -> None:
    if error is not None:
        raise error


def _gone(text: str) -> MessageGoneError:
    return MessageGoneError(Failure(FailureSource.TELEGRAM, text=text, http_status=400))


class FakePhotoInspector:
    """A PhotoInspector that looks only for the faults it was told of, by the photo's bytes."""

    def __init__(self) -> None:
        self.faults: dict[bytes, PhotoFault] = {b"": PhotoFault.EMPTY}
        self.kills = 0
        """So many of the next inspections are killed."""
        self.cleanings = 0

    async def inspect(self, photo: bytes) -> PhotoFacts:
        self._require_usable(photo)
        return PhotoFacts(800, 600, "JPEG")

    async def cleaned(self, photo: bytes) -> bytes:
        self._require_usable(photo)
        self.cleanings += 1
        return TINY_JPEG

    def _require_usable(self, photo: bytes) -> None:
        if self.kills > 0:
            self.kills -= 1
            raise PhotoNotInspectedError(PhotoFault.DAMAGED)
        fault = self.faults.get(photo)
        if fault is not None:
            raise PhotoUnusableError(fault)
