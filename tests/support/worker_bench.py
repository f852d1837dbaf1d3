"""A whole worker over fakes and a clock of its own: jobs of hours pass in milliseconds."""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import Any
from uuid import UUID

from prometheus_client import CollectorRegistry

from neurocards.domain.failures import Failure, FailureSource
from neurocards.domain.jobs import JobStatus
from neurocards.domain.keys import ProviderKey, fingerprint
from neurocards.errors import OutcomeUnknownError, ProviderError
from neurocards.ports.jobs import Claimed
from neurocards.settings import Broker, Database, Pace, PublicAddress, Telegram, Telemetry, Timings
from neurocards.telemetry.metrics import CommonMetrics
from neurocards.testing.clock import FakeClock
from neurocards.testing.database import JobRecord
from neurocards.testing.providers import (
    FakeChat,
    FakeMessage,
    FakeMessenger,
    FakePhotoInspector,
    FakeScriptWriter,
    FakeVideoProvider,
)
from neurocards.testing.queue import MemoryBroker, MemoryHints, MemoryJobQueue
from neurocards.testing.world import BOT_ID, LEASE_S, USER_ID, MemoryWorld, accepted
from neurocards_worker.assembly import Assembly, Outside
from neurocards_worker.metrics import WorkerMetrics
from neurocards_worker.run import Run
from neurocards_worker.settings import ScriptModel, VideoModel, Work, WorkerSettings

SECRET = "callback-secret"
PUBLIC_URL = "https://bot.example"
SUPPORT = "@helpdesk"
PHOTO = b"a photo"
STATUS_MESSAGE = 77


class FakeWakes:
    """Hints that come when told; otherwise the whole wait passes at once."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self.hints: deque[str] = deque()
        self.waits: list[tuple[UUID, float]] = []

    async def wait(self, job_id: UUID, *, timeout_s: float) -> str | None:
        self.waits.append((job_id, timeout_s))
        if self.hints:
            return self.hints.popleft()
        await self._clock.sleep(timeout_s)
        return None


class WorkerBench:
    """`carry` is one worker's run over the job, from its claim to its outcome."""

    def __init__(
        self, folder: Path, *, keys: tuple[str, ...] = ("key-1",), callbacks: bool = True
    ) -> None:
        self.clock = FakeClock()
        self.world = MemoryWorld(self.clock)
        self.broker = MemoryBroker()
        self.messenger = FakeMessenger({"photo": PHOTO})
        self.writer = FakeScriptWriter()
        self.provider = FakeVideoProvider()
        self.inspector = FakePhotoInspector()
        self.hints = MemoryHints(self.broker)
        self.wakes = FakeWakes(self.clock)
        self.registry = CollectorRegistry()
        self.metrics = WorkerMetrics(self.registry)
        self.common = CommonMetrics(CollectorRegistry())
        self.settings = worker_settings(folder, keys=keys, callbacks=callbacks)
        self.folder = folder
        self.queue = MemoryJobQueue(self.broker)
        self.assembly = self.new_worker()

    def new_worker(self) -> Assembly:
        """Another process over the same world: the one before it is forgotten."""
        self.assembly = Assembly(
            self.settings,
            Outside(
                jobs=self.world.jobs,
                leases=self.world.jobs,
                keys=self.world.keys,
                templates=self.world.templates,
                queue=self.queue,
                hints=self.hints,
                messenger=self.messenger,
                outbound=self.world.outbound,
                writer=self.writer,
                provider=self.provider,
                inspector=self.inspector,
            ),
            common=self.common,
            metrics=self.metrics,
            moments=self.clock,
            wakes=self.wakes,
        )
        return self.assembly

    async def accept(self, user_id: int = USER_ID) -> UUID:
        job_id = await accepted(self.world, user_id=user_id)
        await self.assembly.gate.register()
        self.messenger.chat(user_id).messages.setdefault(STATUS_MESSAGE, FakeMessage("Accepted"))
        return job_id

    async def claim(self, job_id: UUID) -> Run:
        claim = await self.world.jobs.claim(job_id, worker="bench", lease_s=LEASE_S)
        assert isinstance(claim, Claimed), claim
        return Run(claim.job)

    async def carry(self, job_id: UUID) -> JobRecord:
        """Claim the job and carry it as far as one run goes."""
        await self.assembly.carrier.carry(await self.claim(job_id))
        return self.record(job_id)

    async def carry_to_end(self, job_id: UUID) -> JobRecord:
        """Carry it whenever it is due, until it has ended."""
        for _ in range(100):
            retry_at = self.record(job_id).retry_at
            if retry_at is not None:
                self.clock.advance(max(0.0, (retry_at - self.clock.now()).total_seconds()))
            if (record := await self.carry(job_id)).status.is_terminal:
                return record
        raise AssertionError(f"no end in sight: {record}")

    async def die_in(self, job_id: UUID, status: JobStatus) -> None:
        """Leave the job as a worker does that is killed in this state; its lease runs out."""
        record = self.record(job_id)
        assert record.status is status, record.status
        self.clock.advance(LEASE_S + 1)
        self.new_worker()

    def record(self, job_id: UUID) -> JobRecord:
        return self.world.database.jobs[job_id]

    @property
    def chat(self) -> FakeChat:
        return self.messenger.chat(USER_ID)

    @property
    def status_message(self) -> FakeMessage:
        return self.chat.messages[STATUS_MESSAGE]

    @property
    def texts(self) -> list[str]:
        return [message.html for message in self.chat.messages.values()]

    @property
    def balance(self) -> int:
        return self.world.database.users[USER_ID].balance

    def refunds(self, job_id: UUID) -> int:
        key = f"refund:{job_id}"
        return sum(entry.key == key and entry.amount > 0 for entry in self.world.database.ledger)

    def blocked(self, secret: str) -> str | None:
        """Tell why a key rests, None if it does not."""
        found = self.world.database.keys[fingerprint(secret)]
        until = found.blocked_until
        return found.reason if until is not None and until > self.clock.now() else None


def worker_settings(
    folder: Path, *, keys: tuple[str, ...], callbacks: bool = True
) -> WorkerSettings:
    public: dict[str, Any] = {}
    if callbacks:
        public = {"PUBLIC_BASE_URL": PUBLIC_URL, "callback_secret": SECRET}
    return WorkerSettings(
        work=Work.model_validate({"work_folder": folder, "support_handle": SUPPORT}),
        timings=Timings.model_validate({}),
        database=Database.model_validate({}),
        broker=Broker.model_validate({}),
        telemetry=Telemetry.model_validate({}),
        pace=Pace.model_validate({}),
        telegram=Telegram.model_validate({"NEUROCARDS_TELEGRAM_TOKENS": f"{BOT_ID}:TOKEN"}),
        public=PublicAddress.model_validate(public),
        video=VideoModel.model_validate({}),
        script=ScriptModel.model_validate({"OPENAI_API_KEY": "key"}),
        keys=tuple(ProviderKey(secret, fingerprint(secret)) for secret in keys),
    )


def kie_error(text: str, code: str) -> ProviderError:
    return ProviderError(Failure(FailureSource.KIE, text=text, http_status=200, code=code))


def openai_error(
    text: str = "", *, status: int | None = None, code: str | None = None, kind: str | None = None
) -> ProviderError:
    return ProviderError(Failure(FailureSource.OPENAI, text, status, code, kind))


def telegram_error(text: str, status: int, *, retry_after_s: float | None = None) -> ProviderError:
    failure = Failure(FailureSource.TELEGRAM, text=text, http_status=status)
    return ProviderError(failure, retry_after_s=retry_after_s)


def no_answer() -> OutcomeUnknownError:
    return OutcomeUnknownError(Failure(FailureSource.NETWORK, text="no answer: ReadTimeout"))


def not_sent() -> ProviderError:
    return ProviderError(Failure(FailureSource.NETWORK, text="not sent: ConnectError"))


RATE_LIMIT = ("Your call frequency is too high. Please try again later.", "429")
NO_CREDITS = (
    "Credits insufficient : Your current balance isn’t enough to run this request.",
    "402",
)
UNAUTHORIZED = ("You do not have access permissions", "401")
SERVER_ERROR = ("Server exception", "500")
DEAD_MODEL = ("The model name you specified is not supported.", "422")
PEOPLE = (
    "We currently do not support uploads of images containing photorealistic people.",
    "400",
)
