"""Webhooks of the Telegram simulator, delivered to a real HTTP server."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
from aiogram import Bot
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.exceptions import TelegramBadRequest, TelegramRetryAfter
from starlette.responses import JSONResponse, Response

from neurocards_sandbox.telegram.settings import TelegramSandboxSettings
from neurocards_sandbox.telegram.testing import (
    Delivered,
    Simulator,
    WebhookReceiver,
    eventually,
    simulator,
    webhook_receiver,
)
from neurocards_sandbox.telegram.webhook import routed

USER = 7
PUBLIC = "https://bot.example"


class Scene:
    """A simulator, a bot and the bot's webhook behind an ingress."""

    def __init__(self, telegram: Simulator, bot: Bot, receiver: WebhookReceiver) -> None:
        self.telegram = telegram
        self.bot = bot
        self.receiver = receiver

    @property
    def pending(self) -> int:
        return len(self.telegram.world.bots[42].queue.pending)

    async def info(self) -> Any:
        return (await self.telegram.call("getWebhookInfo")).json()["result"]


MakeScene = Callable[..., Any]


@pytest.fixture
async def make_scene() -> AsyncIterator[MakeScene]:
    async with AsyncExitStack() as stack:

        async def make(*, set_webhook: bool = True, **settings: Any) -> Scene:
            receiver = await stack.enter_async_context(webhook_receiver())
            facts = {"ingress": {PUBLIC: receiver.url}, "time_factor": 100.0, **settings}
            telegram = await stack.enter_async_context(simulator(TelegramSandboxSettings(**facts)))
            session = AiohttpSession(api=TelegramAPIServer.from_base(telegram.url))
            bot = await stack.enter_async_context(Bot("42:TEST", session=session))
            await bot.get_me()
            if set_webhook:
                await bot.set_webhook(f"{PUBLIC}/telegram/hook", secret_token="s3cret-_")
            return Scene(telegram, bot, receiver)

        yield make


def answers(*statuses: int, **headers: str) -> Callable[[Delivered], Response]:
    """Each status once, then 200 for ever."""
    rest = itertools.chain(statuses, itertools.repeat(200))
    return lambda _: Response(
        status_code=(status := next(rest)), headers=headers if status >= 300 else None
    )


async def test_an_update_is_posted_with_the_secret_through_the_ingress(
    make_scene: MakeScene,
) -> None:
    scene = await make_scene()
    await scene.telegram.say(USER, "hi")
    await eventually(lambda: scene.pending == 0)
    (delivered,) = scene.receiver.delivered
    assert delivered.path == "/telegram/hook"
    assert delivered.update["message"]["text"] == "hi"
    assert delivered.headers["x-telegram-bot-api-secret-token"] == "s3cret-_"
    assert delivered.headers["content-type"] == "application/json"
    assert delivered.headers["host"] == "bot.example"
    assert delivered.headers["x-forwarded-proto"] == "https"


def test_only_urls_under_the_public_base_are_routed() -> None:
    ingress = {"https://bot.example": "http://127.0.0.1:10000/"}
    assert routed("https://bot.example/x?y=1", ingress)[0] == "http://127.0.0.1:10000/x?y=1"
    assert routed("https://bot.example.org/x", ingress)[0] == "https://bot.example.org/x"


async def test_messages_of_one_chat_come_one_after_another(make_scene: MakeScene) -> None:
    scene = await make_scene()
    scene.receiver.pause_s = 0.02
    for number in range(10):
        await scene.telegram.say(USER, str(number))
    await eventually(lambda: scene.pending == 0)
    assert scene.receiver.texts == [str(number) for number in range(10)]
    assert scene.receiver.in_flight_max == 1


async def test_different_chats_are_served_at_the_same_time(make_scene: MakeScene) -> None:
    scene = await make_scene()
    scene.receiver.pause_s = 0.3
    await asyncio.gather(*(scene.telegram.say(user) for user in range(1, 9)))
    await eventually(lambda: scene.pending == 0)
    assert scene.receiver.in_flight_max > 1


async def test_a_message_and_a_press_of_one_user_may_come_at_once(make_scene: MakeScene) -> None:
    scene = await make_scene()
    scene.receiver.pause_s = 0.5
    await scene.telegram.say(USER, "text")
    press = {"message_id": 1, "callback_data": "x", "force": True}
    await scene.telegram.control(f"/chats/{USER}/press", press)
    await eventually(lambda: scene.pending == 0)
    assert scene.receiver.in_flight_max == 2


async def test_no_more_than_max_connections_are_open(make_scene: MakeScene) -> None:
    scene = await make_scene(set_webhook=False)
    await scene.bot.set_webhook(f"{PUBLIC}/hook", max_connections=2)
    scene.receiver.pause_s = 0.3
    await asyncio.gather(*(scene.telegram.say(user) for user in range(1, 9)))
    await eventually(lambda: scene.pending == 0)
    assert scene.receiver.in_flight_max == 2
    assert (await scene.info())["max_connections"] == 2


async def test_a_refused_update_comes_again_and_the_next_one_waits(make_scene: MakeScene) -> None:
    scene = await make_scene(time_factor=2.0)
    scene.receiver.answer = answers(500, 503, 404)
    await scene.telegram.say(USER, "first")
    await scene.telegram.say(USER, "second")
    await eventually(lambda: scene.pending == 0)
    assert scene.receiver.texts == ["first"] * 4 + ["second"]
    times = [one.at for one in scene.receiver.delivered]
    at_once, after_2_s, after_4_s = (times[i + 1] - times[i] for i in range(3))
    assert at_once < 2 / 2
    assert after_2_s >= 2 / 2
    assert after_4_s >= 4 / 2


async def test_retry_after_of_the_webhook_is_obeyed(make_scene: MakeScene) -> None:
    scene = await make_scene(time_factor=10.0)
    scene.receiver.answer = answers(503, **{"Retry-After": "5"})
    await scene.telegram.say(USER)
    await eventually(lambda: scene.pending == 0)
    first, second = scene.receiver.delivered
    assert second.at - first.at >= 5 / 10


async def test_an_update_that_expires_before_its_retry_is_dropped(make_scene: MakeScene) -> None:
    scene = await make_scene(time_factor=1.0, update_lifetime_s=1.9)
    scene.receiver.answer = lambda _: Response(status_code=500)
    await scene.telegram.say(USER)
    await eventually(lambda: scene.pending == 0)
    assert len(scene.receiver.delivered) == 2


async def test_the_last_error_is_told(make_scene: MakeScene) -> None:
    scene = await make_scene()
    scene.receiver.answer = answers(502)
    await scene.telegram.say(USER)
    await eventually(lambda: scene.pending == 0)
    info = await scene.info()
    assert info["last_error_message"] == "Wrong response from the webhook: 502 Bad Gateway"
    assert info["last_error_date"] > 0
    assert (info["url"], info["pending_update_count"]) == (f"{PUBLIC}/telegram/hook", 0)


async def test_while_nobody_listens_updates_wait_and_are_counted(make_scene: MakeScene) -> None:
    scene = await make_scene(ingress={PUBLIC: "http://127.0.0.1:9"})
    await scene.telegram.say(USER)
    errors = scene.telegram.world.bots[42]
    await eventually(lambda: errors.webhook_errors.message != "")
    info = await scene.info()
    assert info["last_error_message"] == "Connection refused"
    assert info["pending_update_count"] == 1


async def test_a_webhook_that_hangs_up_or_talks_nonsense_is_tried_again(
    make_scene: MakeScene,
) -> None:
    answers_left = [b"", b"nonsense\r\n\r\n", b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n"]
    seen = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        seen.append(head)
        writer.write(answers_left[len(seen) - 1])
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        scene = await make_scene(ingress={PUBLIC: f"http://127.0.0.1:{port}"})
        await scene.telegram.say(USER)
        await eventually(lambda: scene.pending == 0)
    assert len(seen) == 3
    assert seen[0].startswith(b"POST /telegram/hook HTTP/1.1\r\n")
    assert (await scene.info())["last_error_message"] == "Wrong response from the webhook"


async def test_connections_are_used_again(make_scene: MakeScene) -> None:
    scene = await make_scene()
    for number in range(5):
        await scene.telegram.say(USER, str(number))
        await eventually(lambda: scene.pending == 0)
    assert len({one.client_port for one in scene.receiver.delivered}) == 1


async def test_a_slow_webhook_is_a_timeout(make_scene: MakeScene) -> None:
    scene = await make_scene(webhook_timeout_s=0.1)
    scene.receiver.pause_s = 0.5
    await scene.telegram.say(USER)
    bot = scene.telegram.world.bots[42]
    await eventually(lambda: bot.webhook_errors.message == "Read timeout expired")
    scene.receiver.pause_s = 0
    await eventually(lambda: scene.pending == 0)


async def test_a_method_in_the_answer_is_executed(make_scene: MakeScene) -> None:
    scene = await make_scene()
    scene.receiver.answer = lambda got: JSONResponse(
        {"method": "sendMessage", "chat_id": USER, "text": got.update["message"]["text"] + "!"}
    )
    await scene.telegram.say(USER, "echo")
    chat = scene.telegram.world.chats[42, USER]
    await eventually(lambda: 2 in chat.messages)
    assert chat.messages[2].body["text"] == "echo!"


async def test_a_press_is_answered_by_the_answer(make_scene: MakeScene) -> None:
    scene = await make_scene()
    await scene.telegram.say(USER)
    await eventually(lambda: scene.pending == 0)
    scene.receiver.answer = lambda got: Response(
        f"method=answerCallbackQuery&callback_query_id={got.update['callback_query']['id']}&text=Ok",
        media_type="application/x-www-form-urlencoded",
    )
    press = {"message_id": 1, "callback_data": "x", "force": True}
    query = await scene.telegram.control(f"/chats/{USER}/press", press)
    callback = scene.telegram.world.callbacks[query["callback_query_id"]]
    await eventually(lambda: bool(callback.answers))
    assert callback.answers[0]["text"] == "Ok"


@pytest.mark.parametrize("method", ["deleteWebhook", "setWebhook", "getMe", "logOut", "close"])
async def test_methods_that_make_no_sense_as_an_answer_are_ignored(
    make_scene: MakeScene, method: str
) -> None:
    scene = await make_scene()
    scene.receiver.answer = lambda _: JSONResponse({"method": method, "url": ""})
    await scene.telegram.say(USER)
    await eventually(lambda: scene.pending == 0)
    calls = await scene.telegram.control(f"/calls?method={method}")
    assert len(calls) == {"setWebhook": 1, "getMe": 1}.get(method, 0)


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"url": "http://a.example/"}, "bad webhook: An HTTPS URL must be provided for webhook"),
        (
            {"url": "https://a.example:10000/"},
            "bad webhook: Webhook can be set up only on ports 80, 88, 443 or 8443",
        ),
        ({"url": "https://a.example/", "secret_token": "x" * 257}, "secret token is too long"),
        (
            {"url": "https://a.example/", "secret_token": "no spaces"},
            "secret token contains unallowed characters",
        ),
    ],
)
async def test_a_webhook_that_telegram_would_refuse_is_refused(
    make_scene: MakeScene, values: dict[str, str], problem: str
) -> None:
    scene = await make_scene(set_webhook=False, limits=False)
    with pytest.raises(TelegramBadRequest) as caught:
        await scene.bot.set_webhook(**values)
    assert caught.value.message == f"Bad Request: {problem}"


@pytest.mark.parametrize("port", [443, 80, 88, 8443])
async def test_four_ports_are_allowed(make_scene: MakeScene, port: int) -> None:
    scene = await make_scene(set_webhook=False)
    assert await scene.bot.set_webhook(f"https://a.example:{port}/")


async def test_a_local_server_takes_any_webhook(make_scene: MakeScene) -> None:
    scene = await make_scene(set_webhook=False, local=True)
    await scene.bot.set_webhook(f"{scene.receiver.url}/plain", max_connections=100_000)
    await scene.telegram.say(USER, "local")
    await eventually(lambda: scene.receiver.texts == ["local"])
    assert (await scene.info())["max_connections"] == 100_000


async def test_the_envelope_says_what_became_of_the_webhook(make_scene: MakeScene) -> None:
    scene = await make_scene(set_webhook=False, limits=False)
    url = {"url": f"{PUBLIC}/hook"}
    texts = [
        (await scene.telegram.call(method, **values)).json()["description"]
        for method, values in (
            ("setWebhook", url),
            ("setWebhook", url),
            ("deleteWebhook", {}),
            ("deleteWebhook", {}),
        )
    ]
    assert texts == [
        "Webhook was set",
        "Webhook is already set",
        "Webhook was deleted",
        "Webhook is already deleted",
    ]


async def test_a_webhook_may_be_set_once_a_second(make_scene: MakeScene) -> None:
    scene = await make_scene()

    async def set_several() -> None:
        # On a busy machine a second may pass between two calls, but not between all of them.
        for number in range(20):
            await scene.bot.set_webhook(f"{PUBLIC}/{number}")

    with pytest.raises(TelegramRetryAfter) as caught:
        await set_several()
    assert caught.value.retry_after == 1


async def test_pending_updates_can_be_dropped(make_scene: MakeScene) -> None:
    scene = await make_scene(set_webhook=False)
    await scene.telegram.say(USER, "old")
    await scene.bot.set_webhook(f"{PUBLIC}/hook", drop_pending_updates=True)
    await scene.telegram.say(USER, "new")
    await eventually(lambda: scene.pending == 0)
    assert scene.receiver.texts == ["new"]


async def test_updates_from_before_the_webhook_are_delivered(make_scene: MakeScene) -> None:
    scene = await make_scene(set_webhook=False)
    await scene.telegram.say(USER, "early")
    await scene.bot.set_webhook(f"{PUBLIC}/hook")
    await eventually(lambda: scene.receiver.texts == ["early"])


async def test_a_webhook_that_is_gone_for_a_day_is_removed(make_scene: MakeScene) -> None:
    scene = await make_scene(time_factor=1_000_000.0)
    scene.receiver.answer = lambda _: Response(status_code=410)
    await scene.telegram.say(USER)
    bot = scene.telegram.world.bots[42]
    await eventually(lambda: bot.webhook.url == "")


async def test_an_update_is_delivered_again_and_out_of_order(make_scene: MakeScene) -> None:
    scene = await make_scene()
    for text in ("a", "b"):
        await scene.telegram.say(USER, text)
    await eventually(lambda: scene.pending == 0)
    ids = [one.update["update_id"] for one in scene.receiver.delivered]
    await scene.telegram.control("/bots/42/redeliver", {"update_ids": [ids[1], ids[0], ids[0]]})
    await eventually(lambda: len(scene.receiver.delivered) == 5)
    again = [one.update["update_id"] for one in scene.receiver.delivered[2:]]
    assert again == [ids[1], ids[0], ids[0]]


async def test_malformed_and_forged_requests_can_be_sent(make_scene: MakeScene) -> None:
    scene = await make_scene()
    scene.receiver.answer = answers(403)
    forged = {"update": {"update_id": 1}, "secret": "wrong", "times": 2, "at_once": True}
    replies = (await scene.telegram.control("/bots/42/webhook", forged))["replies"]
    assert sorted(reply["status"] for reply in replies) == [200, 403]
    headers = scene.receiver.delivered[0].headers
    assert headers["x-telegram-bot-api-secret-token"] == "wrong"
