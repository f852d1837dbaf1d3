"""What may become of a job whose video may already stand in the chat: anything but a refund.

Pure. A video that was shown must not be paid back, and what fails on the way to a second showing
says nothing about the first. So the job goes round until Telegram answers, or until its deadline.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from neurocards.domain.jobs import Job
from neurocards.domain.outcomes import GiveUp, Outcome, Retry, Snooze, Undelivered

MAYBE_SHOWN_REASON = "maybe_shown"
MAYBE_SHOWN_SNOOZE_S = 60.0


def without_refund(outcome: Outcome, job: Job, *, now: datetime, retry_scale: float) -> Outcome:
    """Turn what would refund the job, or order it anew, into waiting and at last into an end."""
    in_time = now < job.deadline_at
    match outcome:
        case GiveUp():
            snooze = Snooze(MAYBE_SHOWN_SNOOZE_S * retry_scale, MAYBE_SHOWN_REASON)
            return snooze if in_time else Undelivered()
        case Retry(after_s):
            if in_time:
                return Snooze(after_s, MAYBE_SHOWN_REASON)
            return replace(outcome, new_task=False)
        case Snooze():
            return replace(outcome, new_task=False)
        case _:
            return outcome
