"""Everybody outside the house: the script writer, the video provider, the user's chat."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from neurocards.domain.failures import ClassifiedFailure
from neurocards.domain.jobs import ChatAddress
from neurocards.domain.keys import ProviderKey
from neurocards.domain.orders import Order, OrderOptions, Template
from neurocards.domain.photos import PhotoFacts
from neurocards.domain.script import Script


class ScriptWriter(Protocol):
    async def write(self, order: Order, template: Template, photo: bytes) -> Script:
        """Write the script for an order; `photo` is a JPEG without metadata."""
        ...


class RenderState(StrEnum):
    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    UNKNOWN_TASK = "unknown_task"


@dataclass(frozen=True, slots=True)
class Render:
    state: RenderState
    result_url: str | None = None
    """None also for a success that shows no video (yet)."""
    failure: ClassifiedFailure | None = None
    share: float | None = None
    callback_url: str | None = None
    """The address that the task was created with, as the provider remembers it."""


class VideoProvider(Protocol):
    """One transport for all models; `model` names the dialect that is spoken."""

    @property
    def name(self) -> str: ...

    @property
    def model(self) -> str: ...

    async def upload(self, key: ProviderKey, photo: bytes, *, file_name: str) -> str:
        """Upload a JPEG; give the address that the model can read."""
        ...

    async def create(
        self,
        key: ProviderKey,
        *,
        prompt: str,
        image_url: str,
        options: OrderOptions,
        callback_url: str | None,
    ) -> str:
        """Order a render and give its task id. OutcomeUnknownError: it may have been ordered."""
        ...

    async def render(self, key: ProviderKey, task_id: str) -> Render: ...

    async def fetch(self, url: str, target: Path) -> None:
        """Download the mp4: allow-listed host, pinned address, caps of size and time, magic."""
        ...


@dataclass(frozen=True, slots=True)
class VideoFacts:
    width: int
    height: int
    duration_s: float
    bytes: int


class Messenger(Protocol):
    """What a worker says to a user.

    Raises RecipientGoneError, MessageGoneError, OutcomeUnknownError, or ProviderError with
    `retry_after_s` when there is too much of it.
    """

    async def download(self, bot_id: int, file_id: str, *, bytes_max: int) -> bytes: ...

    async def edit_status(
        self, chat: ChatAddress, message_id: int, html: str, *, button: Button | None = None
    ) -> None:
        """Change the text of the status message; silent when it says so already."""
        ...

    async def replace_with_video(
        self, chat: ChatAddress, message_id: int, video: Path, facts: VideoFacts, html: str
    ) -> str | None:
        """Put the video in the place of the status message.

        Gives its file id; None when the message was like that already and Telegram does not tell
        which file it shows.
        """
        ...

    async def send_video(
        self, chat: ChatAddress, video: Path, facts: VideoFacts, html: str
    ) -> str: ...

    async def send_text(
        self, chat: ChatAddress, html: str, *, button: Button | None = None
    ) -> None: ...


@dataclass(frozen=True, slots=True)
class Button:
    text: str
    data: str


class PhotoInspector(Protocol):
    """Looks at foreign bytes in a process of its own, with limits of memory and time."""

    async def inspect(self, photo: bytes) -> PhotoFacts:
        """Raise PhotoUnusableError with the reason, or tell the facts."""
        ...

    async def cleaned(self, photo: bytes) -> bytes:
        """Give the photo as an upright RGB JPEG without metadata, scaled to the allowed side."""
        ...
