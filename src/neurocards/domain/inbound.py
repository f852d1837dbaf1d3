"""How much one user may ask of one bot: the rule of a bucket that fills steadily.

It bounds what a flood of updates costs us, not what somebody may order: credits and drafts do
that. All replicas share one bucket per bot and user; the store keeps and decides it.
"""

from __future__ import annotations

from dataclasses import dataclass

UPDATE_COST = 1
PHOTO_COST = 3
"""A photo is fetched and looked at, by a process of its own."""

_SECONDS_PER_MINUTE = 60.0


@dataclass(frozen=True, slots=True)
class InboundLimit:
    """`burst` fits into a bucket at once; what was taken flows back with `per_minute`."""

    per_minute: int
    burst: int

    def __post_init__(self) -> None:
        if self.per_minute < 1 or self.burst < PHOTO_COST:
            raise ValueError(f"nobody could ever send a photo under {self}")

    @property
    def refill_s(self) -> float:
        """Seconds after which one unit has flown back."""
        return _SECONDS_PER_MINUTE / self.per_minute
