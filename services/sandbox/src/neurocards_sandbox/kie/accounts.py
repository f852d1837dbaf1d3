"""Accounts: credits, the sliding window of creates, and how many tasks run at once.

Invariant: a refused create takes neither credits nor a place in the window.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from neurocards_sandbox.kie.envelopes import CALL_FREQUENCY, NO_CREDITS, RefusedError

CREATES_PER_WINDOW = 20
WINDOW_S = 10.0


@dataclass(slots=True)
class Account:
    credits: float
    created: deque[float] = field(default_factory=deque)
    running: int = 0


@dataclass(frozen=True, slots=True)
class AccountLimits:
    creates_per_window: int | None
    """None switches the window off."""
    running_max: int | None
    credits_error_code: int


class Accounts:
    def __init__(self, limits: AccountLimits, credits_at_start: float) -> None:
        self._limits = limits
        self._credits_at_start = credits_at_start
        self._accounts: dict[str, Account] = {}

    def account(self, name: str) -> Account:
        if name not in self._accounts:
            self._accounts[name] = Account(self._credits_at_start)
        return self._accounts[name]

    def take(self, name: str, amount: float, now_s: float) -> None:
        """Take a place in the window and `amount` credits for one create, or raise RefusedError.

        `now_s` is a real monotonic time: limits do not run faster when tasks do.
        """
        account = self.account(name)
        self._forget_old(account, now_s)
        window = self._limits.creates_per_window
        running_max = self._limits.running_max
        crowded = running_max is not None and account.running >= running_max
        if crowded or (window is not None and len(account.created) >= window):
            raise RefusedError(429, CALL_FREQUENCY)
        if account.credits < amount:
            raise RefusedError(self._limits.credits_error_code, NO_CREDITS)
        account.created.append(now_s)
        account.credits = round(account.credits - amount, 2)
        account.running += 1

    def give_back(self, name: str, amount: float) -> None:
        account = self.account(name)
        account.credits = round(account.credits + amount, 2)

    def ended(self, name: str) -> None:
        self.account(name).running -= 1

    def created_in_window(self, name: str, now_s: float) -> int:
        account = self.account(name)
        self._forget_old(account, now_s)
        return len(account.created)

    def restore(self, name: str, amount: float, running: int) -> None:
        """Bring back what was true before a restart; the window starts empty."""
        account = self.account(name)
        account.credits = amount
        account.running = running

    @staticmethod
    def _forget_old(account: Account, now_s: float) -> None:
        while account.created and account.created[0] <= now_s - WINDOW_S:
            account.created.popleft()
