"""What a worker's run over a job ended with. Workers return these; exceptions are for bugs."""

from __future__ import annotations

from dataclasses import dataclass

from neurocards.domain.failures import ClassifiedFailure


@dataclass(frozen=True, slots=True)
class Done:
    """The user has the video, or could not be given it because he blocked the bot."""

    undelivered: bool = False
    told: bool = True
    """He was told, as far as he can be; else whoever meets the job next tells him."""


@dataclass(frozen=True, slots=True)
class Retry:
    """A failure that counts: again after `after_s`, with one try less."""

    after_s: float
    failure: ClassifiedFailure
    new_task: bool = False
    """The provider said that its task failed, so the next try may pay for another one."""


@dataclass(frozen=True, slots=True)
class Snooze:
    """Nobody's failure: go on after `after_s`; uses up no try."""

    after_s: float
    reason: str
    tell_user: bool = False
    new_task: bool = False
    """The last order was refused without doubt: it does not stand at the provider."""


@dataclass(frozen=True, slots=True)
class GiveUp:
    """The job ends without a video; the user gets his credits back and is told why."""

    failure: ClassifiedFailure


@dataclass(frozen=True, slots=True)
class Undelivered:
    """Time is up for a video that may have been shown: the job is done and keeps its charge."""


@dataclass(frozen=True, slots=True)
class Lost:
    """Another worker, the user or the reaper owns the job now: stop and touch nothing."""


Outcome = Done | Retry | Snooze | GiveUp | Undelivered | Lost
