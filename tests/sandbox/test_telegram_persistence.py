"""A restarted Telegram simulator finds its chats, files and updates again."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image

from neurocards_sandbox.telegram.settings import TelegramSandboxSettings
from neurocards_sandbox.telegram.testing import (
    Simulator,
    eventually,
    simulator,
    webhook_receiver,
)

USER = 7


def kept(folder: Path, **more: object) -> TelegramSandboxSettings:
    return TelegramSandboxSettings(data_dir=folder, limits=False, **more)  # type: ignore[arg-type]


def jpeg() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (200, 100), "teal").save(out, "JPEG")
    return out.getvalue()


async def talk(telegram: Simulator) -> str:
    """A user writes, sends a photo, the bot answers and edits; returns the photo's file_id."""
    await telegram.call("getMe")
    await telegram.control("/users", {"id": USER, "first_name": "Ann", "language_code": "ru"})
    await telegram.say(USER, "/start")
    await telegram.send_file(USER, "photo", "a.jpg", jpeg())
    await telegram.call("sendMessage", chat_id=USER, text="old")
    await telegram.call("editMessageText", chat_id=USER, message_id=3, text="new")
    await telegram.call("sendMessage", chat_id=USER, text="short-lived")
    await telegram.call("deleteMessage", chat_id=USER, message_id=4)
    file_id: str = telegram.world.chats[42, USER].messages[2].body["photo"][-1]["file_id"]
    return file_id


async def test_chats_messages_users_and_files_are_found_again(tmp_path: Path) -> None:
    async with simulator(kept(tmp_path)) as telegram:
        file_id = await talk(telegram)
        before = await telegram.control(f"/chats/{USER}")
    async with simulator(kept(tmp_path)) as telegram:
        after = await telegram.control(f"/chats/{USER}")
        assert after["messages"] == before["messages"]
        assert after["sequence"] > before["sequence"]
        assert (await telegram.control(f"/users/{USER}"))["language_code"] == "ru"
        path = (await telegram.call("getFile", file_id=file_id)).json()["result"]["file_path"]
        photo = await telegram.http.get(f"/file/bot42:TEST/{path}")
        assert Image.open(io.BytesIO(photo.content)).size == (200, 100)
        sent = await telegram.call("sendPhoto", chat_id=USER, photo=file_id)
        assert sent.json()["result"]["message_id"] == 5
        edited = await telegram.call("editMessageText", chat_id=USER, message_id=3, text="again")
        assert edited.status_code == 200


async def test_unconfirmed_updates_survive_and_ids_go_on(tmp_path: Path) -> None:
    async with simulator(kept(tmp_path)) as telegram:
        await telegram.call("getMe")
        await telegram.say(USER, "confirmed")
        await telegram.say(USER, "waiting")
        first = (await telegram.call("getUpdates")).json()["result"][0]
        await telegram.call("getUpdates", offset=first["update_id"] + 1)
    async with simulator(kept(tmp_path)) as telegram:
        await telegram.say(USER, "fresh")
        found = (await telegram.call("getUpdates")).json()["result"]
        assert [one["message"]["text"] for one in found] == ["waiting", "fresh"]
        assert found[1]["update_id"] == found[0]["update_id"] + 1


async def test_a_webhook_is_served_again_after_a_restart(tmp_path: Path) -> None:
    async with webhook_receiver() as receiver:
        ingress = {"https://bot.example": receiver.url}
        async with simulator(
            kept(tmp_path, ingress={"https://bot.example": "http://127.0.0.1:9"})
        ) as telegram:
            await telegram.call("setWebhook", url="https://bot.example/hook", secret_token="s")
            await telegram.say(USER, "while away")
        async with simulator(kept(tmp_path, ingress=ingress)) as telegram:
            await eventually(lambda: receiver.texts == ["while away"])
            assert receiver.delivered[0].headers["x-telegram-bot-api-secret-token"] == "s"


async def test_a_kill_loses_no_more_than_the_last_flush(tmp_path: Path) -> None:
    async with simulator(kept(tmp_path, flush_interval_s=0.05)) as telegram:
        await telegram.call("getMe")
        await telegram.say(USER, "kept")
        await eventually(lambda: not telegram.world.journal.is_dirty)
        async with simulator(kept(tmp_path)) as copy:
            messages = (await copy.control(f"/chats/{USER}"))["messages"]
            assert [message["text"] for message in messages] == ["kept"]


async def test_a_reset_is_lasting(tmp_path: Path) -> None:
    async with simulator(kept(tmp_path)) as telegram:
        await talk(telegram)
        await telegram.control("/reset", {})
    async with simulator(kept(tmp_path)) as telegram:
        assert await telegram.control("/chats") == []


async def test_without_a_folder_nothing_is_left_behind() -> None:
    async with simulator(TelegramSandboxSettings()) as telegram:
        await telegram.call("getMe")
        await telegram.say(USER)
        await telegram.send_file(USER, "document", "a.txt", b"x")
        folder = telegram.world.files.folder
        assert folder.exists()
    assert not folder.exists()
