"""JobStore and TemplateStore in memory."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from uuid import UUID

from neurocards.domain.failures import ClassifiedFailure, FailureClass, FailureSource
from neurocards.domain.fetching import NOTHING_BROKE_OFF, FetchFailures
from neurocards.domain.jobs import Fence, JobStatus, ProviderTask
from neurocards.domain.orders import Template
from neurocards.domain.script import Script
from neurocards.ports.jobs import (
    Claim,
    Claimed,
    HeldByAnother,
    NotDue,
    NothingToDo,
    Unreadable,
    Untold,
)
from neurocards.testing.database import JobRecord, MemoryDatabase


class MemoryJobStore:
    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def claim(self, job_id: UUID, *, worker: str, lease_s: float) -> Claim:
        record = self._database.jobs.get(job_id)
        if record is None:
            return NothingToDo(None)
        refusal = self._refusal(record)
        if refusal is not None:
            return refusal
        record.attempt += 1
        if record.leased_by is not None:
            record.lease_losses += 1
        if record.status is JobStatus.QUEUED:
            record.move(JobStatus.SCRIPTING)
        record.lease_until = self._database.later(lease_s)
        record.leased_by = worker
        record.retry_at = record.postponed_reason = None
        if record.unreadable is not None:
            return Unreadable(record.as_job(), record.unreadable)
        return Claimed(record.as_job())

    def _refusal(self, record: JobRecord) -> Claim | None:
        now = self._database.clock.now()
        if record.status.is_terminal:
            return NothingToDo(record.status, _untold(record) if record.told_at is None else None)
        if record.retry_at is not None and record.retry_at > now:
            return NotDue((record.retry_at - now).total_seconds())
        if record.lease_until is not None and record.lease_until > now:
            return HeldByAnother((record.lease_until - now).total_seconds())
        return None

    async def renew_leases(
        self, fences: Collection[tuple[UUID, int]], *, lease_s: float
    ) -> frozenset[UUID]:
        held = self._held(fences)
        for record in held:
            record.lease_until = self._database.later(lease_s)
        return frozenset(record.id for record in held)

    async def release(self, fences: Collection[tuple[UUID, int]]) -> int:
        held = self._held(fences)
        for record in held:
            record.lease_until = self._database.clock.now()
            record.leased_by = None
            self._database.announce(record)
        return len(held)

    async def store_script(self, fence: Fence, script: Script) -> bool:
        record = self._fenced(fence)
        if record is None:
            return False
        record.script = script
        return True

    async def start_submitting(self, fence: Fence, *, may_reach_provider: bool) -> bool:
        if self._is_done(fence, JobStatus.SCRIPTING, JobStatus.SUBMITTING):
            return True
        record = self._fenced(fence, JobStatus.SCRIPTING)
        if record is None:
            return False
        record.move(JobStatus.SUBMITTING)
        if may_reach_provider:
            record.orphans += 1 if record.submissions > 0 else 0
            record.submissions += 1
            record.submitted_at = self._database.clock.now()
        return True

    async def count_resubmission(self, fence: Fence, *, number: int) -> bool:
        record = self._fenced(fence, JobStatus.SUBMITTING)
        if record is None or record.submissions not in (number - 1, number):
            return False
        if record.submissions < number:
            record.submissions = number
            record.orphans += 1
            record.submitted_at = self._database.clock.now()
        return True

    async def store_task(self, fence: Fence, task: ProviderTask) -> bool:
        done = self._is_done(fence, JobStatus.SUBMITTING, JobStatus.RENDERING)
        if done is not None and done.task is not None and done.task.task_id == task.task_id:
            return True
        record = self._fenced(fence, JobStatus.SUBMITTING)
        if record is None:
            return False
        record.move(JobStatus.RENDERING)
        record.task = task
        return True

    async def start_fetching(self, fence: Fence) -> bool:
        if not self._advance(fence, JobStatus.RENDERING, JobStatus.FETCHING):
            return False
        record = self._database.jobs[fence.job_id]
        record.rendered_at = record.rendered_at or self._database.clock.now()
        return True

    async def count_fetch_failure(self, fence: Fence, failures: FetchFailures) -> bool:
        record = self._fenced(fence)
        if record is None or record.status not in (JobStatus.FETCHING, JobStatus.DELIVERING):
            return False
        record.fetch_failures = failures
        return True

    async def start_delivering(self, fence: Fence) -> bool:
        if not self._advance(fence, JobStatus.FETCHING, JobStatus.DELIVERING):
            return False
        record = self._database.jobs[fence.job_id]
        record.delivery_began_at = record.delivery_began_at or self._database.clock.now()
        record.fetch_failures = NOTHING_BROKE_OFF
        return True

    async def mark_fallback_sent(self, fence: Fence) -> bool:
        record = self._fenced(fence)
        if record is None:
            return False
        record.fallback_sent_at = record.fallback_sent_at or self._database.clock.now()
        return True

    async def mark_parked_notice(self, fence: Fence) -> bool:
        record = self._fenced(fence)
        if record is None:
            return False
        record.parked_notice_at = record.parked_notice_at or self._database.clock.now()
        return True

    async def finish(self, fence: Fence, *, result_file_id: str | None, undelivered: bool) -> bool:
        done = self._is_done(fence, JobStatus.DELIVERING, JobStatus.DONE)
        if done is not None:
            same = (done.result_file_id, done.undelivered_at is not None)
            return same == (result_file_id, undelivered)
        record = self._fenced(fence, JobStatus.DELIVERING)
        if record is None:
            return False
        record.result_file_id = result_file_id
        record.undelivered_at = self._database.clock.now() if undelivered else None
        self._database.end(record, JobStatus.DONE)
        record.error_class = record.error_code = record.error_text = None
        return True

    async def mark_told(self, job_id: UUID, *, attempt: int, reached: bool = True) -> bool:
        record = self._database.jobs.get(job_id)
        if record is None or record.attempt != attempt or not record.status.is_terminal:
            return False
        now = self._database.clock.now()
        record.told_at = record.told_at or now
        if reached:
            record.notice_sent_at = record.notice_sent_at or now
        record.unreached_at = None if reached else record.unreached_at or now
        return True

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
        done = self._is_done(fence, fence.status, JobStatus.QUEUED)
        if done is not None and fence.status.is_running:
            return done.postponed_reason == reason
        record = self._fenced(fence)
        if record is None or not record.status.is_running:
            return False
        record.move(JobStatus.QUEUED)
        record.lease_until = record.leased_by = None
        record.retry_at = self._database.later(after_s)
        record.postponed_reason = reason
        if failure is not None:
            record.tries += 1
            _note(record, failure)
        if new_task:
            record.submissions = 0 if record.task else max(0, record.submissions - 1)
            record.task = record.rendered_at = None
            record.fetch_failures = NOTHING_BROKE_OFF
        if unshown:
            record.delivery_began_at = None
        return True

    async def fail(self, fence: Fence, failure: ClassifiedFailure) -> bool:
        done = self._is_done(fence, fence.status, JobStatus.FAILED)
        if done is not None and not fence.status.is_terminal:
            return (done.error_class, done.error_code) == (failure.failure_class, failure.code)
        record = self._fenced(fence)
        if record is None or record.status.is_terminal:
            return False
        self._database.end(record, JobStatus.FAILED)
        _note(record, failure)
        self._database.refund(record)
        return True

    def _advance(self, fence: Fence, before: JobStatus, after: JobStatus) -> bool:
        if self._is_done(fence, before, after):
            return True
        record = self._fenced(fence, before)
        if record is None:
            return False
        record.move(after)
        return True

    def _is_done(self, fence: Fence, before: JobStatus, after: JobStatus) -> JobRecord | None:
        """Find the job when this very step was made before, under this attempt."""
        record = self._database.jobs.get(fence.job_id)
        if record is None or record.attempt != fence.attempt or fence.status is not before:
            return None
        made = (record.previous_status, record.status) == (before, after)
        return record if made else None

    def _fenced(self, fence: Fence, status: JobStatus | None = None) -> JobRecord | None:
        record = self._database.jobs.get(fence.job_id)
        if record is None or (record.attempt, record.status) != (fence.attempt, fence.status):
            return None
        return record if status in (None, record.status) else None

    def _held(self, fences: Collection[tuple[UUID, int]]) -> list[JobRecord]:
        records = ((self._database.jobs.get(job_id), attempt) for job_id, attempt in fences)
        return [
            record
            for record, attempt in records
            if record is not None and record.attempt == attempt and record.leased_by is not None
        ]


class MemoryTemplateStore:
    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def templates(self) -> Sequence[Template]:
        return sorted(self._database.templates.values(), key=lambda t: (t.position, t.id))

    async def template(self, template_id: str) -> Template | None:
        return self._database.templates.get(template_id)


def _note(record: JobRecord, failure: ClassifiedFailure) -> None:
    record.error_class = failure.failure_class.value
    record.error_code = failure.code
    record.error_text = failure.text
    record.error_source = failure.source.value


def _untold(record: JobRecord) -> Untold:
    failure = None
    if record.status is JobStatus.FAILED:
        failure = ClassifiedFailure(
            FailureClass(record.error_class or FailureClass.UNKNOWN),
            record.error_code or "",
            record.error_text or "",
            FailureSource(record.error_source or FailureSource.NEUROCARDS),
        )
    return Untold(
        job=record.as_job(),
        finished_at=record.finished_at or record.created_at,
        failure=failure,
        notice_sent=record.notice_sent_at is not None,
        undelivered=record.undelivered_at is not None,
    )
