"""The one place where a failure meets chance and settings: `verdict` stays pure."""

from __future__ import annotations

import random
from datetime import datetime

from neurocards.domain.failures import ClassifiedFailure, RetryDelays, classify
from neurocards.domain.jobs import Job
from neurocards.domain.outcomes import GiveUp, Outcome, Retry, Snooze
from neurocards.errors import ProviderError
from neurocards_worker.breakers import ServiceRestsError
from neurocards_worker.delivery_guard import without_refund
from neurocards_worker.verdicts import verdict, verdict_on_bug


class Trouble:
    def __init__(self, delays: RetryDelays, *, chance: random.Random | None = None) -> None:
        self._delays = delays
        self._chance = chance or random.Random()

    def outcome(
        self,
        failure: ClassifiedFailure,
        job: Job,
        *,
        retry_after_s: float | None = None,
        new_task: bool = False,
    ) -> Retry | GiveUp:
        return verdict(
            failure,
            job,
            jitter=self._jitter(),
            delays=self._delays,
            retry_after_s=retry_after_s,
            new_task=new_task,
        )

    def on_refusal(self, error: ProviderError, job: Job, *, new_task: bool = False) -> Outcome:
        """Judge an error of a provider; a call that was never made is nobody's failure."""
        if isinstance(error, ServiceRestsError):
            return Snooze(error.after_s, error.reason, new_task=new_task)
        return self.outcome(
            classify(error.failure), job, retry_after_s=error.retry_after_s, new_task=new_task
        )

    def on_bug(self, error: Exception, job: Job) -> Retry | GiveUp:
        return verdict_on_bug(error, job, jitter=self._jitter(), delays=self._delays)

    def spared(self, outcome: Outcome, job: Job, *, now: datetime) -> Outcome:
        """Give the outcome of a job whose video may have been shown."""
        return without_refund(outcome, job, now=now, retry_scale=self._delays.scale)

    def _jitter(self) -> float:
        return self._chance.uniform(-1, 1)
