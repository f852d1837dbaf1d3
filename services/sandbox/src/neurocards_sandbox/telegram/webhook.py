"""Delivery of updates to webhooks, with the order and the retries of the production server.

Updates of one queue key go out one after another, each after the one before was acknowledged;
different keys go out at the same time over up to `max_connections` connections. An update that
is refused is tried again at once and then after 2, 4, 8... s; while nothing listens at the URL
the connection alone is tried again, every 2 s, and no update counts a failure.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from urllib.parse import parse_qsl, urlsplit

from neurocards_sandbox.telegram.arguments import Arguments
from neurocards_sandbox.telegram.bots import Bot, WebhookConfig, WebhookErrors
from neurocards_sandbox.telegram.chats import Json
from neurocards_sandbox.telegram.updates import PendingUpdate
from neurocards_sandbox.telegram.webhook_http import (
    ConnectError,
    DeliveryError,
    WebhookClient,
    WebhookReply,
)
from neurocards_sandbox.telegram.world import World

RETRY_DELAY_MAX_S = 60
RETRY_AFTER_MAX_S = 3600
RECONNECT_S = 2.0
GONE_FOR_S = 23 * 3600
REFUSED_REPLIES = frozenset({"deletewebhook", "setwebhook", "close", "logout"})

RunMethod = Callable[[Bot, str, Arguments], Awaitable[object]]


def routed(url: str, ingress: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """Where a public URL really leads, and the headers that an ingress would add."""
    for public, local in ingress.items():
        if url == public or url.startswith(f"{public.rstrip('/')}/"):
            headers = {"Host": urlsplit(public).netloc, "X-Forwarded-Proto": "https"}
            return local.rstrip("/") + url[len(public.rstrip("/")) :], headers
    return url, {}


class Webhooks:
    """The webhooks of all bots."""

    def __init__(self, world: World, run_method: RunMethod) -> None:
        self._world = world
        self._run_method = run_method
        self._deliveries: dict[int, Delivery] = {}
        self.client = WebhookClient(world.settings.webhook_timeout_s)

    def restart(self, bot: Bot) -> None:
        """Deliver to what the bot's webhook is now; to nothing if it has none."""
        old = self._deliveries.pop(bot.id, None)
        if old is not None:
            old.stop()
        if bot.webhook.url:
            self._deliveries[bot.id] = Delivery(self._world, bot, self.client, self._run_method)

    async def close(self) -> None:
        deliveries = list(self._deliveries.values())
        self._deliveries.clear()
        for delivery in deliveries:
            delivery.stop()
        await asyncio.gather(*(delivery.stopped() for delivery in deliveries))
        self.client.close()

    async def post(self, bot: Bot, body: bytes, headers: Mapping[str, str]) -> WebhookReply:
        """One request to the bot's webhook, outside of any queue."""
        url, routing = routed(bot.webhook.url, self._world.settings.ingress)
        all_headers = {**request_headers(bot.webhook), **routing, **headers}
        return await self.client.post(url, body, all_headers)


def request_headers(config: WebhookConfig) -> dict[str, str]:
    headers = {"Content-Type": "application/json", "Accept-Encoding": "gzip, deflate"}
    if config.secret_token:
        headers["X-Telegram-Bot-Api-Secret-Token"] = config.secret_token
    return headers


class Delivery:
    """One webhook as long as its configuration stands."""

    def __init__(
        self, world: World, bot: Bot, client: WebhookClient, run_method: RunMethod
    ) -> None:
        self._world = world
        self._bot = bot
        self._client = client
        self._run_method = run_method
        self._url, routing = routed(bot.webhook.url, world.settings.ingress)
        self._headers = {**request_headers(bot.webhook), **routing}
        self._connections = asyncio.Semaphore(bot.webhook.max_connections)
        self._queues: dict[str, deque[PendingUpdate]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._gone_since = 0.0
        bot.queue.listen(self._enqueue)
        for update in list(bot.queue.pending.values()):
            self._enqueue(update)

    def stop(self) -> None:
        self._bot.queue.unlisten(self._enqueue)
        for task in self._tasks:
            task.cancel()

    async def stopped(self) -> None:
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _enqueue(self, update: PendingUpdate) -> None:
        queue = self._queues.get(update.queue_key)
        if queue is not None:
            queue.append(update)
            return
        self._queues[update.queue_key] = deque([update])
        self._spawn(self._drain(update.queue_key))

    def _spawn(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _drain(self, key: str) -> None:
        queue = self._queues[key]
        while queue:
            await self._deliver(queue[0])
            queue.popleft()
        del self._queues[key]

    async def _deliver(self, update: PendingUpdate) -> None:
        """Try until the update is acknowledged, expired or dropped by the bot's owner."""
        failures, delay_s = 0, 1.0
        while not update.is_done:
            if time.time() > update.expires_at:
                break
            try:
                async with self._connections:
                    reply = await self._post(update.body)
            except ConnectError as error:
                self._failed(str(error))
                await self._pause(RECONNECT_S)
                continue
            except DeliveryError as error:
                self._failed(str(error))
                retry_after_s = 0.0
            else:
                if reply.is_success:
                    break
                retry_after_s = self._refused(reply)
            if retry_after_s:
                await self._pause(retry_after_s)
            elif failures:
                longest_s = random.uniform(RETRY_DELAY_MAX_S, 2 * RETRY_DELAY_MAX_S)
                delay_s = min(longest_s, 2 * delay_s)
                await self._pause(delay_s)
            failures += 1
        self._bot.queue.finish(update)

    async def _post(self, body: Json) -> WebhookReply:
        reply = await self._client.post(self._url, json.dumps(body).encode(), self._headers)
        if reply.is_success:
            self._gone_since = 0.0
            if reply.body:
                self._execute(reply)
        return reply

    def _refused(self, reply: WebhookReply) -> float:
        """Note a failure; the seconds that the webhook asked to be left alone, 0 if none."""
        self._failed(f"Wrong response from the webhook: {reply.status} {reply.reason}")
        self._note_gone(reply.status == HTTPStatus.GONE)
        try:
            retry_after_s = int(reply.headers.get("retry-after", "0"))
        except ValueError:
            return 0.0
        return float(min(max(retry_after_s, 0), RETRY_AFTER_MAX_S))

    def _note_gone(self, is_gone: bool) -> None:  # noqa: FBT001 - reads well at its one call
        if not is_gone:
            self._gone_since = 0.0
        elif not self._gone_since:
            self._gone_since = time.monotonic()
        elif time.monotonic() - self._gone_since > GONE_FOR_S / self._world.tuning.time_factor:
            self._bot.webhook = WebhookConfig()
            self._world.changed("bot", self._bot)
            self._world.webhook_changed(self._bot)

    def _failed(self, message: str) -> None:
        self._bot.webhook_errors = WebhookErrors(int(time.time()), message)

    async def _pause(self, seconds: float) -> None:
        await asyncio.sleep(seconds / self._world.tuning.time_factor)

    def _execute(self, reply: WebhookReply) -> None:
        """Run the method that the webhook answered with; its result is lost, as in reality."""
        values = reply_values(reply)
        method = str(values.pop("method", "")).lower()
        if not method or method in REFUSED_REPLIES or method.startswith("get"):
            return
        self._spawn(self._run(method, Arguments(values)))

    async def _run(self, method: str, arguments: Arguments) -> None:
        await self._run_method(self._bot, method, arguments)


def reply_values(reply: WebhookReply) -> Json:
    """The arguments in a webhook's answer, JSON or a form; empty if there are none."""
    content_type = reply.headers.get("content-type", "")
    if content_type.startswith("application/json"):
        with contextlib.suppress(ValueError):
            values = json.loads(reply.body)
            return values if isinstance(values, dict) else {}
        return {}
    if content_type.startswith("application/x-www-form-urlencoded"):
        return dict(parse_qsl(reply.body.decode("utf-8", "replace")))
    return {}
