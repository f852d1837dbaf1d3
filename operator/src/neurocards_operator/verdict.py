"""From a decision to a write: what stands in the way of writing a number, and what it is. No I/O.

`decide` knows the pool; this knows the cluster. It never changes the number that was decided, it
only says whether it is written now.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from neurocards.domain.scaling_policy import Mode


class Finding(NamedTuple):
    """A CamelCase word and a sentence, as conditions have them."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Obstacles:
    """What is known of the target beside its numbers; None = nothing in the way.

    `blocked`: there is no target to scale, or none that lets itself be scaled. `conflict`:
    somebody else scales it. `mismatch`: its pods carry more or fewer jobs than the policy counts
    on; that stops nothing.
    """

    blocked: Finding | None = None
    conflict: Finding | None = None
    mismatch: Finding | None = None
    old_pods: int = 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """`write` is the number to write, None = write nothing; `held` says what delays it."""

    write: int | None
    held: Finding | None = None


def verdict(wanted: int, current: int, mode: Mode, obstacles: Obstacles) -> Verdict:
    if obstacles.blocked is not None or obstacles.conflict is not None:
        return Verdict(None)
    if mode is not Mode.AUTO or wanted == current:
        return Verdict(None)
    if wanted < current and obstacles.old_pods > 0:
        pods = f"{obstacles.old_pods} pod{'' if obstacles.old_pods == 1 else 's'}"
        message = f"{pods} of a former template are still there, so nothing is taken away"
        return Verdict(None, Finding("RolloutInProgress", message))
    return Verdict(wanted)
