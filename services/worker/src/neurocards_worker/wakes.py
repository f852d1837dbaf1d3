"""Words that may make a waiting job look at once: a provider has called back.

They may get lost, come twice or lie; whoever is woken looks for himself.
"""

from __future__ import annotations

import asyncio
from uuid import UUID

WAKE_SUBJECTS = "wake.render.*"


class RenderWakes:
    """Jobs of this process that wait, and the task ids that were told of them."""

    def __init__(self) -> None:
        self._waiting: dict[UUID, asyncio.Future[str]] = {}

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

    async def wait(self, job_id: UUID, *, timeout_s: float) -> str | None:
        """Wait for a hint about the job; its task id ("" if it names none), None without one."""
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
