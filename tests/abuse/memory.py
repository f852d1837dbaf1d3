"""Does a process keep what it is sent? Pure: from measurements to a verdict.

A process that has just begun fills its caches and pools, so the first part of a run is a warm-up.
After it a straight line is laid through the measurements; what it climbs may be the noise of the
allocator and a little for each update, since some tables are bounded but not yet full.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

WARM_UP_SHARE = 0.4
NOISE_BYTES = 8 * 2**20
BYTES_PER_UPDATE = 256
MEASUREMENTS_MIN = 3


@dataclass(frozen=True, slots=True)
class Growth:
    """What a process grew by after the warm-up, by the line through its measurements."""

    climbed_bytes: int
    updates: int

    @property
    def allowed_bytes(self) -> int:
        return NOISE_BYTES + BYTES_PER_UPDATE * self.updates

    @property
    def is_bounded(self) -> bool:
        return self.climbed_bytes <= self.allowed_bytes


def growth(measured: Sequence[tuple[int, int]]) -> Growth:
    """Judge measurements: (updates sent so far, bytes of memory), in order."""
    warm = [at for at in measured if at[0] >= WARM_UP_SHARE * measured[-1][0]]
    if len(warm) < MEASUREMENTS_MIN:
        raise ValueError(f"{len(warm)} measurements say nothing")
    updates_mean = sum(updates for updates, _ in warm) / len(warm)
    bytes_mean = sum(size for _, size in warm) / len(warm)
    spread = sum((updates - updates_mean) ** 2 for updates, _ in warm)
    together = sum((updates - updates_mean) * (size - bytes_mean) for updates, size in warm)
    passed = warm[-1][0] - warm[0][0]
    return Growth(climbed_bytes=round(together / spread * passed), updates=passed)
