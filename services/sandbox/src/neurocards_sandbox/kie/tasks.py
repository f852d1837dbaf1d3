"""A task and what it looks like at a moment: pure, no clock and no storage of its own.

The state before the end is computed from the simulated time, not stored; the end itself is
stored, since rendering may take longer than the timeline says. Invariant: a task whose outcome
is set never changes again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from neurocards_sandbox.kie.faults import Stage
from neurocards_sandbox.kie.models import shows_progress

_UUID = re.compile(r"[0-9a-f]{8}(?:-?[0-9a-f]{4}){3}-?[0-9a-f]{12}", re.IGNORECASE)
WAITING_SHARE = 0.02
QUEUING_SHARE = 0.08
PROGRESS_BEFORE_END_MAX = 99


class TaskState(StrEnum):
    WAITING = "waiting"
    QUEUING = "queuing"
    GENERATING = "generating"
    SUCCESS = "success"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Timeline:
    """Moments in simulated Unix seconds."""

    created: float
    visible: float
    due: float

    def state_at(self, now: float) -> TaskState:
        share = (now - self.created) / max(self.due - self.created, 1e-9)
        if share < WAITING_SHARE:
            return TaskState.WAITING
        return TaskState.QUEUING if share < QUEUING_SHARE else TaskState.GENERATING

    def progress_at(self, now: float) -> int:
        share = (now - self.created) / max(self.due - self.created, 1e-9)
        return min(PROGRESS_BEFORE_END_MAX, max(0, int(share * 100)))


@dataclass(frozen=True, slots=True)
class Outcome:
    success: bool
    completed_ms: int
    result_json: str | None = None
    fail_code: str | None = None
    fail_message: str | None = None
    stored_as: str | None = None
    """Name of the file with the video; several tasks may share one."""


@dataclass(slots=True)
class Task:
    task_id: str
    model: str
    param: str
    """The whole create body as it came, as a JSON string."""
    prompt: str
    image_urls: tuple[str, ...]
    seconds: int
    aspect_ratio: str
    callback_url: str | None
    account: str
    key_fingerprint: str
    base_url: str
    created_ms: int
    credits: float
    timeline: Timeline
    faults: Mapping[str, str] = field(default_factory=dict)
    outcome: Outcome | None = None

    def fault(self, stage: Stage) -> str | None:
        return self.faults.get(stage)

    def job(self) -> str | None:
        """Give the job that the task was made for: the first UUID in an address of the order."""
        for url in (self.callback_url or "", *self.image_urls):
            if match := _UUID.search(url):
                return match[0].lower()
        return None

    def state_at(self, now: float) -> TaskState:
        if self.outcome is None:
            return self.timeline.state_at(now)
        return TaskState.SUCCESS if self.outcome.success else TaskState.FAIL


def record(task: Task, now: float, real_ms: int) -> dict[str, Any]:
    """Give the `data` of recordInfo at the simulated moment `now`."""
    state = task.state_at(now)
    outcome = task.outcome
    ended_ms = outcome.completed_ms if outcome else None
    data: dict[str, Any] = {
        "taskId": task.task_id,
        "model": task.model,
        "state": str(state),
        "param": task.param,
        "resultJson": outcome.result_json if outcome else None,
        "failCode": (outcome.fail_code if outcome else None) or "",
        "failMsg": (outcome.fail_message if outcome else None) or "",
        "costTime": ended_ms - task.created_ms if ended_ms is not None else None,
        "completeTime": ended_ms,
        "createTime": task.created_ms,
        "updateTime": ended_ms if ended_ms is not None else real_ms,
        "creditsConsumed": _credits_consumed(task, state),
    }
    if shows_progress(task.model):
        data["progress"] = 100 if state is TaskState.SUCCESS else task.timeline.progress_at(now)
    return data


def callback_body(task: Task, data: Mapping[str, Any]) -> bytes:
    """Give the body of a callback: recordInfo's reply under the code of the outcome."""
    failed = data["state"] == TaskState.FAIL
    body = {
        "code": 501 if failed else 200,
        "msg": "Playground task failed." if failed else "Playground task completed successfully.",
        "data": {**data, "taskId": task.task_id},
    }
    return json.dumps(body, ensure_ascii=False).encode()


def _credits_consumed(task: Task, state: TaskState) -> float:
    # A failed task is given its credits back, so it has consumed none.
    return task.credits if state is TaskState.SUCCESS else 0
