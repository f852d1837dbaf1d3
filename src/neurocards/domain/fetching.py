"""How often a finished video is asked for before it is given up. Pure.

The render is paid for and lies at the provider for days, so its download is repeated with longer
and longer pauses. But not for ever: an address that breaks off each time is used up, the provider
is asked for another one, and when that is used up as well the order is refunded.
"""

from __future__ import annotations

from dataclasses import dataclass

ADDRESSES_MAX = 2
"""Used-up addresses of one job; a provider may sign a new one for every look."""
PAUSE_S_FIRST = 30.0
PAUSE_S_MAX = 600.0


@dataclass(frozen=True, slots=True)
class FetchFailures:
    """Downloads of one job that broke off: from which address, from that one, from all of them.

    `address` is a fingerprint: whoever has the address itself has the video.
    """

    address: str = ""
    of_address: int = 0
    in_all: int = 0

    def with_one_of(self, address: str) -> FetchFailures:
        of_address = self.of_address + 1 if address == self.address else 1
        return FetchFailures(address, of_address, self.in_all + 1)

    def are_too_many(self, *, per_address: int) -> bool:
        """Tell whether the video is to be given up; each try has looked for its address anew."""
        return self.of_address >= per_address or self.in_all >= ADDRESSES_MAX * per_address

    @property
    def pause_s(self) -> float:
        """Tell how long to wait before the next try."""
        doublings = min(max(self.of_address, 1) - 1, 10)
        return min(PAUSE_S_MAX, PAUSE_S_FIRST * float(2**doublings))


NOTHING_BROKE_OFF = FetchFailures()
