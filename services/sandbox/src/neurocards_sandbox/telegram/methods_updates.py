"""getUpdates and the webhook's settings: the two ways to updates, which exclude each other."""

from __future__ import annotations

import asyncio
import re
import time
from urllib.parse import urlsplit

from neurocards_sandbox.telegram.bots import Bot, LongPoll, WebhookConfig, WebhookErrors
from neurocards_sandbox.telegram.call import Call, Method
from neurocards_sandbox.telegram.chats import Json
from neurocards_sandbox.telegram.errors import bad_request, conflict, too_many
from neurocards_sandbox.telegram.updates import KINDS

LONG_POLL_MAX_S = 50
PORTS = (443, 80, 88, 8443)
SECRET = re.compile(r"[A-Za-z0-9_-]*")
SECRET_LENGTH_MAX = 256
CONNECTIONS_MAX, CONNECTIONS_MAX_LOCAL, CONNECTIONS_DEFAULT = 100, 100_000, 40
BUSY_LOOP_S, BUSY_LOOP_TIMEOUT_S, BUSY_LOOP_ONE_S = 3.0, 3, 0.5
OTHER_POLL = (
    "terminated by other getUpdates request; make sure that only one bot instance is running"
)
WEBHOOK_ACTIVE = (
    "can't use getUpdates method while webhook is active; "
    "use deleteWebhook to delete the webhook first"
)


async def get_updates(call: Call) -> list[Json]:
    bot, arguments = call.bot, call.arguments
    if bot.webhook.url:
        raise conflict(WEBHOOK_ACTIVE)
    offset = arguments.integer("offset")
    limit = arguments.integer("limit", 100, 1, 100)
    timeout_s = arguments.integer("timeout", 0, 0, LONG_POLL_MAX_S)
    _update_allowed(call)
    limit, timeout_s = _slow_down(bot, offset, limit, timeout_s)
    end_long_poll(bot, OTHER_POLL)
    if offset > 0:
        bot.queue.acknowledge_before(offset)
    elif offset < 0:
        bot.queue.keep_last(-offset)
    found = bot.queue.due(limit)
    if found or timeout_s == 0:
        return found
    return await _wait(bot, limit, timeout_s)


def _slow_down(bot: Bot, offset: int, limit: int, timeout_s: int) -> tuple[int, int]:
    """A bot that asks for the same offset again at once is held back, as the server does."""
    now, state = time.monotonic(), bot.poll
    if offset == state.last_offset:
        if timeout_s < BUSY_LOOP_TIMEOUT_S and now < state.last_start + BUSY_LOOP_S:
            timeout_s = BUSY_LOOP_TIMEOUT_S
        if now < state.last_start + BUSY_LOOP_ONE_S:
            limit = 1
    state.last_offset, state.last_start = offset, now
    return limit, timeout_s


async def _wait(bot: Bot, limit: int, timeout_s: float) -> list[Json]:
    poll = bot.poll.active = LongPoll(asyncio.create_task(bot.queue.wait(timeout_s)))
    try:
        await asyncio.wait({poll.task})
    finally:
        poll.task.cancel()
        if bot.poll.active is poll:
            bot.poll.active = None
    if poll.ended_because:
        raise conflict(poll.ended_because)
    return bot.queue.due(limit)


def end_long_poll(bot: Bot, reason: str) -> None:
    """Answer a waiting getUpdates with 409."""
    poll, bot.poll.active = bot.poll.active, None
    if poll is not None:
        poll.ended_because = reason
        poll.task.cancel()


def _update_allowed(call: Call) -> bool:
    """Take over `allowed_updates`; an empty list means the default kinds."""
    if not call.arguments.has("allowed_updates"):
        return False
    kinds = call.arguments.json("allowed_updates", "can't parse allowed updates JSON object")
    if not isinstance(kinds, list):
        return False
    known = [kind for kind in kinds if kind in KINDS]
    allowed = known or None
    changed = allowed != call.bot.queue.allowed
    call.bot.queue.allowed = allowed
    if changed:
        call.world.changed("bot", call.bot)
    return changed


async def set_webhook(call: Call) -> tuple[bool, str]:
    bot, arguments = call.bot, call.arguments
    url = arguments.text("url")
    if not url:
        return await delete_webhook(call)
    now = time.monotonic()
    if call.world.tuning.limits and now < bot.webhook_allowed_at:
        raise too_many(1)
    bot.webhook_allowed_at = now + 1
    config = _read_config(call, url)
    if config == bot.webhook and not config.has_certificate and not _drops(call):
        _update_allowed(call)
        return True, "Webhook is already set"
    if not call.world.settings.local:
        _check_url(url)
    end_long_poll(bot, "terminated by setWebhook request")
    _update_allowed(call)
    _change_webhook(call, config)
    return True, "Webhook was set"


def _read_config(call: Call, url: str) -> WebhookConfig:
    arguments = call.arguments
    secret = arguments.text("secret_token")
    if len(secret) > SECRET_LENGTH_MAX:
        raise bad_request("secret token is too long")
    if not SECRET.fullmatch(secret):
        raise bad_request("secret token contains unallowed characters")
    connections_max = CONNECTIONS_MAX_LOCAL if call.world.settings.local else CONNECTIONS_MAX
    return WebhookConfig(
        url=url,
        secret_token=secret,
        max_connections=arguments.integer(
            "max_connections", CONNECTIONS_DEFAULT, 1, connections_max
        ),
        ip_address=arguments.text("ip_address"),
        has_certificate=arguments.has("certificate") or "certificate" in arguments.uploads,
    )


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        port = parts.port or 443
    except ValueError:
        raise bad_request("invalid webhook URL specified") from None
    if parts.scheme != "https":
        raise bad_request("bad webhook: An HTTPS URL must be provided for webhook")
    if not parts.hostname:
        raise bad_request("invalid webhook URL specified")
    if port not in PORTS:
        raise bad_request("bad webhook: Webhook can be set up only on ports 80, 88, 443 or 8443")


def _drops(call: Call) -> bool:
    return call.arguments.flag("drop_pending_updates")


def _change_webhook(call: Call, config: WebhookConfig) -> None:
    bot = call.bot
    if _drops(call):
        bot.queue.clear()
    bot.webhook = config
    bot.webhook_errors = WebhookErrors()
    call.world.changed("bot", bot)
    call.world.webhook_changed(bot)


async def delete_webhook(call: Call) -> tuple[bool, str]:
    if not call.bot.webhook.url and not _drops(call):
        return True, "Webhook is already deleted"
    _change_webhook(call, WebhookConfig())
    return True, "Webhook was deleted"


async def get_webhook_info(call: Call) -> Json:
    return webhook_info(call.bot)


def webhook_info(bot: Bot) -> Json:
    """The WebhookInfo object."""
    config, errors = bot.webhook, bot.webhook_errors
    info: Json = {
        "url": config.url,
        "has_custom_certificate": config.has_certificate,
        "pending_update_count": len(bot.queue.pending),
    }
    if config.url:
        info["max_connections"] = config.max_connections
        if config.ip_address:
            info["ip_address"] = config.ip_address
    if errors.date:
        info |= {"last_error_date": errors.date, "last_error_message": errors.message}
    if bot.queue.allowed is not None:
        info["allowed_updates"] = bot.queue.allowed
    return info


METHODS: dict[str, Method] = {
    "getUpdates": get_updates,
    "setWebhook": set_webhook,
    "deleteWebhook": delete_webhook,
    "getWebhookInfo": get_webhook_info,
}
