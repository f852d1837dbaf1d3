"""An order whose answer was lost: was it taken, and under which task id?

The provider has no list of tasks and no key against doubles. But it calls back, to an address that
only we can have signed, and it remembers that address: so a task id that comes with a callback is
ours when recordInfo shows our signature for this job. A callback may come once only, so a task id
that cannot be read at that moment is looked at again.
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
from neurocards.ports.providers import RenderState, VideoProvider
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
        until = (job.submitted_at or self._moments.now()) + timedelta(seconds=self._wait_s)
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
            if is_address_of(job, render.callback_url, secret):
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


def is_address_of(job: Job, callback_url: str | None, secret: bytes) -> bool:
    """Tell whether a callback address was signed by us for this job, in any of its attempts."""
    parts = (callback_url or "").split("/")[-3:]
    if len(parts) != 3 or parts[0] != str(job.id) or not parts[1].isdecimal():  # noqa: PLR2004
        return False
    attempt = int(parts[1][:9])
    return attempt <= job.attempt and is_our_address(secret, job.id, attempt, parts[2])
