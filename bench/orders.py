"""Orders that are ready to be confirmed, and the presses of their buttons as Telegram sends them.

Users, credits, drafts and chats are prepared without the bot; the press is real: the message with
the bot's own keyboard and callback data, posted to the webhook with its secret. Every order
belongs to a user of its own.
"""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from bench.clients import generate
from bench.figures import Check
from bench.generator import Plan, Report
from bench.photo import photo
from bench.stage import BOT_ID, BOT_TOKEN, TELEGRAM_CONNECTIONS_MAX, WEBHOOK_SECRET, Stage
from bench.statements import statement
from neurocards.domain.buttons import short_id
from neurocards.domain.orders import OrderOptions, Template
from neurocards.ports.orders import Draft
from neurocards.translations import Translations
from neurocards_bot.callback_data import Confirm
from neurocards_bot.order_texts import OrderTexts
from neurocards_bot.screens import options_screen

OPTIONS = {"aspect_ratio": "9:16", "duration_s": 10, "script_language": "en"}
TEMPLATE_ID = "studio_clean"
CAPTION = "A mug of hand-made stoneware, 350 ml"
SAMPLE_ID = UUID(int=1)
_MENU_TEXT = "Studio, 9:16, 10 s, English. The video costs 1 credit."
_update_ids = itertools.count(1_000_000)


@dataclass(frozen=True, slots=True)
class PreparedOrder:
    draft_id: UUID
    tg_user_id: int
    message_id: int


class OrderBook:
    """Makes orders on a stage; no user is ever used twice."""

    def __init__(self, stage: Stage, *, photo_file_id: str) -> None:
        self._stage = stage
        self._photo_file_id = photo_file_id
        self._next_user = 100_000_001

    async def prepare(self, count: int) -> list[PreparedOrder]:
        first, self._next_user = self._next_user, self._next_user + count
        message_ids = await self._stage.post(
            f"{self._stage.programs['telegram'].url}/bench/chats",
            {"token": BOT_TOKEN, "first_user": first, "count": count, "text": _MENU_TEXT},
        )
        rows = await self._stage.pool.fetch(
            statement("prepare_orders"),
            count,
            first,
            BOT_ID,
            self._photo_file_id,
            TEMPLATE_ID,
            OPTIONS,
            message_ids[0],
            CAPTION,
        )
        return [PreparedOrder(row["id"], row["tg_user_id"], message_ids[0]) for row in rows]


async def upload_photo(stage: Stage) -> str:
    """Store the photo at the Telegram simulator; give its file id for this bot."""
    sent = await _upload(stage, "photo", photo())
    return str(sent["photo"][-1]["file_id"])


async def upload_no_photo(stage: Stage) -> str:
    """The same with a file that is none: a worker refuses it as soon as it looks at it."""
    sent = await _upload(stage, "document", b"no photo at all")
    return str(sent["document"]["file_id"])


async def _upload(stage: Stage, kind: str, content: bytes) -> Any:
    user_id = 100_000_000
    telegram = stage.programs["telegram"].url
    chats = {"token": BOT_TOKEN, "first_user": user_id, "count": 1, "text": "Hello"}
    await stage.post(f"{telegram}/bench/chats", chats)
    answer = await stage.http.post(
        f"{telegram}/bot{BOT_TOKEN}/send{kind.capitalize()}",
        data={"chat_id": str(user_id)},
        files={kind: (f"{kind}.jpg", content, "image/jpeg")},
    )
    answer.raise_for_status()
    return answer.json()["result"]


@cache
def _menu() -> str:
    """Draw the bot's own menu of options, as JSON, for a draft whose id is SAMPLE_ID."""
    draft = Draft(
        id=SAMPLE_ID,
        bot_id=BOT_ID,
        tg_user_id=1,
        chat_id=1,
        photo_file_id="photo",
        caption=CAPTION,
        template_id=TEMPLATE_ID,
        options=OrderOptions(),
        price_credits=1,
        language="en",
    )
    template = Template(TEMPLATE_ID, names={"en": "Clean studio"}, prompts={"en": ""})
    texts = OrderTexts(Translations.load("neurocards_bot", "neurocards_bot"))
    screen = options_screen(draft, template, texts, "en", balance=1)
    if screen.keyboard is None:
        raise RuntimeError("the menu of options has no buttons")
    return screen.keyboard.model_dump_json(exclude_none=True)


def press(order: PreparedOrder, now_unix_s: int) -> dict[str, object]:
    """Give the update of a press on Confirm, under the menu that the bot has drawn."""
    person = {"id": order.tg_user_id, "is_bot": False, "first_name": "Anna", "language_code": "en"}
    chat = {"id": order.tg_user_id, "type": "private", "first_name": "Anna"}
    data = Confirm(draft=order.draft_id).pack()
    keyboard = json.loads(_menu().replace(short_id(SAMPLE_ID), short_id(order.draft_id)))
    message = {
        "message_id": order.message_id,
        "from": {"id": BOT_ID, "is_bot": True, "first_name": "Neurocards", "username": "nc_bot"},
        "chat": chat,
        "date": now_unix_s,
        "text": _MENU_TEXT,
        "reply_markup": keyboard,
    }
    update_id = next(_update_ids)
    return {
        "update_id": update_id,
        "callback_query": {
            "id": str(update_id * 4_294_967_311),
            "from": person,
            "message": message,
            "chat_instance": str(order.tg_user_id * 2_654_435_761),
            "data": data,
        },
    }


async def confirm(
    stage: Stage,
    orders: Sequence[PreparedOrder],
    *,
    rate_per_s: float | None,
    connections: int = TELEGRAM_CONNECTIONS_MAX,
) -> Report:
    """Press every button once, at a fixed rate, and wait for the answers."""
    now_unix_s = int(time.time())
    address = urlsplit(stage.programs["bot"].url)
    plan = Plan(
        host=address.hostname or "",
        port=address.port or 0,
        path=f"/telegram/{BOT_ID}",
        bodies=str(stage.folder / "presses.jsonl"),
        headers={"X-Telegram-Bot-Api-Secret-Token": WEBHOOK_SECRET},
        rate_per_s=rate_per_s,
        connections=connections,
    )
    return await generate(plan, [press(order, now_unix_s) for order in orders], stage.folder)


async def check_confirmed(stage: Stage, orders: Sequence[PreparedOrder], label: str) -> Check:
    """Check that every order became one job with one charge."""
    first = min(order.tg_user_id for order in orders)
    row = await stage.pool.fetchrow(statement("check_orders"), first, len(orders))
    found = dict(row or {})
    wanted = dict.fromkeys(("jobs", "users_with_a_job", "drafts_consumed", "charges"), len(orders))
    wanted |= {"sum_of_both_sides": 0, "users_not_charged": 0}
    detail = ", ".join(f"{name} {found.get(name)}" for name in wanted)
    return Check(f"{label}: {len(orders)} presses are {len(orders)} jobs", found == wanted, detail)
