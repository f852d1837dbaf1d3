"""What a scaler needs of the outside: the signals of a pool, and a place to keep its decisions.

The moments of a reading are those of the database's clock, which is the one that orders are stamped
with; `PoolGatherer` makes the clock of a decision fit to it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from neurocards.domain.scaling_memory import Memory
from neurocards.domain.scaling_policy import ScalingPolicy
from neurocards.domain.scaling_signals import Observation

SCALING_SUBJECTS = "wake.scaling.*"


def scaling_subject(pool: str) -> str:
    """Give the subject of the hint that orders came into a pool, or that jobs of it ended."""
    return f"wake.scaling.{pool}"


@dataclass(frozen=True, slots=True)
class PoolSignals:
    """One reading of a pool; counts are jobs, `arrived`, `started` and `late` those since a moment.

    `at` is in whole milliseconds, so a memory that keeps it counts each job once.
    """

    at: datetime
    queued: int
    running: int
    mean_wait_s: float
    oldest_wait_s: float
    arrived: int
    started: int
    late: int
    unsent: int
    """In the outbox: accepted, and not in the stream yet."""


@dataclass(frozen=True, slots=True)
class ProviderAccounts:
    known: int
    healthy: int


class SignalSource(Protocol):
    """The database, as a scaler sees it. Every method raises StoreUnavailableError."""

    async def signals(
        self, pool: str, *, since: datetime | None, wait_s: float | None
    ) -> PoolSignals:
        """Read a pool; count from `since` (None: nothing), late is who waited over `wait_s`."""
        ...

    async def service_times(self) -> Mapping[str, float]:
        """Tell the mean seconds that a job lately was in a slot, by pool."""
        ...

    async def provider_accounts(self) -> ProviderAccounts: ...

    async def arrival_counts(
        self, *, from_bucket: int, to_bucket: int, bucket_s: int
    ) -> Mapping[str, Mapping[int, int]]:
        """Count arrivals by pool and bucket, in the buckets from one to before the other."""
        ...

    async def jobs_by_worker(self, pool: str) -> Mapping[str, int]:
        """Tell how many jobs each worker holds now, by the name that it leases under."""
        ...


class BacklogSource(Protocol):
    async def backlog(self, pool: str) -> tuple[int, int]:
        """Tell how many messages wait and how many are held; QueueUnavailableError."""
        ...


@dataclass(frozen=True, slots=True)
class Trouble:
    """A source that could not be read; `source` is `postgres` or `nats`."""

    source: str
    reason: str


@dataclass(frozen=True, slots=True)
class Gathered:
    """What a decision is made of, and when it is made: `now` by the clock of the database.

    `memory` is the one to decide with. What could not be read stands in `troubles`; then the
    observation is the last one that could, and its age says so.
    """

    observation: Observation
    memory: Memory
    now: datetime
    troubles: tuple[Trouble, ...] = ()


class Gatherer(Protocol):
    """Reads one pool for one policy's decisions; keeps its last reading for times of trouble."""

    async def gather(
        self,
        policy: ScalingPolicy,
        memory: Memory,
        *,
        replicas: int,
        start_s: float | None = None,
        fixed_slots: int = 0,
    ) -> Gathered:
        """Read everything that `policy` decides by; never raises for what is away.

        `replicas`: of the target, read live. `fixed_slots`: jobs that others carry, whom this
        policy does not scale.
        """
        ...


@dataclass(frozen=True, slots=True)
class RecordedDecision:
    """A decision that changed a number, as it is kept; `details` is a tree of JSON values."""

    decided_at: datetime
    namespace: str
    name: str
    pool: str
    mode: str
    replicas_before: int
    replicas: int
    reason: str
    message: str
    details: Mapping[str, Any]


class DecisionJournal(Protocol):
    async def record(self, decision: RecordedDecision) -> None:
        """Keep it for 30 days; StoreUnavailableError."""
        ...

    async def last(self, namespace: str, name: str, *, limit: int) -> Sequence[RecordedDecision]:
        """Give the newest decisions, the newest first; StoreUnavailableError."""
        ...
