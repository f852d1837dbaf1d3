"""KeyStore in memory: each key is an account of its own."""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from neurocards.domain.keys import AllBlocked, KeyAnswer, KeyTaken, ProviderKey, WindowFull
from neurocards.testing.database import KeyRecord, MemoryDatabase


class MemoryKeyStore:
    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database
        self._turns = itertools.count(1)

    async def register(self, keys: Sequence[ProviderKey]) -> None:
        for key in keys:
            self._database.keys.setdefault(key.fingerprint, KeyRecord())

    async def take(
        self, fingerprints: Collection[str], *, window_s: float, limit: int
    ) -> KeyAnswer:
        now = self._database.clock.now()
        known = {f: self._database.keys[f] for f in fingerprints if f in self._database.keys}
        healthy = {
            f: key
            for f, key in known.items()
            if key.blocked_until is None or key.blocked_until <= now
        }
        window = timedelta(seconds=window_s)
        for key in healthy.values():
            key.takes = [moment for moment in key.takes if moment > now - window]
        open_keys = [f for f, key in healthy.items() if len(key.takes) < limit]
        if open_keys:
            chosen = min(open_keys, key=lambda f: (known[f].last_turn, f))
            self._take(known[chosen], now)
            return KeyTaken(chosen)
        if healthy:
            opens_at = min(sorted(key.takes)[-limit] + window for key in healthy.values())
            return WindowFull(max(1, math.ceil((opens_at - now).total_seconds() * 1000)))
        return AllBlocked(
            min((key.blocked_until for key in known.values() if key.blocked_until), default=None)
        )

    def _take(self, key: KeyRecord, now: datetime) -> None:
        key.takes.append(now)
        key.last_turn = next(self._turns)
        key.blocked_until = key.reason = None

    async def block(self, fingerprint: str, *, for_s: float, reason: str) -> None:
        key = self._database.keys.get(fingerprint)
        if key is None:
            return
        until = self._database.later(for_s)
        key.blocked_until = max(key.blocked_until or until, until)
        key.reason = reason
