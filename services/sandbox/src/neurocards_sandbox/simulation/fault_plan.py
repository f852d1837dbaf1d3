"""Which fault strikes which request: armed through the control API or asked for in a prompt.

A service gives its catalogue (name -> stage); a stage is a point of the request's way at which
at most one fault strikes. The plan only chooses names; what a fault does is the service's matter.
Invariant: the same seed and the same order of requests choose the same faults.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from neurocards_sandbox.simulation.magic_words import magic_words

PROMPTS_COUNTED_MAX = 100_000
ARMED_MAX = 1_000


class UnusableFaultOrderError(ValueError):
    """The control API was asked for a fault that does not exist or cannot be armed like that."""


@dataclass(slots=True)
class ArmedFault:
    name: str
    remaining: int | None
    rate: float
    account: str | None
    dice: random.Random = field(repr=False)

    def strikes(self, account: str) -> bool:
        if self.account is not None and self.account != account:
            return False
        if self.remaining is None:
            return self.dice.random() < self.rate
        if self.remaining < 1:
            return False
        self.remaining -= 1
        return True

    def listing(self) -> dict[str, Any]:
        return {
            "fault": self.name,
            "next": self.remaining,
            "rate": None if self.remaining is not None else self.rate,
            "account": self.account,
        }


class FaultPlan:
    def __init__(self, stages: Mapping[str, str]) -> None:
        self._stages = stages
        self._armed: list[ArmedFault] = []
        self._times_by_prompt: dict[tuple[bytes, str], int] = {}

    def stage_of(self, name: str) -> str:
        try:
            return self._stages[name]
        except KeyError:
            raise UnusableFaultOrderError(f"there is no fault {name!r}") from None

    def arm(
        self,
        name: str,
        *,
        next_count: int | None = None,
        rate: float | None = None,
        seed: int = 1,
        account: str | None = None,
    ) -> None:
        """Arm a fault for the next requests or for a share of all of them.

        UnusableFaultOrderError for an unknown name or when not exactly one of the two is given.
        """
        self.stage_of(name)
        if (next_count is None) == (rate is None):
            raise UnusableFaultOrderError('give exactly one of "next" and "rate"')
        if len(self._armed) >= ARMED_MAX:
            raise UnusableFaultOrderError(f"more than {ARMED_MAX} faults are armed")
        fault = ArmedFault(name, next_count, rate or 0.0, account, random.Random(seed))
        self._armed.append(fault)

    def disarm(self) -> None:
        self._armed.clear()
        self._times_by_prompt.clear()

    def armed(self) -> list[dict[str, Any]]:
        self._forget_spent()
        return [fault.listing() for fault in self._armed]

    def draw(self, stages: Iterable[str], *, account: str = "", prompt: str = "") -> dict[str, str]:
        """Choose at most one fault per stage (stage -> name); a word in the prompt comes first."""
        wanted = set(stages)
        chosen: dict[str, str] = {}
        for name in self._asked_for(prompt, wanted):
            chosen.setdefault(self._stages[name], name)
        for fault in self._armed:
            stage = self._stages[fault.name]
            if stage in wanted and stage not in chosen and fault.strikes(account):
                chosen[stage] = fault.name
        if self._armed:
            self._forget_spent()
        return chosen

    def _asked_for(self, prompt: str, wanted: set[str]) -> Iterable[str]:
        words = [w for w in magic_words(prompt) if self._stages.get(w.name) in wanted]
        if not words:
            return
        digest = hashlib.sha256(prompt.encode()).digest()
        for word in words:
            if word.times is None or self._used(digest, word.name) < word.times:
                yield word.name

    def _used(self, digest: bytes, name: str) -> int:
        """Count one more use and give how many there were before."""
        key = (digest, name)
        before = self._times_by_prompt.pop(key, 0)
        if len(self._times_by_prompt) >= PROMPTS_COUNTED_MAX:
            self._times_by_prompt.pop(next(iter(self._times_by_prompt)))
        self._times_by_prompt[key] = before + 1
        return before

    def _forget_spent(self) -> None:
        self._armed = [f for f in self._armed if f.remaining is None or f.remaining > 0]
