"""When a service that fails is left alone, and when it is tried again: a circuit breaker.

Closed, every call goes through. Failures in a row open it: then no call goes through for a while.
After that one call may try (half open): its answer closes or opens it again. Pure: a breaker is a
value, the time comes as an argument in seconds of any clock that never goes back.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum


class BreakerState(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True)
class BreakerLimits:
    failures_max: int
    """So many in a row open it."""
    open_s: float
    """How long nobody calls."""
    probe_s: float
    """A call that tries and says nothing for so long is not waited for."""


@dataclass(frozen=True, slots=True)
class Breaker:
    state: BreakerState = BreakerState.CLOSED
    failures: int = 0
    """In a row."""
    until_s: float = 0.0
    """Open: when a call may try. Half open: until when the one that tries is waited for."""


@dataclass(frozen=True, slots=True)
class Passed:
    breaker: Breaker


@dataclass(frozen=True, slots=True)
class HeldBack:
    after_s: float
    """When it is worth asking again."""


def asked(breaker: Breaker, limits: BreakerLimits, *, now_s: float) -> Passed | HeldBack:
    """Tell whether a call may go through now."""
    if breaker.state is BreakerState.CLOSED:
        return Passed(breaker)
    if now_s < breaker.until_s:
        return HeldBack(breaker.until_s - now_s)
    tries = replace(breaker, state=BreakerState.HALF_OPEN, until_s=now_s + limits.probe_s)
    return Passed(tries)


def succeeded(_breaker: Breaker) -> Breaker:
    """Note an answer, be it a refusal: whoever answers is there."""
    return Breaker()


def failed(breaker: Breaker, limits: BreakerLimits, *, now_s: float) -> Breaker:
    """Note a call that the service failed; one that was begun before it opened changes nothing."""
    if breaker.state is BreakerState.OPEN:
        return breaker
    failures = breaker.failures + 1
    if breaker.state is BreakerState.CLOSED and failures < limits.failures_max:
        return replace(breaker, failures=failures)
    return Breaker(BreakerState.OPEN, failures, now_s + limits.open_s)


def abandoned(breaker: Breaker, *, now_s: float) -> Breaker:
    """Note a call that ended without an answer to be judged by: another one may try at once."""
    if breaker.state is not BreakerState.HALF_OPEN:
        return breaker
    return replace(breaker, until_s=now_s)
