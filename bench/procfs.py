"""What processes cost, from the kernel's own books (/proc): CPU time and memory.

Invariant: a server counts with everything below it, those children that have ended included.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from neurocards_sandbox.embedded.processes import descendants

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_USER_TIME = 11
"""Where utime stands in /proc/PID/stat after the name; stime, cutime and cstime follow."""


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes of a process and all below it. PSS shares out what several processes map."""

    rss: int
    pss: int
    private: int


def cpu_s(pid: int) -> float:
    """Tell the CPU seconds that a process and everything below it have used so far."""
    own = _times(pid)
    below = sum(sum(_times(child)[:2]) for child in descendants(pid))
    return (sum(own) + below) / _TICKS_PER_S


def memory(pid: int) -> Memory:
    """Read the memory of a process and everything below it."""
    parts = [_rollup(process) for process in (pid, *descendants(pid))]
    return Memory(
        rss=sum(part.get("Rss", 0) for part in parts),
        pss=sum(part.get("Pss", 0) for part in parts),
        private=sum(part.get("Private_Clean", 0) + part.get("Private_Dirty", 0) for part in parts),
    )


def _times(pid: int) -> tuple[int, int, int, int]:
    try:
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0, 0, 0, 0
    user, system, children_user, children_system = (
        int(word) for word in words[_USER_TIME : _USER_TIME + 4]
    )
    return user, system, children_user, children_system


def _rollup(pid: int) -> dict[str, int]:
    sizes: dict[str, int] = {}
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    except OSError:
        return sizes
    for line in lines:
        name, _, rest = line.partition(":")
        amount = rest.split()
        if amount and amount[-1] == "kB":
            sizes[name] = int(amount[0]) * 1024
    return sizes
