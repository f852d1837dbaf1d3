"""What every Messenger keeps, held against the fake and against the client on the simulator."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Protocol

import httpx
import pytest

from neurocards.adapters.telegram.client import TelegramLimits, TelegramMessenger
from neurocards.domain.failures import Failure, FailureSource
from neurocards.domain.jobs import ChatAddress
from neurocards.domain.photos import PhotoFault
from neurocards.errors import (
    MessageGoneError,
    OutcomeUnknownError,
    PhotoUnusableError,
    ProviderError,
    RecipientGoneError,
)
from neurocards.ports.providers import Button, Messenger, VideoFacts
from neurocards.testing.providers import FakeMessage, FakeMessenger
from neurocards.testing.videos import tiny_mp4
from neurocards_sandbox.telegram.settings import TelegramSandboxSettings
from neurocards_sandbox.telegram.testing import Simulator, simulator

TOKEN = "42:TEST_TOKEN_OF_THE_SIMULATED_BOT_000000"
CHAT = ChatAddress(42, 9001)
FACTS = VideoFacts(720, 1280, 5.0, 500)
FILE = b"a file of the user" * 100


class Chat(Protocol):
    """The user's side."""

    async def status_message(self) -> int: ...
    async def file(self) -> str: ...
    async def block(self) -> None: ...
    async def delete(self, message_id: int) -> None: ...
    async def lose_next_answer(self, method: str) -> None: ...
    async def texts(self) -> list[str]: ...
    async def videos(self) -> list[str]: ...
    async def buttons(self) -> list[tuple[str, str]]: ...


class FakeSide:
    def __init__(self, messenger: FakeMessenger) -> None:
        self._messenger = messenger

    async def status_message(self) -> int:
        return self._messenger.chat(CHAT.chat_id).add(FakeMessage("Accepted"))

    async def file(self) -> str:
        self._messenger.files["file"] = FILE
        return "file"

    async def block(self) -> None:
        self._messenger.chat(CHAT.chat_id).blocked = True

    async def delete(self, message_id: int) -> None:
        del self._messenger.chat(CHAT.chat_id).messages[message_id]

    async def lose_next_answer(self, method: str) -> None:
        name = {"editMessageMedia": "replace_with_video", "sendMessage": "send_text"}[method]
        self._messenger.fail(name, OutcomeUnknownError(Failure(FailureSource.NETWORK)))

    async def texts(self) -> list[str]:
        return [one.html for one in self._messenger.chat(CHAT.chat_id).messages.values()]

    async def videos(self) -> list[str]:
        messages = self._messenger.chat(CHAT.chat_id).messages.values()
        return [one.video for one in messages if one.video is not None]

    async def buttons(self) -> list[tuple[str, str]]:
        messages = self._messenger.chat(CHAT.chat_id).messages.values()
        return [(one.button.text, one.button.data) for one in messages if one.button is not None]


class SimulatedSide:
    def __init__(self, telegram: Simulator) -> None:
        self._telegram = telegram

    async def status_message(self) -> int:
        reply = await self._telegram.call(
            "sendMessage", TOKEN, chat_id=CHAT.chat_id, text="Accepted"
        )
        return int(reply.json()["result"]["message_id"])

    async def file(self) -> str:
        reply = await self._telegram.send_file(CHAT.chat_id, "document", "photo.jpg", FILE)
        return str(reply.json()["messages"][0]["media"]["file_id"])

    async def block(self) -> None:
        await self._telegram.control(f"/chats/{CHAT.chat_id}/block", {})

    async def delete(self, message_id: int) -> None:
        path = f"/chats/{CHAT.chat_id}/messages/{message_id}"
        await self._telegram.control(path, method="DELETE")

    async def lose_next_answer(self, method: str) -> None:
        fault = {"method": method, "times": 1, "drop": "after"}
        await self._telegram.control("/faults", fault)

    async def _messages(self) -> list[dict[str, Any]]:
        chat = await self._telegram.control(f"/chats/{CHAT.chat_id}")
        return [one for one in chat["messages"] if one["from"] == "bot"]

    async def texts(self) -> list[str]:
        return [str(one["html"]) for one in await self._messages()]

    async def videos(self) -> list[str]:
        found = [one["media"] for one in await self._messages()]
        return [str(media["file_id"]) for media in found if isinstance(media, dict)]

    async def buttons(self) -> list[tuple[str, str]]:
        rows = [row for one in await self._messages() for row in one["buttons"]]
        return [(each["text"], each["callback_data"]) for row in rows for each in row]


World = tuple[Messenger, Chat]


@pytest.fixture(params=["fake", "telegram"])
async def world(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    if request.param == "fake":
        fake = FakeMessenger()
        yield fake, FakeSide(fake)
        return
    async with (
        simulator(TelegramSandboxSettings(limits=False)) as telegram,
        httpx.AsyncClient(trust_env=False) as client,
    ):
        await telegram.call("getMe", TOKEN)
        await telegram.control("/users", {"id": CHAT.chat_id, "first_name": "Test"})
        await telegram.say(CHAT.chat_id)
        messenger = TelegramMessenger(
            {42: TOKEN},
            api_url=telegram.url,
            client=client,
            limits=TelegramLimits(call_s=10.0),
        )
        yield messenger, SimulatedSide(telegram)


@pytest.fixture
def video(tmp_path: Path) -> Path:
    path = tmp_path / "video.mp4"
    path.write_bytes(tiny_mp4())
    return path


async def test_a_file_is_downloaded_whole(world: World):
    messenger, chat = world

    assert await messenger.download(42, await chat.file(), bytes_max=10_000) == FILE


async def test_a_file_over_the_limit_is_not_taken(world: World):
    messenger, chat = world

    with pytest.raises(PhotoUnusableError) as caught:
        await messenger.download(42, await chat.file(), bytes_max=len(FILE) - 1)

    assert caught.value.fault is PhotoFault.TOO_MANY_BYTES


async def test_a_file_that_is_not_there_is_an_error_of_telegram(world: World):
    messenger, _ = world

    with pytest.raises(ProviderError):
        await messenger.download(42, "no such file", bytes_max=10_000)


async def test_the_status_message_is_edited_and_the_same_text_again_is_fine(world: World):
    messenger, chat = world
    message_id = await chat.status_message()

    for _ in range(2):
        await messenger.edit_status(CHAT, message_id, "<b>Working</b>", button=Button("Stop", "x"))

    assert await chat.texts() == ["<b>Working</b>"]


async def test_the_video_takes_the_place_of_the_status_message(world: World, video: Path):
    messenger, chat = world
    message_id = await chat.status_message()

    file_id = await messenger.replace_with_video(CHAT, message_id, video, FACTS, "<b>Ready</b>")

    assert await chat.videos() == [file_id]
    assert await chat.texts() == ["<b>Ready</b>"]


async def test_a_repeated_replacement_shows_no_second_video(world: World, video: Path):
    messenger, chat = world
    message_id = await chat.status_message()
    await chat.lose_next_answer("editMessageMedia")

    with pytest.raises(OutcomeUnknownError):
        await messenger.replace_with_video(CHAT, message_id, video, FACTS, "Ready")
    await messenger.replace_with_video(CHAT, message_id, video, FACTS, "Ready")

    assert len(await chat.videos()) == 1


async def test_a_video_can_be_sent_as_a_new_message(world: World, video: Path):
    messenger, chat = world
    await chat.status_message()

    file_id = await messenger.send_video(CHAT, video, FACTS, "Ready")

    assert await chat.videos() == [file_id]


async def test_a_text_is_sent(world: World):
    messenger, chat = world

    await messenger.send_text(CHAT, "Ready <b>now</b>")

    assert await chat.texts() == ["Ready <b>now</b>"]


async def test_a_text_may_carry_a_button(world: World):
    """As the status message does."""
    messenger, chat = world

    await messenger.send_text(CHAT, "Not made", button=Button("Try again", "ag|x"))

    assert await chat.texts() == ["Not made"]
    assert await chat.buttons() == [("Try again", "ag|x")]


async def test_a_lost_answer_to_a_text_leaves_a_doubt(world: World):
    messenger, chat = world
    await chat.lose_next_answer("sendMessage")

    with pytest.raises(OutcomeUnknownError):
        await messenger.send_text(CHAT, "Ready")

    assert await chat.texts() == ["Ready"]


async def test_a_blocked_bot_has_nobody_to_talk_to(world: World, video: Path):
    messenger, chat = world
    message_id = await chat.status_message()
    await chat.block()

    for attempt in (
        messenger.edit_status(CHAT, message_id, "Working"),
        messenger.replace_with_video(CHAT, message_id, video, FACTS, "Ready"),
        messenger.send_video(CHAT, video, FACTS, "Ready"),
        messenger.send_text(CHAT, "Ready"),
    ):
        with pytest.raises(RecipientGoneError):
            await attempt


async def test_a_deleted_message_is_gone(world: World, video: Path):
    messenger, chat = world
    message_id = await chat.status_message()
    await chat.delete(message_id)

    with pytest.raises(MessageGoneError):
        await messenger.edit_status(CHAT, message_id, "Working")
    with pytest.raises(MessageGoneError):
        await messenger.replace_with_video(CHAT, message_id, video, FACTS, "Ready")


async def test_a_message_that_is_a_video_by_now_has_no_status_to_edit(world: World, video: Path):
    messenger, chat = world
    message_id = await chat.status_message()
    await messenger.replace_with_video(CHAT, message_id, video, FACTS, "Ready")

    with pytest.raises(MessageGoneError):
        await messenger.edit_status(CHAT, message_id, "Working")


async def test_too_many_requests_tell_how_long_to_wait():
    async with (
        simulator(TelegramSandboxSettings(limits=False)) as telegram,
        httpx.AsyncClient(trust_env=False) as client,
    ):
        await telegram.control("/faults", {"status": 429, "retry_after": 17, "times": 1})
        messenger = TelegramMessenger({42: TOKEN}, api_url=telegram.url, client=client)
        with pytest.raises(ProviderError) as caught:
            await messenger.send_text(CHAT, "Ready")

    assert caught.value.retry_after_s == 17


async def test_no_error_shows_the_token():
    async with httpx.AsyncClient(trust_env=False) as client:
        messenger = TelegramMessenger({42: TOKEN}, api_url="http://127.0.0.1:1", client=client)
        with pytest.raises(ProviderError) as caught:
            await messenger.send_text(CHAT, "Ready")

    error: BaseException | None = caught.value
    assert not isinstance(error, OutcomeUnknownError), "it was certainly not sent"
    assert error is not None
    assert error.__suppress_context__
    assert TOKEN not in repr(error)


async def test_a_bot_without_a_token_is_named():
    async with httpx.AsyncClient(trust_env=False) as client:
        messenger = TelegramMessenger({42: TOKEN}, api_url="http://127.0.0.1:1", client=client)
        with pytest.raises(ProviderError) as caught:
            await messenger.send_text(ChatAddress(43, 1), "Ready")

    assert caught.value.failure.http_status == 401
