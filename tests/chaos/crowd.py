"""The people of a run: each orders one video, and does not give up until the order is accepted.

A share of them goes through the whole dialogue with a photo; the others find a menu with its
*Confirm* button ready, so that many orders cost no more than their acceptance.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import httpx

from chaos.stage import Stage
from neurocards.adapters.postgres import PostgresOrderStore, open_database
from neurocards.domain.buttons import short_id
from neurocards.domain.orders import OrderOptions
from neurocards.errors import StoreUnavailableError
from neurocards.ports.orders import Draft
from neurocards.settings import Database
from neurocards_sandbox.demo.errors import DemoError
from support.customer import CONFIRM, Customer
from support.product_photo import product_photo
from support.statements import load

FIRST_USER_ID = 3_000_001
DIALOGUE_SHARE = 0.1
AT_ONCE = 24
ACCEPTED_LOOK_S = 0.2
AGAIN_S = 1.0
LENGTHS_S = (5, 10, 15)
TEMPLATE = "studio_clean"
WELCOME_CREDITS = 20
REFUSED = "[sim:violation]"
REFUSED_SHARE = 0.05
SQL = load("chaos")
# asyncpg raises the third when a session is ended in the middle of its answer.
DATABASE_AWAY = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
)


class Crowd:
    def __init__(self, stage: Stage, seed: int, *, folder: Path) -> None:
        self._stage = stage
        self._dice = random.Random(seed + 4)
        self._photo = product_photo(folder / "bottle.jpg", size=(480, 640))
        self._bot_id = stage.inner.secrets.bot_id
        self._places = asyncio.Semaphore(AT_ONCE)
        self._accepted: set[int] = set()
        self.user_ids: list[int] = []

    async def run(self, arrivals: Sequence[float]) -> None:
        """Let everybody order at his moment; ends when the last one is accepted."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        settings = Database.model_validate({"database_url": self._stage.database_url})
        async with (
            open_database(settings, application_name="chaos") as database,
            httpx.AsyncClient(base_url=self._stage.telegram_url, trust_env=False) as http,
        ):
            self._orders = PostgresOrderStore(database)
            self._photo_id = await self._uploaded(http)
            # In groups, so that nobody waits for ever for one of them that has failed.
            async with asyncio.TaskGroup() as around:
                looking = around.create_task(self._look())
                async with asyncio.TaskGroup() as group:
                    for number, at_s in enumerate(arrivals):
                        await asyncio.sleep(max(0.0, began + at_s - loop.time()))
                        group.create_task(self._order(http, FIRST_USER_ID + number))
                looking.cancel()

    async def _look(self) -> None:
        """Know whose order is accepted, by one question for all."""
        while True:
            try:
                rows = await self._stage.pool.fetch(SQL["ordered_users"])
                self._accepted = {row["tg_user_id"] for row in rows}
            except DATABASE_AWAY:
                await asyncio.sleep(AGAIN_S)
            await asyncio.sleep(ACCEPTED_LOOK_S)

    async def _order(self, http: httpx.AsyncClient, user_id: int) -> None:
        self.user_ids.append(user_id)
        in_full = self._dice.random() < DIALOGUE_SHARE
        caption = f"Bottle {user_id}"
        if self._dice.random() < REFUSED_SHARE:
            caption += f" {REFUSED}"
        length_s = self._dice.choice(LENGTHS_S)
        customer = Customer(
            http, bot_id=self._bot_id, user_id=user_id, photo=self._photo, caption=caption
        )

        async def is_ordered() -> bool:
            return user_id in self._accepted

        async with self._places:
            await customer.introduce()
            while not await is_ordered():
                try:
                    if not in_full and customer.menu is None:
                        await self._hand_menu(http, customer, caption, length_s)
                    await customer.order(is_ordered)
                except (DemoError, StoreUnavailableError, httpx.HTTPError):
                    # The witness itself is busy, or the database is away: try again.
                    await asyncio.sleep(AGAIN_S)

    async def _hand_menu(
        self, http: httpx.AsyncClient, customer: Customer, caption: str, length_s: int
    ) -> None:
        """Put the user in front of a menu, as the dialogue would have."""
        await customer.says("/start")
        await self._orders.welcome(
            customer.id, bot_id=self._bot_id, language="en", welcome_credits=WELCOME_CREDITS
        )
        draft = Draft(
            id=uuid4(),
            bot_id=self._bot_id,
            tg_user_id=customer.id,
            chat_id=customer.id,
            photo_file_id=self._photo_id,
            caption=caption,
            template_id=TEMPLATE,
            options=OrderOptions(duration_s=length_s),
            price_credits=1,
            language="en",
        )
        await self._orders.save_draft(draft)
        button = {"text": "Create", "callback_data": CONFIRM + short_id(draft.id)}
        menu = await self._call(
            http,
            "sendMessage",
            chat_id=customer.id,
            text="Menu",
            reply_markup={"inline_keyboard": [[button]]},
        )
        customer.menu = int(menu["message_id"])

    async def _uploaded(self, http: httpx.AsyncClient) -> str:
        """Let one user send the photo that all prepared orders are of; gives its file id."""
        first = Customer(http, bot_id=self._bot_id, user_id=FIRST_USER_ID - 1, photo=self._photo)
        await first.introduce()
        number = await first.visitor.send_file(self._photo, kind="photo")
        messages = (await first.visitor.transcript())["messages"]
        sent = next(message for message in messages if message["message_id"] == number)
        return str(sent["media"]["file_id"])

    async def _call(self, http: httpx.AsyncClient, method: str, **arguments: Any) -> Any:
        """Speak as the bot, past its processes; what strikes them may strike this as well."""
        token = self._stage.inner.secrets.bot_token
        while True:
            reply = await http.post(
                f"/bot{token}/{method}", content=json.dumps(arguments), headers=_JSON
            )
            body = reply.json() if reply.headers.get("content-type", "").startswith("app") else {}
            if body.get("ok"):
                return body["result"]
            await asyncio.sleep(AGAIN_S)


_JSON = {"Content-Type": "application/json"}
