"""KeyStore on PostgreSQL: the fleet shares one window per account and one health per key."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from neurocards.adapters.postgres.pool import Database
from neurocards.adapters.postgres.statements import load
from neurocards.domain.keys import AllBlocked, KeyAnswer, KeyTaken, ProviderKey, WindowFull


class PostgresKeyStore:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._statements = load("keys")

    async def register(self, keys: Sequence[ProviderKey]) -> None:
        fingerprints = [key.fingerprint for key in keys]
        await self._database.execute(self._statements["register_keys"], fingerprints)

    async def take(
        self, fingerprints: Collection[str], *, window_s: float, limit: int
    ) -> KeyAnswer:
        row = await self._database.row(
            self._statements["take_key"], list(fingerprints), window_s, limit
        )
        if row is None:
            return AllBlocked(until=None)
        if row["fingerprint"] is not None:
            return KeyTaken(row["fingerprint"])
        if row["wait_ms"] is not None:
            return WindowFull(row["wait_ms"])
        return AllBlocked(row["blocked_until"])

    async def block(self, fingerprint: str, *, for_s: float, reason: str) -> None:
        await self._database.execute(self._statements["block_key"], fingerprint, for_s, reason)
