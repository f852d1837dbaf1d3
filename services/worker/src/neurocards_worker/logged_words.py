"""What may stand in a log line of words that came from outside.

A provider's words help whoever reads the log, and may quote what the user wrote: so they are cut,
and every word that stands in the order or in its script is masked, wherever and however much of it
is quoted. What a model wrote itself is not logged at all. In full they stand in the job's row.
Pure.
"""

from __future__ import annotations

import re

from neurocards.domain.failures import ClassifiedFailure, Failure
from neurocards.domain.jobs import Job

CHARACTERS_MAX = 160
READ_CHARACTERS_MAX = 2000
MASK = "…"
REFUSAL_CODE = "refusal"
REFUSAL_WORDS = "(in the words of the model)"

_WORD = re.compile(r"\w{3,}")
_MASKS = re.compile(rf"{MASK}(?:\W{{0,3}}{MASK})+")
# Quoted or not, they tell nothing of an order, and a line without them tells nothing at all.
_VOCABULARY = frozenset(
    _WORD.findall(
        """
        account again answer bad balance billing call can code connect connection content
        credits edited enough error exceeded exceeds exception failed field file for forbidden
        found frequency from gateway has have heavy high image input insufficient internal
        invalid key later limit load maintenance many message model moderation modified name
        network not null overloaded parse paused permission permissions please policy prompt
        quota rate reached readtimeout refused reply request requests required reset response
        retry server service system task text the this time timeout too unauthorized unavailable
        unknown unsupported upload url user validation violates violation was with wrong you
        your
        """
    )
)


def logged_words(failure: Failure | ClassifiedFailure, job: Job) -> str:
    """Give the words of a failure as they may be logged beside its class and code."""
    if failure.code == REFUSAL_CODE:
        return REFUSAL_WORDS
    return _masked(failure.text, job)


class BugError(Exception):
    """An exception as it may be logged: its message names the kind, and is masked."""


def logged_bug(error: BaseException, job: Job | None = None) -> BugError:
    """Give an exception that nobody expected, at its place, without the words of an order."""
    text = "" if job is None else _masked(str(error), job)
    return BugError(f"{type(error).__name__}: {text}").with_traceback(error.__traceback__)


def _masked(text: str, job: Job) -> str:
    private = _words_of(job) - _VOCABULARY
    flat = " ".join(text[:READ_CHARACTERS_MAX].split())
    masked = _WORD.sub(lambda found: MASK if found[0].casefold() in private else found[0], flat)
    return _MASKS.sub(MASK, masked)[:CHARACTERS_MAX]


def _words_of(job: Job) -> set[str]:
    texts = [job.order.caption]
    if job.script is not None:
        script = job.script
        texts += [script.title, *script.scenes, script.call_to_action, script.visual_direction]
    return {word.casefold() for text in texts for word in _WORD.findall(text)}
