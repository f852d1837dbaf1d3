"""All stores over one state, and time that passes when told: what the contract suites run on.

`MemoryWorld` is the fake one; the tests build another one on PostgreSQL. Whoever writes stores of
his own can hold them to the same suites by giving a third.
"""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Protocol
from uuid import UUID, uuid4

from neurocards.domain.failures import ClassifiedFailure, FailureClass, FailureSource
from neurocards.domain.identifiers import uuid7
from neurocards.domain.jobs import Fence, Job, JobStatus, ProviderTask
from neurocards.domain.orders import OrderOptions, Template
from neurocards.domain.script import Script
from neurocards.ports.jobs import Claimed, JobStore, KeyStore, TemplateStore
from neurocards.ports.orders import AcceptRequest, DialogueStore, Draft, OrderStore
from neurocards.ports.outbound import OutboundBuckets
from neurocards.ports.queue import Outbox, OutboxMessage
from neurocards.testing.clock import FakeClock
from neurocards.testing.database import MemoryDatabase
from neurocards.testing.dialogues import MemoryDialogueStore
from neurocards.testing.jobs import MemoryJobStore, MemoryTemplateStore
from neurocards.testing.keys import MemoryKeyStore
from neurocards.testing.orders import MemoryOrderStore
from neurocards.testing.outbound import MemoryOutboundBuckets
from neurocards.testing.outbox import MemoryOutbox

BOT_ID = 1
USER_ID = 5001
LEASE_S = 60.0
SCRIPT = Script("Mug", ("A mug for mornings", "Holds 350 ml"), "Order today", "Slow push-in")
TASK = ProviderTask("kie", "kling-3.0", "task-1", "0123456789ab")
RATE_LIMIT = ClassifiedFailure(FailureClass.RATE_LIMIT, "429", "Slow down", FailureSource.KIE)
VIOLATION = ClassifiedFailure(FailureClass.USER_VIOLATION, "400", "Flagged", FailureSource.KIE)
TEMPLATES = (
    Template("second", {"en": "Second", "ru": "Второй"}, {"en": "Pan.", "ru": "Проезд."}, 20),
    Template("first", {"en": "First", "ru": "Первый"}, {"en": "Zoom.", "ru": "Наезд."}, 10),
)
_numbers = itertools.count(1)
_ID_MOMENT = datetime.now(UTC) + timedelta(days=1)
"""In a month that has a partition, even when the present one ends during the tests."""


@dataclass(frozen=True, slots=True)
class Booked:
    account: str
    amount: int
    key: str


@dataclass(frozen=True, slots=True)
class StoredJob:
    """What a test may want to know of a job and no port tells."""

    status: JobStatus
    attempt: int
    tries: int
    orphans: int
    error_class: str | None
    error_text: str | None
    is_told: bool = False


class World(Protocol):
    jobs: JobStore
    keys: KeyStore
    templates: TemplateStore
    orders: OrderStore
    dialogues: DialogueStore
    outbox: Outbox
    outbound: OutboundBuckets

    async def pass_time(self, seconds: float) -> None: ...

    async def ledger(self) -> list[Booked]: ...

    async def stored(self, job_id: UUID) -> StoredJob: ...

    async def spoil_order(self, job_id: UUID) -> None:
        """Let the stored order of a job be nothing that can be read."""
        ...


class MemoryWorld:
    def __init__(self, clock: FakeClock | None = None) -> None:
        self.database = MemoryDatabase(clock, TEMPLATES)
        self.jobs: JobStore = MemoryJobStore(self.database)
        self.keys: KeyStore = MemoryKeyStore(self.database)
        self.templates: TemplateStore = MemoryTemplateStore(self.database)
        self.orders: OrderStore = MemoryOrderStore(self.database)
        self.dialogues: DialogueStore = MemoryDialogueStore(self.database)
        self.outbox: Outbox = MemoryOutbox(self.database)
        self.outbound: OutboundBuckets = MemoryOutboundBuckets(self.database)

    async def pass_time(self, seconds: float) -> None:
        self.database.clock.advance(seconds)

    async def ledger(self) -> list[Booked]:
        return [Booked(entry.account, entry.amount, entry.key) for entry in self.database.ledger]

    async def stored(self, job_id: UUID) -> StoredJob:
        record = self.database.jobs[job_id]
        return StoredJob(
            record.status,
            record.attempt,
            record.tries,
            record.orphans,
            record.error_class,
            record.error_text,
            record.told_at is not None,
        )

    async def spoil_order(self, job_id: UUID) -> None:
        self.database.jobs[job_id].unreadable = "options: ValueError"


def new_job_id() -> UUID:
    """Make an id later than all that this process made before."""
    return uuid7(_ID_MOMENT, next(_numbers) << 40)


async def drafted(
    world: World, *, user_id: int = USER_ID, balance: int = 3, price_credits: int = 1
) -> AcceptRequest:
    """Bring a user to the Confirm button; give what the press on it asks for."""
    await world.orders.welcome(user_id, bot_id=BOT_ID, language="ru", welcome_credits=balance)
    draft = Draft(
        id=uuid4(),
        bot_id=BOT_ID,
        tg_user_id=user_id,
        chat_id=user_id,
        photo_file_id="photo",
        caption="Mug, 350 ml",
        template_id="first",
        options=OrderOptions(),
        price_credits=price_credits,
        language="ru",
    )
    await world.orders.save_draft(draft)
    return AcceptRequest(
        bot_id=BOT_ID,
        update_id=next(_numbers),
        draft_id=draft.id,
        job_id=new_job_id(),
        tg_user_id=user_id,
        chat_id=user_id,
        message_id=77,
        pool="default",
        deadline_s=3 * 3600.0,
    )


async def accepted(world: World, *, user_id: int = USER_ID) -> UUID:
    """Bring a job to `queued`."""
    request = await drafted(world, user_id=user_id)
    await world.orders.accept(request)
    return request.job_id


async def claimed(world: World, job_id: UUID, *, worker: str = "worker") -> Job:
    """Claim a job that can be claimed."""
    claim = await world.jobs.claim(job_id, worker=worker, lease_s=LEASE_S)
    if not isinstance(claim, Claimed):
        raise TypeError(f"the job cannot be claimed: {claim}")
    return claim.job


async def brought_to(world: World, status: JobStatus, *, user_id: int = USER_ID) -> Job:
    """Bring a new job to a running state, under a live lease."""
    job = await claimed(world, await accepted(world, user_id=user_id))
    return await carried_to(world, job, status)


async def carried_to(world: World, job: Job, status: JobStatus) -> Job:
    """Carry a claimed job on to a later running state; ValueError when the fence breaks."""
    jobs = world.jobs
    steps: dict[JobStatus, Callable[[Fence], Awaitable[bool]]] = {
        JobStatus.SCRIPTING: lambda f: jobs.start_submitting(f, may_reach_provider=True),
        JobStatus.SUBMITTING: lambda f: jobs.store_task(f, TASK),
        JobStatus.RENDERING: jobs.start_fetching,
        JobStatus.FETCHING: jobs.start_delivering,
    }
    order = [*steps, JobStatus.DELIVERING]
    while job.status is not status:
        if not await steps[job.status](job.fence):
            raise ValueError(f"the fence of {job.id} does not hold at {job.status}")
        job = replace(job, status=order[order.index(job.status) + 1])
    return job


async def taken_messages(world: World) -> list[OutboxMessage]:
    """Relay everything, as a broker that stores all of it; give what went out."""
    gone: list[OutboxMessage] = []

    async def publish(messages: Sequence[OutboxMessage]) -> list[int]:
        gone.extend(messages)
        return [message.id for message in messages]

    while await world.outbox.relay(publish, batch=100):
        pass
    return gone
