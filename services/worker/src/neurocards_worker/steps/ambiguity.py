"""An order whose answer was lost: was it taken, and under which task id?

The provider has no list of tasks and no key against doubles. But it calls back, to an address that
only we can have signed, and it remembers that address: so a task id that comes with a callback is
ours when recordInfo shows our signature for this job. A callback may come once only, so a task id
that cannot be read at that moment is looked at again.

An earlier order of this job has our signature as well. It was forgotten because it had failed, so a
task that failed is the lost one only where no order can have failed before.
"""

from __future__ import annotations

from datetime import timedelta
from enum import Enum, auto
from typing import Protocol
from uuid import UUID

import structlog

from neurocards.domain.callbacks import is_our_address
from neurocards.domain.jobs import Job, ProviderTask
from neurocards.errors import ProviderError
from neurocards.ports.providers import Render, RenderState, VideoProvider
from neurocards_worker.key_gate import KeyGate
from neurocards_worker.logged_words import logged_words
from neurocards_worker.moments import Moments

log = structlog.get_logger(__name__)


NAMED_MAX = 8
"""Task ids of one job that are looked at; more than two orders of a job there never are."""


class Wakes(Protocol):
    async def wait(self, job_id: UUID, *, timeout_s: float) -> str | None: ...


class LostOrder:
    def __init__(
        self,
        provider: VideoProvider,
        gate: KeyGate,
        wakes: Wakes,
        *,
        secret: bytes | None,
        wait_s: float,
        look_again_s: float,
        moments: Moments,
    ) -> None:
        """`secret` is None where the provider cannot call back: then waiting brings nothing.

        `look_again_s`: between two looks at a task that was named and could not be read.
        """
        self._provider = provider
        self._gate = gate
        self._wakes = wakes
        self._secret = secret
        self._wait_s = wait_s
        self._look_again_s = look_again_s
        self._moments = moments

    async def find(self, job: Job) -> ProviderTask | None:
        """Wait for word of the task until `wait_s` after the submission; None without any."""
        if self._secret is None:
            return None
        now, wait = self._moments.now(), timedelta(seconds=self._wait_s)
        # The submission was timed by the clock of the database, which may be ahead of ours.
        until = min(job.submitted_at or now, now) + wait
        named: dict[str, None] = {}
        while (left_s := (until - self._moments.now()).total_seconds()) > 0:
            wait_s = min(left_s, self._look_again_s) if named else left_s
            task_id = await self._wakes.wait(job.id, timeout_s=wait_s)
            if task_id:
                _remember(named, task_id)
            for candidate in [task_id] if task_id else list(named):
                verdict = await self._judge(job, candidate, self._secret)
                if isinstance(verdict, ProviderTask):
                    return verdict
                if verdict is _Verdict.NOT_OURS:
                    del named[candidate]
        return None

    async def _judge(self, job: Job, task_id: str, secret: bytes) -> ProviderTask | _Verdict:
        """Ask with every key, since nobody remembers which one the order was given with."""
        for key in self._gate.keys:
            try:
                render = await self._provider.render(key, task_id)
            except ProviderError as error:
                reason = logged_words(error.failure, job)
                log.warning("submit.hint_unread", job_id=str(job.id), reason=reason)
                continue
            if render.state is RenderState.UNKNOWN_TASK:
                continue
            attempt = attempt_of_address(job, render.callback_url, secret)
            if attempt is not None and not _may_be_of_a_retry(job, render, attempt):
                log.info("submit.found", job_id=str(job.id), task_id=task_id)
                name, model = self._provider.name, self._provider.model
                return ProviderTask(name, model, task_id, key.fingerprint)
            log.warning("submit.hint_not_ours", job_id=str(job.id), task_id=task_id)
            return _Verdict.NOT_OURS
        return _Verdict.UNREAD


class _Verdict(Enum):
    NOT_OURS = auto()
    UNREAD = auto()
    """No key could read it now: the provider is away, or does not show the task yet."""


def _remember(named: dict[str, None], task_id: str) -> None:
    """Keep a task id that was named; of too many the oldest goes."""
    named[task_id] = None
    if len(named) > NAMED_MAX:
        del named[next(iter(named))]


def _may_be_of_a_retry(job: Job, render: Render, attempt: int) -> bool:
    """Tell whether the task may be one that failed before and was forgotten for another one.

    A task is forgotten only by a failure that counts, and that ends the claim: whatever was ordered
    in this one is still looked for.
    """
    return render.state is RenderState.FAILED and job.tries > 0 and attempt < job.attempt


def attempt_of_address(job: Job, callback_url: str | None, secret: bytes) -> int | None:
    """Tell in which attempt of this job we signed the callback address; None if in none so far."""
    parts = (callback_url or "").split("/")[-3:]
    if len(parts) != 3 or parts[0] != str(job.id) or not parts[1].isdecimal():  # noqa: PLR2004
        return None
    attempt = int(parts[1][:9])
    is_ours = attempt <= job.attempt and is_our_address(secret, job.id, attempt, parts[2])
    return attempt if is_ours else None
