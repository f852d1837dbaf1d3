"""What must hold whatever happens: of the database, of the provider's bill, and of the chats.

One place for the model, the crash points, the chaos run and the stress test. `always` may be asked
at any moment, `at_rest` when nothing is under way any more. The statements stand in
`sql/invariants.sql`: a block more there is a check more here.

    I1  every balance is the sum of its ledger, and both sides of a booking cancel out
    I2  every accepted order is one job, in exactly one terminal state within its deadline
    I3  delivered (or kept for a user who is gone) XOR refunded
    I4  one charge, at most one refund
    I5  one paid render per job but for counted orphans; another one only after one has failed
    I6  the user is told, and sees his video once
    I7  nothing is left: no message, no outbox row, no lease
    I8  attempts grow, and nobody writes under an older one (`support.history`)
    I9  an update is applied once: one draft, one job
    I10 every worker says the same of every key, two seconds after a change (`chaos.key_health`)
    I11 no secret stands in a log
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

import asyncpg
import nats

from neurocards.adapters.nats.subjects import STREAM
from support.statements import load

SQL = load("invariants")
_TERMINAL = frozenset({"done", "failed", "cancelled"})
_UNDER_WAY = ("🎬", "⏳", "The order is accepted", "Заказ принят")
"""How the status message of a job begins that has not ended, as its user reads it."""


@dataclass(frozen=True, slots=True, order=True)
class Breach:
    """`invariant` is I1 to I11, `subject` the job, user, key or message that it is about."""

    invariant: str
    subject: str
    words: str

    def __str__(self) -> str:
        return f"{self.invariant} {self.subject}: {self.words}"


class Statements(Protocol):
    """A pool or a connection of asyncpg."""

    async def fetch(self, query: str, /) -> list[asyncpg.Record]: ...


@dataclass(frozen=True, slots=True)
class Ending:
    """How a job ended, by the database."""

    job_id: UUID
    user_id: int
    chat_id: int
    status: str
    status_message_id: int
    orphans: int
    undelivered: bool
    sent_anew: bool
    """The video went out as a new message, since the status message was gone."""
    took_s: float | None

    @property
    def is_delivered(self) -> bool:
        return self.status == "done" and not self.undelivered


@dataclass(frozen=True, slots=True)
class Task:
    """A render at the provider, by the provider; `ended_ms` and `succeeded` are its own words."""

    job_id: str
    created_ms: int
    ended_ms: int | None
    succeeded: bool


@dataclass(frozen=True, slots=True)
class Shown:
    """A message of the bot as it stands in the chat now."""

    message_id: int
    text: str
    has_video: bool


async def always(database: Statements) -> list[Breach]:
    return await _breaches(database, "always")


async def at_rest(database: Statements) -> list[Breach]:
    """Check what `always` does, and that nothing was left behind."""
    return await _breaches(database, "always") + await _breaches(database, "rest")


async def all_told(database: Statements) -> list[Breach]:
    """Check what `at_rest` does, and that every end was told; where workers run to tell it."""
    return await at_rest(database) + await _breaches(database, "told")


async def _breaches(database: Statements, when: str) -> list[Breach]:
    found: list[Breach] = []
    for name, sql in SQL.items():
        moment, _, rest = name.partition("_")
        if moment != when:
            continue
        invariant = rest.partition("_")[0].upper()
        rows = await database.fetch(sql)
        found += [Breach(invariant, row["subject"], row["words"]) for row in rows]
    return found


async def endings(database: Statements) -> list[Ending]:
    return [
        Ending(
            job_id=row["id"],
            user_id=row["tg_user_id"],
            chat_id=row["chat_id"],
            status=row["status"],
            status_message_id=row["status_message_id"],
            orphans=row["orphans"],
            undelivered=row["undelivered"],
            sent_anew=row["sent_anew"],
            took_s=row["took_s"],
        )
        for row in await database.fetch(SQL["outcomes"])
    ]


def tasks_of(listing: Mapping[str, Any]) -> list[Task]:
    """Read what `GET /sim/tasks` of the simulated provider lists."""
    return [
        Task(
            job_id=str(task["job"]),
            created_ms=int(task["createTime"]),
            ended_ms=task["completeTime"],
            succeeded=task["state"] == "success",
        )
        for task in listing["tasks"]
    ]


def shown_in(messages: Sequence[Mapping[str, Any]]) -> list[Shown]:
    """Read what `GET /sim/chats/{id}` of the simulated Telegram lists."""
    return [
        Shown(
            int(message["message_id"]),
            str(message["text"] or ""),
            has_video=bool(message["media"]) and message["media"]["kind"] == "video",
        )
        for message in messages
        if message["from"] == "bot"
    ]


def bill(jobs: Sequence[Ending], tasks: Sequence[Task]) -> list[Breach]:
    """Check I5: what the provider was asked for against what was counted."""
    orphans = {str(job.job_id): job.orphans for job in jobs}
    by_job: defaultdict[str, list[Task]] = defaultdict(list)
    for task in tasks:
        by_job[task.job_id].append(task)
    found = []
    for job_id, made in by_job.items():
        if job_id not in orphans:
            found.append(Breach("I5", job_id, "the provider renders for a job that is not there"))
            continue
        made.sort(key=lambda task: task.created_ms)
        hasty = sum(
            not any(_failed_before(earlier, task) for earlier in made[:number])
            or sum(earlier.succeeded for earlier in made[:number]) > orphans[job_id]
            for number, task in enumerate(made[1:], start=1)
        )
        paid = sum(task.succeeded for task in made)
        if hasty > orphans[job_id] or paid > 1 + orphans[job_id]:
            words = f"{len(made)} tasks, {paid} paid, {orphans[job_id]} counted as orphans"
            found.append(Breach("I5", job_id, words))
    return found


def _failed_before(earlier: Task, later: Task) -> bool:
    ended = earlier.ended_ms is not None and earlier.ended_ms <= later.created_ms
    return ended and not earlier.succeeded


def chats(jobs: Sequence[Ending], shown: Mapping[int, Sequence[Shown]]) -> list[Breach]:
    """Check I3 and I6: what stands in the chats against how the jobs ended, by chat id."""
    found = []
    by_chat: defaultdict[int, list[Ending]] = defaultdict(list)
    for job in jobs:
        by_chat[job.chat_id].append(job)
    for chat_id, own in by_chat.items():
        messages = {message.message_id: message for message in shown.get(chat_id, ())}
        found += [breach for job in own for breach in _told(job, messages)]
        in_place = {job.status_message_id for job in own}
        anew = sum(one.has_video for one in messages.values() if one.message_id not in in_place)
        flagged = [job for job in own if job.sent_anew]
        wanted = sum(job.is_delivered for job in flagged)
        if anew and not flagged:
            found.append(Breach("I6", str(chat_id), f"{anew} videos beside the ordered ones"))
        if anew < wanted:
            found.append(Breach("I3", str(chat_id), f"{wanted} sent anew, {anew} to be seen"))
    return found


def _told(job: Ending, messages: Mapping[int, Shown]) -> list[Breach]:
    status = messages.get(job.status_message_id)
    subject = str(job.job_id)
    if job.status not in _TERMINAL:
        return []
    if status is None:
        # The user deleted it himself; whatever was to be said stands in a message of its own.
        return []
    if job.is_delivered and not job.sent_anew and not status.has_video:
        return [Breach("I3", subject, f"done, and the user sees {status.text[:60]!r}")]
    if job.status != "done" and status.has_video:
        return [Breach("I3", subject, f"{job.status}, and the user has the video")]
    if job.status != "done" and status.text.startswith(_UNDER_WAY):
        return [Breach("I6", subject, f"{job.status}, and the user reads {status.text[:60]!r}")]
    return []


async def queue_at_rest(nats_url: str) -> list[Breach]:
    """Check I7 at the broker: nothing is stored that nobody will take."""
    connection = await nats.connect(nats_url)
    try:
        info = await connection.jetstream().stream_info(STREAM)
    except nats.js.errors.NotFoundError:
        return []
    finally:
        await connection.close()
    left = info.state.messages
    return [Breach("I7", STREAM, f"{left} messages left")] if left else []


def secrets_in(text: str, secrets: Collection[str], *, subject: str) -> list[Breach]:
    """Check I11: none of the secrets stands in a text that others may read."""
    found = Counter(secret[:4] for secret in secrets if secret and secret in text)
    return [Breach("I11", subject, f"holds the secret {start}…") for start in found]
