"""One job in the hands of one worker: what is known of it now, and what must not be interrupted."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from neurocards.domain.jobs import Job
from neurocards.domain.outcomes import Outcome
from neurocards.ports.providers import VideoFacts

PHOTO_FILE_NAME = "photo.jpg"
VIDEO_FILE_NAME = "video.mp4"


class Uninterrupted:
    """Holds back a cancellation until what was begun has its answer.

    Entered around a paid order and around the words to a user that follow a commit: stopping in
    the middle of them would cost money or leave somebody without an answer.
    """

    __slots__ = ("_depth", "_task", "_wanted")

    def __init__(self) -> None:
        self._depth = 0
        self._wanted = False
        self._task: asyncio.Task[object] | None = None

    async def __aenter__(self) -> Self:
        self._depth += 1
        self._task = asyncio.current_task()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._depth -= 1
        if self._depth == 0 and self._wanted and self._task is not None:
            self._task.cancel()

    @property
    def is_busy(self) -> bool:
        return self._depth > 0

    def cancel(self, task: asyncio.Task[None]) -> None:
        """Cancel the task now, or as soon as it may be."""
        self._wanted = True
        if not self.is_busy:
            task.cancel()


@dataclass(slots=True)
class Run:
    """`job` is replaced after each write, so its fence is always the stored one."""

    job: Job
    uninterrupted: Uninterrupted = field(default_factory=Uninterrupted)
    folder: Path | None = None
    """Made when the first file is written; large files wait there, not in memory."""
    task_is_fresh: bool = False
    """The task was created by this run, so there is no hurry to look at it."""
    result_url: str | None = None
    video: VideoFacts | None = None
    unreadable: str | None = None
    """Why the order of the job cannot be read, where it cannot."""
    may_be_shown: bool = field(init=False)
    """An earlier run, or a request of this one without an answer, may have shown the video."""

    def __post_init__(self) -> None:
        self.may_be_shown = self.job.delivery_began_at is not None

    def file(self, name: str, *, work_folder: Path) -> Path:
        if self.folder is None:
            self.folder = Path(tempfile.mkdtemp(prefix="neurocards-job-", dir=work_folder))
        return self.folder / name

    def drop_files(self) -> None:
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder = None


class Step(Protocol):
    """A part of the way. It skips itself when its product is there already."""

    name: str

    async def run(self, run: Run) -> Outcome | None:
        """Give the outcome that ends this run over the job, or None to go on."""
        ...
