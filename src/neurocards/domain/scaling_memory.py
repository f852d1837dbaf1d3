"""What a decision must remember of the past, and its form in a status or a file.

Invariant: a memory that was written down and read again is equal to the one that was written, so
a restart forgets no hold, no idle time, no budget and no experience. What cannot be read is no
memory at all (`Memory()`), which is always safe: it holds first and scales down later.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from neurocards.domain.arrivals import LEVELS, PPM, RateBelief

MEMORY_VERSION = 1
HELD_MAX = 32
"""Former wishes that are kept; more are merged towards the higher and the later."""


@dataclass(frozen=True, slots=True)
class Held:
    """A former wish: `replicas` were wanted until `until_ms`."""

    replicas: int
    until_ms: int


@dataclass(frozen=True, slots=True)
class Memory:
    """All times are milliseconds since 1970 in UTC; None = has not happened."""

    evaluated_ms: int | None = None
    """When `decide` was called last."""
    counted_ms: int | None = None
    """Up to when arrivals and starts were counted: the next observation counts from here."""
    wish: int | None = None
    """What was wanted at the last call, before any limit."""
    highs: tuple[Held, ...] = ()
    """Former wishes above the present one, falling, each ending later than the one before."""
    lows: tuple[Held, ...] = ()
    """Former wishes below the present one, rising."""
    lowered_ms: int | None = None
    idle_since_ms: int | None = None
    contradictions: int = 0
    contradicted_ms: int | None = None
    budget_day: int | None = None
    """Days since 1970."""
    budget_used_ms: int = 0
    """Replica-milliseconds of that day."""
    rate_ms: int | None = None
    """Up to when `belief` knows the arrivals."""
    habit_ms: int | None = None
    belief: RateBelief = field(default_factory=RateBelief)
    price_log_ppm: int | None = None
    """Logarithm of the idle seconds that one late start is worth, in millionths."""

    def to_dict(self) -> dict[str, Any]:
        """Give a tree of JSON values."""
        tree = asdict(self)
        tree["belief"] = {"now": list(self.belief.now), "habit": list(self.belief.habit)}
        for name in ("highs", "lows"):
            tree[name] = [[held["replicas"], held["until_ms"]] for held in tree[name]]
        return {"version": MEMORY_VERSION, **tree}

    @classmethod
    def from_dict(cls, tree: object) -> Memory:
        """Read what `to_dict` gave; anything else is `Memory()`."""
        if not isinstance(tree, Mapping) or tree.get("version") != MEMORY_VERSION:
            return cls()
        names = {entry.name for entry in fields(cls)}
        try:
            values = {name: _value(name, tree[name]) for name in names}
        except (KeyError, TypeError, ValueError):
            return cls()
        return cls(**values)


_REQUIRED = frozenset({"contradictions", "budget_used_ms"})


def _value(name: str, value: Any) -> Any:
    if name in {"highs", "lows"}:
        return tuple(Held(_integer(replicas), _integer(until)) for replicas, until in value)
    if name == "belief":
        return RateBelief(_weights(value["now"]), _weights(value["habit"]))
    return None if value is None and name not in _REQUIRED else _integer(value)


def _integer(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError("no integer")
    return value


def _weights(values: Any) -> tuple[int, ...]:
    weights = tuple(_integer(value) for value in values)
    if len(weights) != LEVELS or min(weights) < 0 or not 0 < sum(weights) <= 2 * PPM:
        raise ValueError("no weights of rates")
    return weights


def remember_high(
    former: tuple[Held, ...], replicas: int, now_ms: int, hold_ms: int
) -> tuple[Held, ...]:
    """Add a wish that ended now to the falling list, without what it covers or what is over."""
    kept = [h for h in former if h.replicas > replicas and h.until_ms + hold_ms > now_ms]
    if len(kept) >= HELD_MAX:
        kept[:2] = [Held(kept[0].replicas, kept[1].until_ms)]
    return (*kept, Held(replicas, now_ms))


def remember_low(
    former: tuple[Held, ...], replicas: int, now_ms: int, hold_ms: int
) -> tuple[Held, ...]:
    """Add a wish that ended now to the rising list, without what it covers or what is over."""
    kept = [h for h in former if h.replicas < replicas and h.until_ms + hold_ms > now_ms]
    if len(kept) >= HELD_MAX:
        kept[:2] = [Held(kept[0].replicas, kept[1].until_ms)]
    return (*kept, Held(replicas, now_ms))
