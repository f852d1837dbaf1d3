"""KeyStore in memory: one window per account, one health per key."""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from neurocards.domain.jobs import JobStatus
from neurocards.domain.keys import (
    UNAUTHORIZED_REASON,
    WAITS_FOR_KEY_REASONS,
    AllBlocked,
    KeyAnswer,
    KeyTaken,
    KeyUsable,
    ProviderKey,
    WindowFull,
)
from neurocards.ports.jobs import HEALTHY
from neurocards.testing.database import KeyRecord, MemoryDatabase


class MemoryKeyStore:
    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database
        self._turns = itertools.count(1)

    async def register(self, keys: Sequence[ProviderKey]) -> None:
        known = self._database.keys
        is_new = any(key.fingerprint not in known for key in keys)
        for key in keys:
            record = known.setdefault(key.fingerprint, KeyRecord(key.account))
            if record.account != key.account:
                self._takes(key.account).extend(self._takes(record.account))
                record.account = key.account
        if is_new:
            self._wake_parked()

    async def states(self, fingerprints: Collection[str]) -> Mapping[str, str]:
        now, known = self._database.clock.now(), self._database.keys
        states = {}
        for name in known.keys() & set(fingerprints):
            until = known[name].blocked_until
            rests = until is not None and until > now
            states[name] = known[name].reason or "unknown" if rests else HEALTHY
        return states

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
        for account in {key.account for key in healthy.values()}:
            takes = self._takes(account)
            takes[:] = [moment for moment in takes if moment > now - window]
        open_keys = [f for f, key in healthy.items() if len(self._takes(key.account)) < limit]
        if open_keys:
            chosen = min(open_keys, key=lambda f: (known[f].last_turn, f))
            self._take(known[chosen], now)
            return KeyTaken(chosen)
        if healthy:
            opens_at = min(
                sorted(self._takes(key.account))[-limit] + window for key in healthy.values()
            )
            return WindowFull(max(1, math.ceil((opens_at - now).total_seconds() * 1000)))
        return AllBlocked(
            min((key.blocked_until for key in known.values() if key.blocked_until), default=None)
        )

    async def usable(self, fingerprints: Collection[str]) -> KeyUsable | AllBlocked:
        now = self._database.clock.now()
        known = {f: self._database.keys[f] for f in fingerprints if f in self._database.keys}
        healthy = [
            f for f, key in known.items() if key.blocked_until is None or key.blocked_until <= now
        ]
        if healthy:
            return KeyUsable(min(healthy, key=lambda f: (known[f].last_turn, f)))
        return AllBlocked(
            min((key.blocked_until for key in known.values() if key.blocked_until), default=None)
        )

    def _take(self, key: KeyRecord, now: datetime) -> None:
        self._takes(key.account).append(now)
        key.last_turn = next(self._turns)
        key.blocked_until = key.reason = None

    async def block(self, fingerprint: str, *, for_s: float, reason: str) -> None:
        named = self._database.keys.get(fingerprint)
        if named is None:
            return
        until = self._database.later(for_s)
        for key in self._database.keys.values():
            is_meant = reason != UNAUTHORIZED_REASON and key.account == named.account
            if key is named or is_meant:
                if key.blocked_until is None or key.blocked_until <= until:
                    key.reason = reason
                key.blocked_until = max(key.blocked_until or until, until)

    def _takes(self, account: str) -> list[datetime]:
        return self._database.takes.setdefault(account, [])

    def _wake_parked(self) -> None:
        now = self._database.clock.now()
        for job in self._database.jobs.values():
            waits = job.status is JobStatus.QUEUED and job.retry_at and job.retry_at > now
            if waits and job.postponed_reason in WAITS_FOR_KEY_REASONS:
                job.retry_at = now
                self._database.announce(job)
