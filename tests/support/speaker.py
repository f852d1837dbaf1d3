"""A process that speaks to Telegram as a worker does: `python -m support.speaker ORDER.json`.

It edits one message in each of many chats, all at once, through the messenger and the turns that
the worker has, over a real PostgreSQL; and prints what was refused, and how late it was at most.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
from prometheus_client import CollectorRegistry

from neurocards.adapters.postgres import PostgresOutboundBuckets, open_database
from neurocards.adapters.telegram.client import TelegramMessenger
from neurocards.adapters.telegram.paced import PacedMessenger
from neurocards.domain.jobs import ChatAddress
from neurocards.domain.outbound import Priority
from neurocards.errors import ProviderError
from neurocards.outbound import Turns
from neurocards.settings import Database, Pace, Profile
from neurocards.telemetry.metrics import CommonMetrics
from neurocards_worker.moments import SystemMoments
from support.stalls import stalls


async def speak(order: dict[str, Any]) -> dict[str, Any]:
    """`says` lists chat, message and priority."""
    bot_id = int(order["token"].partition(":")[0])
    database = Database.model_validate({"database_url": order["database_url"]})
    async with (
        open_database(database, application_name="speaker", size=1) as pool,
        httpx.AsyncClient(timeout=60) as client,
    ):
        turns = Turns(
            PostgresOutboundBuckets(pool),
            Pace.model_validate({}).limits(Profile.PRODUCTION),
            # A busy machine must not look like two stores.
            alone_share=0.01,
            metrics=CommonMetrics(CollectorRegistry()),
            moments=SystemMoments(),
        )
        tokens = {bot_id: order["token"]}
        messenger = PacedMessenger(
            TelegramMessenger(tokens, api_url=order["telegram_url"], client=client), turns
        )

        async def say(chat_id: int, message_id: int, priority: Priority) -> str:
            try:
                await messenger.draw_status(
                    ChatAddress(bot_id, chat_id),
                    message_id,
                    lambda: (f"{priority.name} {order['mark']}", None),
                    priority=priority,
                )
            except ProviderError as error:
                return type(error).__name__
            return "ok"

        says = order["says"]
        async with stalls() as late_s:
            said = await asyncio.gather(
                *(say(chat, message, Priority[name]) for chat, message, name in says)
            )
    return {"said": Counter(said), "late_s": max(late_s)}


if __name__ == "__main__":
    order = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    json.dump(asyncio.run(speak(order)), sys.stdout)
