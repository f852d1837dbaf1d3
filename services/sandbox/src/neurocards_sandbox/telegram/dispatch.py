"""The table of methods and the way of a call through faults, log and envelope."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Any

from neurocards_sandbox.telegram import (
    methods_bot,
    methods_edit,
    methods_send,
    methods_updates,
)
from neurocards_sandbox.telegram.arguments import Arguments
from neurocards_sandbox.telegram.bots import Bot
from neurocards_sandbox.telegram.call import Call, Method
from neurocards_sandbox.telegram.errors import ApiError, bad_request, method_not_found
from neurocards_sandbox.telegram.faults import Drop, Fault
from neurocards_sandbox.telegram.world import World

METHODS: dict[str, Method] = {
    **methods_bot.METHODS,
    **methods_edit.METHODS,
    **methods_send.METHODS,
    **methods_updates.METHODS,
}


def method_name(text: str) -> str:
    """The official spelling of a method's name, the text itself if there is no such method."""
    return next((name for name in METHODS if name.lower() == text.lower()), text)


@dataclass(frozen=True, slots=True)
class Reply:
    """What goes back: HTTP status and envelope, or a cut connection."""

    status: int
    body: dict[str, Any]
    is_dropped: bool = False

    @property
    def retry_after_s(self) -> int | None:
        seconds = self.body.get("parameters", {}).get("retry_after")
        return int(seconds) if seconds is not None else None


DROPPED = Reply(0, {}, is_dropped=True)


class Dispatcher:
    """Runs calls by name."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._methods = {name.lower(): (name, method) for name, method in METHODS.items()}

    async def run(self, bot: Bot, method: str, arguments: Arguments) -> Reply:
        """Never raises for a bad call: errors are envelopes."""
        name, function = self._methods.get(method.lower(), (method, None))
        logged = self._world.calls.begin(bot.id, name, arguments.logged())
        fault = self._world.faults.take(bot.id, name, arguments.text("chat_id"))
        try:
            if fault is not None:
                await self._strike_before(fault)
                if fault.drop is Drop.BEFORE:
                    self._world.calls.end(logged, 0, "dropped before execution")
                    return DROPPED
            if function is None:
                raise method_not_found()
            reply = await self._execute(bot, function, arguments)
        except ApiError as error:
            reply = Reply(error.code, error.body)
        self._world.calls.end(logged, reply.status, reply.body.get("description", ""))
        if fault is not None and fault.drop is Drop.AFTER:
            return DROPPED
        return reply

    async def _strike_before(self, fault: Fault) -> None:
        if fault.delay_s:
            await asyncio.sleep(fault.delay_s)
        error = fault.error()
        if error is not None:
            raise error

    async def _execute(self, bot: Bot, function: Method, arguments: Arguments) -> Reply:
        if time.monotonic() < bot.logged_out_until:
            raise bad_request("Logged out")
        result = await function(Call(self._world, bot, arguments))
        if isinstance(result, tuple):
            value, description = result
            return Reply(200, {"ok": True, "result": value, "description": description})
        return Reply(200, {"ok": True, "result": result})
