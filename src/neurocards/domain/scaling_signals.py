"""What is known of a pool at one moment: the input of a decision that is not policy or memory."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from neurocards.domain.forecast import Forecast

SERVICE_UNMEASURED_S = 300.0
"""How long a job is taken to be in a slot before one was measured."""
START_UNMEASURED_S = 15.0


@dataclass(frozen=True, slots=True)
class StreamReading:
    """What JetStream says: messages pending and in work, and the orders not published yet."""

    at: datetime
    jobs: int
    unsent: int = 0


@dataclass(frozen=True, slots=True)
class ProviderCapacity:
    """The createTask calls that all healthy keys together allow within a window."""

    creates: int
    window_s: float


@dataclass(frozen=True, slots=True)
class Observation:
    """One reading.

    Counts are jobs; `arrived`, `started` and `late` count from `Memory.counted_ms` to `at` (and
    are nothing when that is None).
    """

    at: datetime
    """When the database was read; how old that is decides about staleness."""
    replicas: int
    """`spec.replicas` of the target, read live."""
    queued: int
    """Due and in nobody's hands."""
    running: int
    """With a live lease."""
    mean_wait_s: float = 0.0
    """How long the queued ones have waited on average."""
    oldest_wait_s: float = 0.0
    service_s: float | None = None
    """Measured mean time of a job in a slot; None = none measured yet."""
    start_s: float | None = None
    """Measured time from a raised scale to a worker that takes jobs."""
    arrived: int = 0
    """Accepted."""
    started: int = 0
    """Taken for the first time."""
    late: int = 0
    """Those of `started` that had waited longer than the objective."""
    forecast: Forecast | None = None
    provider: ProviderCapacity | None = None
    stream: StreamReading | None = None
    """None = there is no stream beside the database, and nothing to compare with."""

    @property
    def demand(self) -> int:
        return self.queued + self.running

    @property
    def slot_s(self) -> float:
        return self.service_s or SERVICE_UNMEASURED_S
