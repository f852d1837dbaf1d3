"""The way of all jobs of a process to the provider keys, one after another.

While every window is full, only the first in the line asks the database, and asks when it was told
that there will be room; the others wait behind it. A key is taken for exactly one order.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog

from neurocards.domain.keys import PARKED_REASON, AllBlocked, KeyTaken, ProviderKey, WindowFull
from neurocards.domain.outcomes import Snooze
from neurocards.errors import StoreUnavailableError
from neurocards.ports.jobs import KeyStore
from neurocards_worker.moments import Moments

WINDOW_FULL_REASON = "window_full"
ALL_BLOCKED_REASON = PARKED_REASON
SNOOZE_S = 30.0
STORE_AWAY_REASON = "store_away"
STORE_AWAY_S = 5.0
REGISTER_PAUSE_S = 2.0
PARKED_LOOK_S = 300.0
"""A parked job looks again after so long at the latest, should nobody have woken it."""
KEY_TROUBLES = {"rate_limit": "rate limited", "billing": "billing error"}
"""Whoever watched the system before this one searches its log for these words."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class KeyWindow:
    """Orders that one account may give: `limit` within `window_s`.

    An order that leaves more than `margin_s` after its key was taken could reach the provider
    together with those of the next window.
    """

    limit: int
    window_s: float
    margin_s: float


@dataclass(frozen=True, slots=True)
class Turn:
    """A key for one order, which leaves before `leaves_by` of the monotonic clock or not at all."""

    key: ProviderKey
    leaves_by: float


class KeyGate:
    def __init__(
        self,
        store: KeyStore,
        keys: Sequence[ProviderKey],
        *,
        window: KeyWindow,
        wait_s_max: float,
        moments: Moments,
        scale: float = 1.0,
    ) -> None:
        """`scale` shortens the waits of this module, for tests of crashes."""
        self._store = store
        self._keys = {key.fingerprint: key for key in keys}
        self._window = window
        self._wait_s_max = wait_s_max
        self._moments = moments
        self._scale = scale
        self._turn = asyncio.Lock()

    @property
    def keys(self) -> Sequence[ProviderKey]:
        return tuple(self._keys.values())

    def key(self, fingerprint: str) -> ProviderKey | None:
        return self._keys.get(fingerprint)

    async def register(self) -> None:
        """Make the keys known to the fleet, as soon as PostgreSQL is there."""
        while True:
            try:
                await self._store.register(self.keys)
            except StoreUnavailableError as error:
                log.warning("key.not_registered", reason=str(error))
                await self._moments.sleep(REGISTER_PAUSE_S)
            else:
                return

    async def block(self, key: ProviderKey, *, for_s: float, reason: str) -> None:
        """Let a key rest; while PostgreSQL is away its next refusal will."""
        log.error(
            "key.blocked",
            fingerprint=key.fingerprint,
            reason=reason,
            trouble=KEY_TROUBLES.get(reason, reason),
            for_s=for_s,
        )
        try:
            await self._store.block(key.fingerprint, for_s=for_s, reason=reason)
        except StoreUnavailableError as error:
            log.warning("key.not_blocked", reason=str(error))

    async def take(self) -> Turn | Snooze:
        """Take a key for one order, or tell when to come back."""
        try:
            return await self._taken()
        except StoreUnavailableError as error:
            log.warning("key.store_away", reason=str(error))
            return Snooze(STORE_AWAY_S, STORE_AWAY_REASON)

    async def usable(self) -> ProviderKey | Snooze:
        """Name a healthy key for what the provider does not count, or tell when to come back."""
        try:
            answer = await self._store.usable(tuple(self._keys))
        except StoreUnavailableError as error:
            log.warning("key.store_away", reason=str(error))
            return Snooze(STORE_AWAY_S, STORE_AWAY_REASON)
        if isinstance(answer, AllBlocked):
            return self._parked(answer.until)
        return self._keys[answer.fingerprint]

    def is_late(self, turn: Turn) -> bool:
        return self._moments.monotonic() > turn.leaves_by

    async def _taken(self) -> Turn | Snooze:
        until = self._moments.monotonic() + self._wait_s_max
        async with self._turn:
            while True:
                asked_at = self._moments.monotonic()
                answer = await self._store.take(
                    tuple(self._keys), window_s=self._window.window_s, limit=self._window.limit
                )
                match answer:
                    case KeyTaken(fingerprint):
                        return Turn(self._keys[fingerprint], asked_at + self._window.margin_s)
                    case AllBlocked(blocked_until):
                        return self._parked(blocked_until)
                    case WindowFull(wait_ms):
                        if self._moments.monotonic() + wait_ms / 1000 > until:
                            return Snooze(SNOOZE_S * self._scale, WINDOW_FULL_REASON)
                        await self._moments.sleep(wait_ms / 1000)

    def _parked(self, until: datetime | None) -> Snooze:
        longest_s = PARKED_LOOK_S * self._scale
        left_s = longest_s
        if until is not None:
            left_s = (until - self._moments.now()).total_seconds()
        return Snooze(max(1.0, min(longest_s, left_s)), ALL_BLOCKED_REASON, tell_user=True)
