"""A whole dialogue as a user has it: /start, photo, template, options, confirm.

Through the Telegram simulator and its webhook delivery, one user after another, pressing the
buttons that the bot really shows, without any time to think. So it is the time that a user waits
for the bot in all.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiogram.filters.callback_data import CallbackData

from bench.effort import Effort
from bench.figures import Check, Figure, Outcome, percentile
from bench.photo import photo
from bench.stage import Stage
from bench.statements import statement
from neurocards.domain.buttons import SEPARATOR
from neurocards_bot.callback_data import CancelJob, Confirm, OptionChoice, TemplateChoice

ANSWER_WITHIN_S = 30.0
FIRST_USER = 5_100_001
WARM_UP = 3
LENGTH_ENDING = f"{SEPARATOR}length{SEPARATOR}5"

Message = Mapping[str, Any]


@dataclass(slots=True)
class _Samples:
    total_ms: list[float] = field(default_factory=list)
    photo_ms: list[float] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)


async def run(effort: Effort, folder: Path) -> Outcome:
    samples = _Samples()
    for number in range(1, effort.runs + 1):
        async with Stage(folder / f"dialogue-{number}") as stage:
            await _run_once(stage, effort, f"dialogue, run {number}", samples)
    return Outcome(figures=_figures(samples, effort), checks=tuple(samples.checks))


async def _run_once(stage: Stage, effort: Effort, label: str, samples: _Samples) -> None:
    await stage.telegram()
    await stage.bot()
    totals, photos = [], []
    for number in range(WARM_UP + effort.dialogues):
        visitor = Visitor(stage, FIRST_USER + number)
        total_ms, photo_ms = await visitor.order()
        if number >= WARM_UP:
            totals.append(total_ms)
            photos.append(photo_ms)
    samples.total_ms.append(percentile(totals, 0.5))
    samples.photo_ms.append(percentile(photos, 0.5))
    visitors = WARM_UP + effort.dialogues
    rows = await stage.pool.fetch(statement("job_states"), FIRST_USER, visitors)
    jobs = sum(row["jobs"] for row in rows)
    samples.checks.append(
        Check(
            f"{label}: {visitors} dialogues are {visitors} jobs", jobs == visitors, f"{jobs} jobs"
        )
    )


class Visitor:
    """One user with a chat of his own."""

    def __init__(self, stage: Stage, user_id: int) -> None:
        self._stage = stage
        self._user_id = user_id
        self._telegram = stage.programs["telegram"].url
        self._chat = f"{self._telegram}/sim/chats/{user_id}"
        self._seen = 0

    async def order(self) -> tuple[float, float]:
        """Have the dialogue; give the milliseconds of all of it and those of the photo's step."""
        person = {"id": self._user_id, "first_name": "Anna", "language_code": "en"}
        await self._stage.post(f"{self._telegram}/sim/users", person)
        began = time.perf_counter()
        await self._stage.post(f"{self._chat}/send", {"kind": "text", "text": "/start"})
        await self._shown()
        sent = time.perf_counter()
        await self._send_photo()
        menu = await self._shown(TemplateChoice)
        photo_ms = (time.perf_counter() - sent) * 1e3
        await self._press(menu, TemplateChoice)
        await self._press(await self._shown(OptionChoice), OptionChoice, LENGTH_ENDING)
        await self._press(await self._shown(Confirm), Confirm)
        await self._shown(CancelJob)
        return (time.perf_counter() - began) * 1e3, photo_ms

    async def _send_photo(self) -> None:
        answer = await self._stage.http.post(
            f"{self._chat}/send",
            data={"kind": "photo", "caption": "A mug of hand-made stoneware, 350 ml"},
            files={"file": ("photo.jpg", photo(), "image/jpeg")},
        )
        answer.raise_for_status()

    async def _press(self, message: Message, kind: type[CallbackData], ending: str = "") -> None:
        """Press the first button of this kind whose data ends like that."""
        data = next(data for data in _data(message, kind) if data.endswith(ending))
        press = {"message_id": message["message_id"], "callback_data": data}
        await self._stage.post(f"{self._chat}/press", press)

    async def _shown(self, kind: type[CallbackData] | None = None) -> Message:
        """Wait until the bot shows a message with a button of this kind, or any message."""
        deadline = time.monotonic() + ANSWER_WITHIN_S
        while time.monotonic() < deadline:
            found = await self._stage.get(f"{self._chat}/changes?after={self._seen}&timeout_s=1")
            self._seen = found["sequence"]
            for event in found["events"]:
                message: Message = event.get("message") or {}
                if message.get("from") == "bot" and (kind is None or _data(message, kind)):
                    return message
        raise RuntimeError(f"the bot did not show {kind.__name__ if kind else 'anything'}")


def _data(message: Message, kind: type[CallbackData]) -> list[str]:
    buttons = [button for row in message["buttons"] for button in row]
    start = kind.__prefix__ + kind.__separator__
    return [b["callback_data"] for b in buttons if b.get("callback_data", "").startswith(start)]


def _figures(samples: _Samples, effort: Effort) -> tuple[Figure, ...]:
    how = (
        f"{effort.dialogues} users one after another through the Telegram simulator, a photo of "
        f"{len(photo()) // 1024} KiB; median over the users"
    )
    return (
        Figure(
            name="dialogue.total_ms",
            title="A whole dialogue (start, photo, template, option, confirm)",
            unit="ms",
            values=tuple(samples.total_ms),
            how=f"{how}; from /start until the message says that the order is accepted",
        ),
        Figure(
            name="dialogue.photo_ms",
            title="Of it: the photo, from sending it to the menu of templates",
            unit="ms",
            values=tuple(samples.photo_ms),
            how=f"{how}; the bot downloads it and decodes it in a process with limits",
        ),
    )
