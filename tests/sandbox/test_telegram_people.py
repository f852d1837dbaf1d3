"""The control API of the Telegram simulator: users, their acts, transcripts and feeds."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from PIL import Image

from neurocards_sandbox.telegram.settings import TelegramSandboxSettings
from neurocards_sandbox.telegram.testing import Simulator, eventually, simulator

USER = 7


@pytest.fixture
async def telegram() -> AsyncIterator[Simulator]:
    async with simulator(TelegramSandboxSettings(limits=False)) as running:
        await running.control("/bots", {"token": "42:TEST", "username": "clips_bot"})
        yield running


def jpeg() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (200, 100), "teal").save(out, "JPEG")
    return out.getvalue()


async def last_update(telegram: Simulator) -> dict[str, Any]:
    found: dict[str, Any] = (await telegram.control("/bots/42/updates"))[-1]
    return found


async def menu(telegram: Simulator) -> int:
    """A message of the bot with two rows of buttons."""
    await telegram.say(USER)
    rows = [
        [{"text": "A", "callback_data": "a"}, {"text": "B", "callback_data": "b"}],
        [{"text": "Site", "url": "https://example.org"}],
    ]
    values: dict[str, Any] = {
        "chat_id": USER,
        "text": "Choose",
        "reply_markup": {"inline_keyboard": rows},
    }
    reply = await telegram.call("sendMessage", **values)
    return int(reply.json()["result"]["message_id"])


async def test_a_user_is_known_to_the_bot_as_he_introduced_himself(telegram: Simulator) -> None:
    facts = {"id": USER, "first_name": "Анна", "username": "anna", "language_code": "ru"}
    await telegram.control("/users", facts)
    await telegram.say(USER, "/start")
    update = await last_update(telegram)
    sender = update["message"]["from"]
    assert sender == {"id": USER, "is_bot": False, **facts}
    assert update["message"]["chat"] == {
        "id": USER,
        "type": "private",
        "first_name": "Анна",
        "username": "anna",
    }
    assert update["message"]["entities"] == [{"type": "bot_command", "offset": 0, "length": 6}]
    changed = await telegram.control("/users", {"id": USER, "language_code": "en"})
    assert (changed["first_name"], changed["language_code"]) == ("Анна", "en")
    assert await telegram.control(f"/users/{USER}") == changed
    assert await telegram.control("/users") == [changed]


async def test_users_without_an_id_get_one(telegram: Simulator) -> None:
    ids = [(await telegram.control("/users", {"first_name": "X"}))["id"] for _ in range(2)]
    assert len(set(ids)) == 2


async def test_a_client_splits_a_text_that_is_too_long(telegram: Simulator) -> None:
    reply = await telegram.control(f"/chats/{USER}/send", {"text": "я" * 5000})
    assert [len(message["text"]) for message in reply["messages"]] == [4096, 904]
    assert len(reply["update_ids"]) == 2


@pytest.mark.parametrize(
    ("kind", "name"),
    [("photo", "a.jpg"), ("document", "a.jpg"), ("sticker", "a.webp"), ("voice", "a.ogg")],
)
async def test_media_of_a_user_arrive_as_their_kind(
    telegram: Simulator, kind: str, name: str
) -> None:
    reply = await telegram.send_file(USER, kind, name, jpeg(), emoji="🙂")
    media = reply.json()["messages"][0]["media"]
    assert media["kind"] == kind
    assert kind in (await last_update(telegram))["message"]
    assert (await telegram.http.get(media["url"])).status_code == 200


async def test_a_place_is_sent(telegram: Simulator) -> None:
    place = {"kind": "location", "latitude": 55.75, "longitude": 37.62}
    await telegram.control(f"/chats/{USER}/send", place)
    assert (await last_update(telegram))["message"]["location"] == {
        "latitude": 55.75,
        "longitude": 37.62,
    }


async def test_an_album_of_ten_photos_is_ten_updates_of_one_group(telegram: Simulator) -> None:
    files = [("file", (f"{number}.jpg", jpeg())) for number in range(10)]
    reply = await telegram.http.post(
        f"/sim/chats/{USER}/send", data={"kind": "album", "caption": "ten"}, files=files
    )
    messages = reply.json()["messages"]
    assert len({message["media_group_id"] for message in messages}) == 1
    assert [message["text"] for message in messages] == ["ten"] + [""] * 9
    assert len(set(reply.json()["update_ids"])) == 10


async def test_what_telegram_would_not_take_from_a_user_is_refused(telegram: Simulator) -> None:
    reply = await telegram.send_file(USER, "photo", "a.jpg", b"no picture")
    assert (reply.status_code, reply.json()["error"]) == (400, "Bad Request: IMAGE_PROCESS_FAILED")
    path = f"/sim/chats/{USER}/send"
    assert (await telegram.http.post(path, json={"kind": "photo"})).status_code == 422
    assert (await telegram.http.post(path, json={"text": "  "})).status_code == 409


@pytest.mark.parametrize(
    "button",
    [{"callback_data": "b"}, {"text": "B"}, {"index": 1}, {"row": 0, "column": 1}],
)
async def test_a_button_is_pressed_by_any_of_its_names(
    telegram: Simulator, button: dict[str, Any]
) -> None:
    message_id = await menu(telegram)
    pressed = await telegram.control(f"/chats/{USER}/press", {"message_id": message_id, **button})
    assert (pressed["data"], pressed["is_answered"]) == ("b", False)
    query = (await last_update(telegram))["callback_query"]
    assert (query["data"], query["message"]["message_id"]) == ("b", message_id)
    assert query["from"]["id"] == USER


@pytest.mark.parametrize(
    "button", [{"callback_data": "z"}, {"index": 9}, {"row": 5}, {"text": "Site"}, {}]
)
async def test_a_button_that_is_not_there_cannot_be_pressed(
    telegram: Simulator, button: dict[str, Any]
) -> None:
    message_id = await menu(telegram)
    path = f"/sim/chats/{USER}/press"
    assert (
        await telegram.http.post(path, json={"message_id": message_id, **button})
    ).is_client_error
    assert (await telegram.http.post(path, json={"message_id": 99, "index": 0})).status_code == 409


async def test_a_button_of_an_old_menu_is_pressed_by_force(telegram: Simulator) -> None:
    message_id = await menu(telegram)
    old = {"message_id": message_id, "callback_data": "from last week", "force": True}
    assert (await telegram.control(f"/chats/{USER}/press", old))["data"] == "from last week"


async def test_the_transcript_shows_messages_as_they_are_now(telegram: Simulator) -> None:
    message_id = await menu(telegram)
    await telegram.call(
        "editMessageText",
        chat_id=USER,
        message_id=message_id,
        text="<b>Done</b> &lt;ok&gt;",
        parse_mode="HTML",
    )
    shown = (await telegram.control(f"/chats/{USER}"))["messages"]
    assert [message["from"] for message in shown] == ["user", "bot"]
    assert (shown[1]["text"], shown[1]["html"]) == ("Done <ok>", "<b>Done</b> &lt;ok&gt;")
    assert (shown[1]["edits"], shown[1]["buttons"]) == (1, [])
    one = await telegram.control(f"/chats/{USER}/messages/{message_id}")
    assert [version["text"] for version in one["versions"]] == ["Choose"]
    assert one["versions"][0]["buttons"][0][0]["text"] == "A"


async def test_a_user_edits_his_own_message(telegram: Simulator) -> None:
    message_id = await menu(telegram)
    edited = await telegram.control(f"/chats/{USER}/messages/1/edit", {"text": "/start"})
    assert (edited["text"], edited["edits"]) == ("/start", 1)
    update = await last_update(telegram)
    assert update["edited_message"]["text"] == "/start"
    assert update["edited_message"]["entities"][0]["type"] == "bot_command"
    path = f"/sim/chats/{USER}/messages/{message_id}/edit"
    assert (await telegram.http.post(path, json={"text": "x"})).status_code == 409


async def test_nothing_that_a_browser_would_run_is_shown_inline(telegram: Simulator) -> None:
    shown = {}
    for name in ("page.html", "drawing.svg", "photo.png"):
        reply = await telegram.send_file(USER, "document", name, jpeg())
        file = await telegram.http.get(reply.json()["messages"][0]["media"]["url"])
        shown[name] = file.headers["content-disposition"].partition(";")[0]
    assert shown == {
        "page.html": "attachment",
        "drawing.svg": "attachment",
        "photo.png": "inline",
    }


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [("http://localhost:8080", True), ("https://evil.example", False)],
)
async def test_only_local_pages_may_use_the_control_api(
    telegram: Simulator, origin: str, *, allowed: bool
) -> None:
    reply = await telegram.http.get("/sim/bots", headers={"Origin": origin})
    assert ("access-control-allow-origin" in reply.headers) is allowed


async def test_a_stopping_server_lets_its_waiting_clients_go(telegram: Simulator) -> None:
    await telegram.say(USER)
    async with simulator(TelegramSandboxSettings()) as other:
        await other.call("getMe")
        await other.say(USER)
        (update,) = (await other.call("getUpdates")).json()["result"]
        offset = update["update_id"] + 1
        polling = asyncio.create_task(other.call("getUpdates", offset=offset, timeout=50))
        bot = other.world.bots[42]
        await eventually(lambda: bot.poll.active is not None)
        other.world.end_waiting()
        assert (await asyncio.wait_for(polling, 20)).json() == {"ok": True, "result": []}
        async with other.http.stream("GET", f"/sim/chats/{USER}/events") as reply:
            assert await asyncio.wait_for(reply.aread(), 20) == b": connected\n\n"


async def test_changes_of_a_chat_can_be_waited_for(telegram: Simulator) -> None:
    await telegram.say(USER)
    sequence = (await telegram.control(f"/chats/{USER}"))["sequence"]
    path = f"/chats/{USER}/changes?after={sequence}&timeout_s=30"
    waiting = asyncio.create_task(telegram.control(path))
    await telegram.call("sendChatAction", chat_id=USER, action="upload_video")
    changes = await asyncio.wait_for(waiting, 20)
    assert [event["kind"] for event in changes["events"]] == ["chat_action"]
    assert changes["sequence"] == sequence + 1
    empty = await telegram.control(f"/chats/{USER}/changes?after={sequence + 1}")
    assert empty == {"sequence": sequence + 1, "events": []}


async def test_the_feed_keeps_every_version_in_order(telegram: Simulator) -> None:
    message_id = await menu(telegram)
    for text in ("1", "2"):
        await telegram.call("editMessageText", chat_id=USER, message_id=message_id, text=text)
    await telegram.control(f"/chats/{USER}/messages/{message_id}", method="DELETE")
    await telegram.control(f"/chats/{USER}/block", {})
    events = (await telegram.control(f"/chats/{USER}/changes"))["events"]
    assert [(event["kind"], event.get("message", {}).get("text")) for event in events] == [
        ("message", "hello"),
        ("message", "Choose"),
        ("edit", "1"),
        ("edit", "2"),
        ("delete", None),
        ("bot_status", None),
    ]
    assert events[4]["message_id"] == message_id
    assert events[5]["bot_status"] == "kicked"


async def read_events(reply: httpx.Response, count: int) -> list[dict[str, Any]]:
    events = []
    async for line in reply.aiter_lines():
        if line.startswith("data: "):
            events.append(json.loads(line.removeprefix("data: ")))
            if len(events) == count:
                break
    return events


async def test_a_page_hears_of_changes_and_resumes_where_it_was(telegram: Simulator) -> None:
    await telegram.say(USER, "before")
    path = f"/sim/chats/{USER}/events"
    async with telegram.http.stream("GET", path) as reply:
        assert reply.headers["content-type"].startswith("text/event-stream")
        await telegram.say(USER, "one")
        await telegram.say(USER, "two")
        heard = await asyncio.wait_for(read_events(reply, 2), 20)
    assert [event["message"]["text"] for event in heard] == ["one", "two"]
    resumed = {"Last-Event-ID": str(heard[0]["sequence"])}
    async with telegram.http.stream("GET", path, headers=resumed) as reply:
        again = await asyncio.wait_for(read_events(reply, 1), 20)
    assert again[0]["message"]["text"] == "two"


async def test_a_user_who_blocked_the_bot_must_unblock_it_to_write(telegram: Simulator) -> None:
    await telegram.say(USER)
    await telegram.control(f"/chats/{USER}/block", {})
    refused = await telegram.http.post(f"/sim/chats/{USER}/send", json={"text": "x"})
    assert refused.status_code == 409
    again = await telegram.control(f"/chats/{USER}/block", {})
    assert again == {"bot_status": "kicked", "update_id": None}
    await telegram.control(f"/chats/{USER}/unblock", {})
    await telegram.say(USER, "back")


async def test_a_deleted_history_is_gone_for_the_bot(telegram: Simulator) -> None:
    message_id = await menu(telegram)
    await telegram.control(f"/chats/{USER}", method="DELETE")
    edit = await telegram.call("editMessageText", chat_id=USER, message_id=message_id, text="x")
    assert edit.json()["description"] == "Bad Request: message to edit not found"
    sent = await telegram.call("sendMessage", chat_id=USER, text="x")
    assert sent.json()["result"]["message_id"] == message_id + 1


async def test_calls_are_logged_without_the_token(telegram: Simulator) -> None:
    message_id = await menu(telegram)
    await telegram.call("deleteMessage", chat_id=USER, message_id=99)
    (sent,) = await telegram.control(f"/calls?method=sendmessage&chat_id={USER}&bot=42")
    assert (sent["method"], sent["status"], sent["parameters"]["text"]) == (
        "sendMessage",
        200,
        "Choose",
    )
    assert sent["parameters"]["reply_markup"]["inline_keyboard"][0][0]["text"] == "A"
    later = await telegram.control(f"/calls?after={sent['sequence']}")
    assert [(call["method"], call["status"]) for call in later] == [("deleteMessage", 400)]
    assert "TEST" not in json.dumps(await telegram.control("/calls"))
    counters = await telegram.control("/counters")
    assert counters == {"42": {"deleteMessage 400": 1, "sendMessage 200": 1}}
    bot = await telegram.control("/bots/42")
    assert (bot["username"], bot["calls"]["sendMessage 200"]) == ("clips_bot", 1)
    await telegram.control("/calls", method="DELETE")
    assert await telegram.control("/calls") == []
    assert message_id == 2


async def test_a_chat_of_several_bots_needs_a_name(telegram: Simulator) -> None:
    await telegram.call("getMe", "43:OTHER")
    assert (await telegram.http.get(f"/sim/chats/{USER}")).status_code == 404
    await telegram.control(f"/chats/{USER}/send?bot=43", {"text": "to the other"})
    assert len((await telegram.control(f"/chats/{USER}?bot=43"))["messages"]) == 1
    assert (await telegram.control(f"/chats/{USER}?bot=42"))["messages"] == []
    assert {chat["bot_id"] for chat in await telegram.control("/chats")} == {42, 43}


async def test_unknown_things_are_not_found(telegram: Simulator) -> None:
    await telegram.say(USER)
    for path in ("/users/404", "/chats/-404", f"/chats/{USER}/messages/99", "/callback_queries/1"):
        assert (await telegram.http.get(f"/sim{path}")).status_code == 404
    again = {"update_ids": [1]}
    assert (await telegram.http.post("/sim/bots/42/redeliver", json=again)).status_code == 404
    body = {"body": "{"}
    assert (await telegram.http.post("/sim/bots/42/webhook", json=body)).status_code == 409


async def test_a_group_has_its_own_members_and_channel_posts_no_sender(
    telegram: Simulator,
) -> None:
    await telegram.control(
        "/chats", {"id": -100, "type": "supergroup", "title": "G", "members": [8]}
    )
    await telegram.control("/chats/-100/send", {"text": "hi"})
    assert (await last_update(telegram))["message"]["from"]["id"] == 8
    await telegram.control("/chats", {"id": -200, "type": "channel", "title": "C", "members": [8]})
    await telegram.control("/chats/-200/send", {"text": "post"})
    post = (await last_update(telegram))["channel_post"]
    assert "from" not in post
    assert post["sender_chat"]["title"] == "C"


async def test_any_update_can_be_queued(telegram: Simulator) -> None:
    raw = {"update": {"poll": {"id": "1"}}, "times": 2}
    ids = (await telegram.control("/bots/42/updates", raw))["update_ids"]
    assert ids[1] == ids[0] + 1
    found = (await telegram.call("getUpdates")).json()["result"]
    assert [one["poll"] for one in found] == [{"id": "1"}, {"id": "1"}]


async def test_everything_can_be_forgotten(telegram: Simulator) -> None:
    await menu(telegram)
    await telegram.control("/reset", {})
    assert await telegram.control("/users") == []
    assert await telegram.control("/chats") == []
    assert [bot["bot_id"] for bot in await telegram.control("/bots")] == [42]
    assert (await telegram.call("getUpdates")).json()["result"] == []
