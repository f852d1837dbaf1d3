"""What happened, in numbers, for tests that ask "was it paid for twice?"."""

from __future__ import annotations

from collections import Counter
from typing import Any

from neurocards_sandbox.kie.tasks import Task

NAMES = (
    "created",
    "succeeded",
    "failed",
    "record_info",
    "downloads",
    "uploads",
    "rejected",
    "rate_limited",
    "unauthorized",
    "out_of_credits",
    "replies_lost",
    "callbacks_sent",
    "callbacks_delivered",
    "callbacks_lost",
    "callbacks_failed",
    "telegram_urls",
)
COUNTED_KEYS_MAX = 200_000
_NAME_BY_CODE = {401: "unauthorized", 402: "out_of_credits", 429: "rate_limited"}


class Counters:
    def __init__(self) -> None:
        self._totals: Counter[str] = Counter(dict.fromkeys(NAMES, 0))
        self._created_by_callback: dict[str, int] = {}
        self._created_by_job: dict[str, int] = {}
        self._downloads_by_task: dict[str, int] = {}

    def add(self, name: str) -> None:
        self._totals[name] += 1

    def refused(self, code: int) -> None:
        self.add(_NAME_BY_CODE.get(code, "rejected"))

    def created(self, task: Task) -> None:
        self.add("created")
        _count(self._created_by_callback, task.callback_url)
        _count(self._created_by_job, task.job())
        # A Telegram file address holds the bot's token, so it must never come here.
        if any("/file/bot" in url for url in task.image_urls):
            self.add("telegram_urls")

    def downloaded(self, task_id: str) -> int:
        """Count a download and give how many there were before."""
        self.add("downloads")
        return _count(self._downloads_by_task, task_id)

    def listing(self) -> dict[str, Any]:
        by_job = self._created_by_job
        return {
            **self._totals,
            "created_by_callback": self._created_by_callback,
            "created_by_job": by_job,
            "duplicates": {job: count for job, count in by_job.items() if count > 1},
            "downloads_by_task": self._downloads_by_task,
        }

    def clear(self) -> None:
        self._totals = Counter(dict.fromkeys(NAMES, 0))
        for counts in (self._created_by_callback, self._created_by_job, self._downloads_by_task):
            counts.clear()


def _count(counts: dict[str, int], key: str | None) -> int:
    if key is None:
        return 0
    before = counts.get(key, 0)
    if before == 0 and len(counts) >= COUNTED_KEYS_MAX:
        counts.pop(next(iter(counts)))
    counts[key] = before + 1
    return before
