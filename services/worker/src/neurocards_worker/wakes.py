"""Words that may make a waiting job look at once: a provider has called back.

They may get lost, come twice or lie; whoever is woken looks for himself. One that comes while
nobody waits for it is kept: its job may be between two waits, or wait for the answer to the very
order that the word is about.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from uuid import UUID

WAKE_SUBJECTS = "wake.render.*"
JOBS_KEPT_MAX = 10_000
"""Every worker hears the words for all jobs of the fleet; the oldest are forgotten."""
WORDS_KEPT_PER_JOB_MAX = 4


class RenderWakes:
    """Jobs of this process that wait, and the task ids that were told of them and of others."""

    def __init__(self, *, jobs_kept_max: int = JOBS_KEPT_MAX) -> None:
        self._jobs_kept_max = jobs_kept_max
        self._waiting: dict[UUID, asyncio.Future[str]] = {}
        self._kept: OrderedDict[UUID, dict[str, None]] = OrderedDict()

    def on_hint(self, subject: str, payload: bytes) -> None:
        """Take a hint `wake.render.<job id>`, its payload a task id or nothing."""
        try:
            job_id = UUID(subject.rpartition(".")[2])
            task_id = payload.decode()
        except ValueError:
            return
        waiting = self._waiting.get(job_id)
        if waiting is not None and not waiting.done():
            waiting.set_result(task_id)
        else:
            self._keep(job_id, task_id)

    async def wait(self, job_id: UUID, *, timeout_s: float) -> str | None:
        """Wait for a hint about the job; its task id ("" if it names none), None without one.

        A hint that came since the last wait is given at once.
        """
        kept = self._take(job_id)
        if kept is not None:
            return kept
        waiting: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._waiting[job_id] = waiting
        try:
            async with asyncio.timeout(timeout_s):
                return await waiting
        except TimeoutError:
            return None
        finally:
            if self._waiting.get(job_id) is waiting:
                del self._waiting[job_id]

    def _keep(self, job_id: UUID, task_id: str) -> None:
        words = self._kept.setdefault(job_id, {})
        words[task_id] = None
        if len(words) > WORDS_KEPT_PER_JOB_MAX:
            del words[next(iter(words))]
        self._kept.move_to_end(job_id)
        if len(self._kept) > self._jobs_kept_max:
            self._kept.popitem(last=False)

    def _take(self, job_id: UUID) -> str | None:
        words = self._kept.get(job_id)
        if words is None:
            return None
        task_id = next(iter(words))
        del words[task_id]
        if not words:
            del self._kept[job_id]
        return task_id
