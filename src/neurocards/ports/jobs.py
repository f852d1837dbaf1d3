"""The jobs and what they are made with, as a worker sees them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from neurocards.domain.failures import ClassifiedFailure
from neurocards.domain.fetching import FetchFailures
from neurocards.domain.jobs import Fence, Job, JobStatus, ProviderTask
from neurocards.domain.keys import AllBlocked, KeyAnswer, KeyUsable, ProviderKey
from neurocards.domain.orders import Template
from neurocards.domain.script import Script


@dataclass(frozen=True, slots=True)
class Claimed:
    job: Job


@dataclass(frozen=True, slots=True)
class HeldByAnother:
    """Another worker holds a live lease for about `for_s` more seconds."""

    for_s: float


@dataclass(frozen=True, slots=True)
class NotDue:
    """The job is postponed; the reaper will publish it again."""

    for_s: float


@dataclass(frozen=True, slots=True)
class Unreadable:
    """The job was claimed, and its order cannot be read: `job` has a blank one in its place."""

    job: Job
    reason: str


@dataclass(frozen=True, slots=True)
class Untold:
    """A job that ended, whose user may not know how; `job.status` is the end."""

    job: Job
    finished_at: datetime
    failure: ClassifiedFailure | None = None
    """Why it failed."""
    notice_sent: bool = False
    """The short message beside the status message went out before."""
    undelivered: bool = False
    """It is done, and whether its video was ever seen is not known."""


@dataclass(frozen=True, slots=True)
class NothingToDo:
    """The job is finished, or there is no such job; told of, its message can go."""

    status: JobStatus | None
    untold: Untold | None = None


Claim = Claimed | Unreadable | HeldByAnother | NotDue | NothingToDo


class JobStore(Protocol):
    """The worker's view of the table of jobs; every write is fenced.

    A write may be repeated, since the answer to it may get lost after it was carried out: it knows
    its own deed by attempt, states and values, answers True again and changes nothing more.
    """

    async def claim(self, job_id: UUID, *, worker: str, lease_s: float) -> Claim: ...

    async def renew_leases(
        self, fences: Collection[tuple[UUID, int]], *, lease_s: float
    ) -> frozenset[UUID]:
        """Prolong the leases of (job id, attempt) pairs in one statement; tell which still hold."""
        ...

    async def release(self, fences: Collection[tuple[UUID, int]]) -> int:
        """Hand jobs over: end their leases without counting a loss and put them into the outbox."""
        ...

    async def store_script(self, fence: Fence, script: Script) -> bool: ...

    async def start_submitting(self, fence: Fence, *, may_reach_provider: bool) -> bool:
        """Scripting -> submitting. With `may_reach_provider`, count a submission before it is made.

        One that stands there already without a task is counted as an orphan.
        False there means that a provider task is stored already and none will be created.
        """
        ...

    async def count_resubmission(self, fence: Fence, *, number: int) -> bool:
        """Mark that a lost submission is repeated: the `number`th of its job, and an orphan."""
        ...

    async def store_task(self, fence: Fence, task: ProviderTask) -> bool:
        """Submitting -> rendering."""
        ...

    async def start_fetching(self, fence: Fence) -> bool: ...

    async def count_fetch_failure(self, fence: Fence, failures: FetchFailures) -> bool:
        """Remember how many downloads of the finished video broke off, the last one included."""
        ...

    async def start_delivering(self, fence: Fence) -> bool:
        """Fetching -> delivering; sets `delivery_began_at`, which stays set.

        The video is here, so what broke off before counts no more.
        """
        ...

    async def mark_fallback_sent(self, fence: Fence) -> bool:
        """Record, before it is sent, that the video goes out as a new message."""
        ...

    async def mark_parked_notice(self, fence: Fence) -> bool: ...

    async def finish(self, fence: Fence, *, result_file_id: str | None, undelivered: bool) -> bool:
        """Delivering -> done. One that came anew needs no word beside it."""
        ...

    async def mark_told(self, job_id: UUID, *, attempt: int, reached: bool = True) -> bool:
        """Remember that the user knows how the job ended; False when it has not, or goes on.

        `reached` False: he has blocked the bot, and is told when he comes back.
        """
        ...

    async def postpone(
        self,
        fence: Fence,
        *,
        after_s: float,
        reason: str,
        failure: ClassifiedFailure | None = None,
        new_task: bool = False,
        unshown: bool = False,
    ) -> bool:
        """Running -> queued, due after `after_s`. With a failure it counts as one of the tries.

        `new_task` forgets the provider's task: only after the provider said that it failed. Without
        a task it takes back the last submission: only after that was refused without doubt.
        `unshown` takes back that the delivery began: only where no request for it went out.
        """
        ...

    async def fail(self, fence: Fence, failure: ClassifiedFailure) -> bool:
        """-> failed, with the refund and the words of the failure, in one transaction."""
        ...


HEALTHY = "healthy"


class KeyStore(Protocol):
    """Health of the provider keys and the sliding window of each account, shared by the fleet."""

    async def register(self, keys: Sequence[ProviderKey]) -> None:
        """Make keys and their accounts known; a new key wakes the jobs that wait for one."""
        ...

    async def take(
        self, fingerprints: Collection[str], *, window_s: float, limit: int
    ) -> KeyAnswer: ...

    async def usable(self, fingerprints: Collection[str]) -> KeyUsable | AllBlocked:
        """Name a healthy key without taking it: for requests that no window counts."""
        ...

    async def block(self, fingerprint: str, *, for_s: float, reason: str) -> None:
        """Let a key rest, and with it all keys of its account but for a key that is not known."""
        ...

    async def states(self, fingerprints: Collection[str]) -> Mapping[str, str]:
        """Tell of each key that is known HEALTHY, or why it rests."""
        ...


class TemplateStore(Protocol):
    async def templates(self) -> Sequence[Template]:
        """List the active templates in menu order."""
        ...

    async def template(self, template_id: str) -> Template | None:
        """Find one, active or not: an accepted order keeps its template."""
        ...
