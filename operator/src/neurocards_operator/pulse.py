"""Whether the loops of this process still turn: each one says by when it will be heard of again.

A process that answers but does not work is restarted by its liveness probe. What is away (the
database, the API server) is no reason: every loop is heard of while it waits for them, too.
"""

from __future__ import annotations

from collections.abc import Hashable

from neurocards.ports.clock import Clock

PATIENCE = 3.0
"""A loop may be so many times later than it said."""
LATE_S_MIN = 30.0


class Pulse:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._expected_s: dict[Hashable, float] = {}

    def beat(self, loop: Hashable, *, again_within_s: float) -> None:
        """Say that a loop turned, and when it will again."""
        late_s = max(LATE_S_MIN, PATIENCE * again_within_s)
        self._expected_s[loop] = self._clock.monotonic() + late_s

    def ended(self, loop: Hashable) -> None:
        self._expected_s.pop(loop, None)

    def is_alive(self) -> bool:
        now_s = self._clock.monotonic()
        return all(now_s <= expected_s for expected_s in self._expected_s.values())
