"""KeyStore on PostgreSQL: the fleet shares one window per account and one health per key."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from neurocards.adapters.postgres.pool import Database
from neurocards.adapters.postgres.statements import load
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

WAKE_BATCH = 500


class PostgresKeyStore:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._statements = load("keys")

    async def register(self, keys: Sequence[ProviderKey]) -> None:
        new = await self._database.value(
            self._statements["register_keys"],
            [key.fingerprint for key in keys],
            [key.account for key in keys],
        )
        if new:
            await self.wake_parked()

    async def take(
        self, fingerprints: Collection[str], *, window_s: float, limit: int
    ) -> KeyAnswer:
        arguments = (list(fingerprints), window_s, limit)
        # Two statements, each a transaction of its own: see the first one's function.
        free = await self._database.row(self._statements["take_free_key"], *arguments)
        if free is not None and free["fingerprint"] is not None:
            return KeyTaken(free["fingerprint"])
        row = await self._database.row(self._statements["take_key"], *arguments)
        if row is None:
            return AllBlocked(until=None)
        if row["fingerprint"] is not None:
            return KeyTaken(row["fingerprint"])
        if row["wait_ms"] is not None:
            return WindowFull(row["wait_ms"])
        return AllBlocked(row["blocked_until"])

    async def usable(self, fingerprints: Collection[str]) -> KeyUsable | AllBlocked:
        row = await self._database.row(self._statements["usable_key"], list(fingerprints))
        if row is None:
            return AllBlocked(until=None)
        if row["blocked_until"] is not None:
            return AllBlocked(row["blocked_until"])
        return KeyUsable(row["fingerprint"])

    async def block(self, fingerprint: str, *, for_s: float, reason: str) -> None:
        whole_account = reason != UNAUTHORIZED_REASON
        await self._database.execute(
            self._statements["block_key"], fingerprint, for_s, reason, whole_account
        )

    async def states(self, fingerprints: Collection[str]) -> Mapping[str, str]:
        rows = await self._database.rows(self._statements["key_states"], list(fingerprints))
        return {row["fingerprint"]: row["rests_for"] or HEALTHY for row in rows}

    async def wake_parked(self) -> int:
        """Let every job that waits for a key try now; tell how many. Batch by batch."""
        woken = 0
        while True:
            count = await self._database.value(
                self._statements["wake_parked_jobs"], list(WAITS_FOR_KEY_REASONS), WAKE_BATCH
            )
            woken += int(count)
            if count < WAKE_BATCH:
                return woken
