"""Honest people: what they do is recorded to be spoiled, and none of them may suffer from it."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from uuid import UUID

from abuse.stage import BOT_ID, Stage
from neurocards_sandbox.demo.errors import DemoError
from neurocards_sandbox.demo.visitor import RefusedBySimulatorError
from support import invariants
from support.customer import Customer
from support.product_photo import product_photo
from support.telegram_person import Person

FIRST_USER_ID = 880_001
HONEST_USER_ID = 990_001
REFUSED = "A knife [sim:violation]"
SETTLED_S = 1.0
END_WITHIN_S = 300.0
GO_ON_S = 30.0
BYSTANDER_ID = 910_001
BYSTANDERS = 5
LOOK_S = 0.2
WORDS = ("/start", "/balance", "/help", "/language", "/history", "/cancel", "A red mug", "кружка")
MEDIA = ("photo", "document", "video", "voice", "sticker")


class People:
    def __init__(self, stage: Stage, folder: Path, *, count: int) -> None:
        self._stage = stage
        self.user_ids = [FIRST_USER_ID + number for number in range(count)]
        self._photo = product_photo(folder / "bottle.jpg", size=(480, 640))
        self._simulator = stage.simulator

    async def introduce(self) -> None:
        """Make everybody known to Telegram; who has written to the bot may be written to."""
        for user_id in (*self.user_ids, HONEST_USER_ID, HONEST_USER_ID + 1):
            person = Person(self._simulator, user_id, bot_id=BOT_ID)
            await person.register(language_code="ru")
            await person.write("/start")

    async def live(self) -> None:
        """Do everything that can be done with the bot, for the recorder."""
        first, second, third, *_ = self.user_ids
        async with asyncio.TaskGroup() as group:
            group.create_task(self._order(first, caption="A mug"))
            group.create_task(self._order(second, caption=REFUSED))
            group.create_task(self._chat(third))
        for user_id in (first, second, third):
            person = Person(self._simulator, user_id, bot_id=BOT_ID)
            await person.write("/history")
            await self._press_everything(person)
            await person.block()
            await person.unblock()
        await asyncio.sleep(SETTLED_S)

    async def go_on(self, batch: int) -> None:
        """Let a few more come while the bad updates fall: what they do joins what is spoiled.

        Nothing is asked of them: an update that was made of theirs may have taken their order away.
        """
        first = BYSTANDER_ID + batch * BYSTANDERS
        ordering, curious = range(first, first + 2), range(first + 2, first + BYSTANDERS)
        async with asyncio.TaskGroup() as group:
            for user_id in ordering:
                group.create_task(self._try_to_order(user_id))
            for user_id in curious:
                group.create_task(self._send_and_press(user_id))

    async def _try_to_order(self, user_id: int) -> None:
        with contextlib.suppress(TimeoutError, DemoError):
            async with asyncio.timeout(GO_ON_S):
                await self._accepted(user_id, caption=f"A cup {user_id}")

    async def _send_and_press(self, user_id: int) -> None:
        person = Person(self._simulator, user_id, bot_id=BOT_ID)
        await person.register(language_code="en")
        await person.write("/start")
        for _ in range(2):
            await person.send_files("photo", self._photo, caption="A lamp")
            await asyncio.sleep(SETTLED_S)
            await self._press_everything(person)

    async def order_honestly(self, number: int) -> str:
        """Order one video as anybody would; gives how it ended."""
        job = await self._order(HONEST_USER_ID + number, caption="A bottle")
        return next(one.status for one in await self._endings() if one.job_id == job)

    async def _chat(self, user_id: int) -> None:
        person = Person(self._simulator, user_id, bot_id=BOT_ID)
        for words in WORDS:
            await person.write(words)
        for kind in MEDIA:
            await person.send_files(kind, self._photo, caption="A caption")
        await person.send_files("album", self._photo, self._photo)
        await person.send("location", latitude=1, longitude=2)
        await asyncio.sleep(SETTLED_S)

    async def _press_everything(self, person: Person) -> None:
        """Press every button that is to be seen, the newest message first."""
        for message in reversed(await person.from_bot()):
            for row in message["buttons"] or ():
                for button in row:
                    data = button.get("callback_data")
                    if data:
                        with contextlib.suppress(Exception):
                            await person.press_data(message["message_id"], data, force=True)

    async def _order(self, user_id: int, *, caption: str) -> UUID:
        async with asyncio.timeout(END_WITHIN_S):
            job = await self._accepted(user_id, caption=caption)
            while not await self._has_ended(job):  # noqa: ASYNC110 - a worker ends it
                await asyncio.sleep(LOOK_S)
        return job

    async def _accepted(self, user_id: int, *, caption: str) -> UUID:
        customer = Customer(
            self._simulator, bot_id=BOT_ID, user_id=user_id, photo=self._photo, caption=caption
        )
        await customer.introduce()
        before = await self._jobs_of(user_id)

        async def is_ordered() -> bool:
            return len(await self._jobs_of(user_id)) > len(before)

        with contextlib.suppress(RefusedBySimulatorError):
            await customer.says("/start")
        await customer.order(is_ordered)
        return next(job for job in await self._jobs_of(user_id) if job not in before)

    async def _jobs_of(self, user_id: int) -> list[UUID]:
        return [job.job_id for job in await self._endings() if job.user_id == user_id]

    async def _has_ended(self, job_id: UUID) -> bool:
        ended = ("done", "failed", "cancelled")
        return any(job.job_id == job_id and job.status in ended for job in await self._endings())

    async def _endings(self) -> list[invariants.Ending]:
        return await invariants.endings(self._stage.pool)
