"""Many bad updates, some at once, as Telegram would bring them; and what was answered."""

from __future__ import annotations

import asyncio
import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import httpx

from abuse.mutations import Mutator
from abuse.stage import BOT_ID, Stage
from neurocards_bot.http.webhook import SECRET_HEADER
from support.canaries import canary

AT_ONCE = 12
FIRST_UPDATE_ID = 500_000_000
"""Far from those that the simulator gives."""
AGAIN_SHARE = 0.05
REMEMBERED = 500
STRANGER_SHARE = 0.01
ANSWER_S_MAX = 60.0
ALLOWED = {200, 400, 401, 413}
"""400: no update at all, 401: a wrong secret, 413: more than an update can be."""
SHOWN_BYTES = 2_000


@dataclass
class Storm:
    """`wrong` keeps each body that was answered as none may be, and how."""

    stage: Stage
    real: Sequence[dict[str, Any]]
    people: Sequence[int]
    seed: int
    sent: int = 0
    reconnected: int = 0
    answers: Counter[int] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    _turns: defaultdict[int, asyncio.Lock] = field(
        default_factory=lambda: defaultdict(asyncio.Lock)
    )
    _bodies: list[bytes] = field(default_factory=list)

    async def send(self, count: int) -> None:
        """Send the next so many updates and wait for all of the answers."""
        numbers = iter(range(self.sent, self.sent + count))
        mutator = Mutator(self.real, self.people)

        async def some() -> None:
            for number in numbers:
                await self._one(mutator, number)

        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(some())
        self.sent += count

    async def _one(self, mutator: Mutator, number: int) -> None:
        # Dice of its own for each: what the others do meanwhile changes nothing about it.
        dice = random.Random(f"{self.seed} {number}")
        sender, body = mutator.call(dice, update_id=FIRST_UPDATE_ID + number)
        # As Telegram does: one update of a person after the other.
        async with self._turns[sender]:
            await self._posted(number, body, dice)

    async def _posted(self, number: int, body: bytes, dice: random.Random) -> None:
        if self._bodies and dice.random() < AGAIN_SHARE:
            body = dice.choice(self._bodies)
        secret = canary("stranger" if dice.random() < STRANGER_SHARE else "webhook")
        try:
            reply = await self._reply(body, secret)
        except httpx.HTTPError as error:
            self._keep(number, type(error).__name__, body)
            return
        self.answers[reply.status_code] += 1
        if reply.status_code not in ALLOWED:
            self._keep(number, str(reply.status_code), body)
        self._bodies.append(body)
        if len(self._bodies) > REMEMBERED:
            self._bodies.pop(dice.randrange(REMEMBERED))

    async def _reply(self, body: bytes, secret: str) -> httpx.Response:
        """Post it; once more where the connection was closed between two requests.

        A server may close one that it kept, at any moment and after a body that it does not read.
        """
        url = f"{self.stage.bot_url}/telegram/{BOT_ID}"
        headers = {SECRET_HEADER: secret, "Content-Type": "application/json"}
        post = partial(
            self.stage.http.post, url, content=body, headers=headers, timeout=ANSWER_S_MAX
        )
        try:
            return await post()
        except (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError):
            self.reconnected += 1
            return await post()

    def _keep(self, number: int, answer: str, body: bytes) -> None:
        shown = body[:SHOWN_BYTES].decode(errors="backslashreplace")
        self.wrong.append(f"update {number} was answered with {answer}: {shown}")
