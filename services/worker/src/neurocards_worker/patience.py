"""A JobStore that waits while PostgreSQL is away, for writes that follow a deed.

An order that was given, a video that was shown: forgetting either because the database was away
for a moment would cost a second one. The fence still holds after the wait, or the answer is False.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Collection
from typing import TypeVar
from uuid import UUID

import structlog

from neurocards.domain.failures import ClassifiedFailure
from neurocards.domain.fetching import FetchFailures
from neurocards.domain.jobs import Fence, ProviderTask
from neurocards.domain.script import Script
from neurocards.errors import StoreUnavailableError
from neurocards.ports.jobs import Claim, JobStore
from neurocards_worker.moments import Moments

FIRST_PAUSE_S = 0.2
PAUSE_S_MAX = 5.0

log = structlog.get_logger(__name__)
T = TypeVar("T")


class PatientJobStore:
    """Claims, renewals and releases are not repeated: they have a rhythm of their own."""

    def __init__(self, jobs: JobStore, *, moments: Moments) -> None:
        self._jobs = jobs
        self._moments = moments

    async def claim(self, job_id: UUID, *, worker: str, lease_s: float) -> Claim:
        return await self._jobs.claim(job_id, worker=worker, lease_s=lease_s)

    async def renew_leases(
        self, fences: Collection[tuple[UUID, int]], *, lease_s: float
    ) -> frozenset[UUID]:
        return await self._jobs.renew_leases(fences, lease_s=lease_s)

    async def release(self, fences: Collection[tuple[UUID, int]]) -> int:
        return await self._jobs.release(fences)

    async def store_script(self, fence: Fence, script: Script) -> bool:
        return await self._until_stored(lambda: self._jobs.store_script(fence, script))

    async def start_submitting(self, fence: Fence, *, may_reach_provider: bool) -> bool:
        return await self._until_stored(
            lambda: self._jobs.start_submitting(fence, may_reach_provider=may_reach_provider)
        )

    async def count_resubmission(self, fence: Fence, *, number: int) -> bool:
        return await self._until_stored(lambda: self._jobs.count_resubmission(fence, number=number))

    async def store_task(self, fence: Fence, task: ProviderTask) -> bool:
        return await self._until_stored(lambda: self._jobs.store_task(fence, task))

    async def start_fetching(self, fence: Fence) -> bool:
        return await self._until_stored(lambda: self._jobs.start_fetching(fence))

    async def count_fetch_failure(self, fence: Fence, failures: FetchFailures) -> bool:
        return await self._until_stored(lambda: self._jobs.count_fetch_failure(fence, failures))

    async def start_delivering(self, fence: Fence) -> bool:
        return await self._until_stored(lambda: self._jobs.start_delivering(fence))

    async def mark_fallback_sent(self, fence: Fence) -> bool:
        return await self._until_stored(lambda: self._jobs.mark_fallback_sent(fence))

    async def mark_parked_notice(self, fence: Fence) -> bool:
        return await self._until_stored(lambda: self._jobs.mark_parked_notice(fence))

    async def finish(self, fence: Fence, *, result_file_id: str | None, undelivered: bool) -> bool:
        return await self._until_stored(
            lambda: self._jobs.finish(fence, result_file_id=result_file_id, undelivered=undelivered)
        )

    async def mark_told(self, job_id: UUID, *, attempt: int, reached: bool = True) -> bool:
        return await self._until_stored(
            lambda: self._jobs.mark_told(job_id, attempt=attempt, reached=reached)
        )

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
        return await self._until_stored(
            lambda: self._jobs.postpone(
                fence,
                after_s=after_s,
                reason=reason,
                failure=failure,
                new_task=new_task,
                unshown=unshown,
            )
        )

    async def fail(self, fence: Fence, failure: ClassifiedFailure) -> bool:
        return await self._until_stored(lambda: self._jobs.fail(fence, failure))

    async def _until_stored(self, write: Callable[[], Awaitable[T]]) -> T:
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                return await write()
            except StoreUnavailableError as error:
                log.warning("store.away", reason=str(error), again_in_s=round(pause_s, 1))
                await self._moments.sleep(pause_s * random.uniform(0.5, 1.5))
                pause_s = min(PAUSE_S_MAX, 2 * pause_s)
