"""The traffic that there was, to replay it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class RecordedJob:
    """`service_s` is how long it was in a slot; None where that was not measured undisturbed."""

    accepted_at: datetime
    service_s: float | None


class TrafficRecord(Protocol):
    async def jobs(self, pool: str, *, since_s: float, limit: int) -> Sequence[RecordedJob]:
        """Give the jobs of the last `since_s` seconds in the order of arrival, `limit` at most.

        Those that never needed a slot are left out. Raises StoreUnavailableError.
        """
        ...
