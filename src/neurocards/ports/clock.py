"""Time, as a thing that can be handed in."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Time, so that tests can own it."""

    def now(self) -> datetime:
        """Tell the moment, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Tell seconds that never jump."""
        ...
