"""How the provider keys of this process are, as a metric: healthy, or why they rest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

import structlog

from neurocards.domain.keys import UNAUTHORIZED_REASON
from neurocards.errors import StoreUnavailableError
from neurocards.ports.jobs import HEALTHY, KeyStore
from neurocards_worker.metrics import WorkerMetrics
from neurocards_worker.moments import Moments

EVERY_S = 1.0
"""All workers are to say the same within two seconds after a key began to rest, or could work."""
OTHER = "other"
STATES = (HEALTHY, "rate_limit", "billing", UNAUTHORIZED_REASON, OTHER)
"""A label of a metric is bounded: whatever else lets a key rest counts as `other`."""

log = structlog.get_logger(__name__)


class KeyWatch:
    def __init__(
        self,
        store: KeyStore,
        fingerprints: Collection[str],
        *,
        metrics: WorkerMetrics,
        moments: Moments,
    ) -> None:
        self._store = store
        self._fingerprints = tuple(fingerprints)
        self._metrics = metrics
        self._moments = moments

    async def look(self) -> None:
        """Count the keys by their state once."""
        states = await self._store.states(self._fingerprints)
        counts = Counter(state if state in STATES else OTHER for state in states.values())
        for state in STATES:
            self._metrics.provider_keys.labels(state).set(counts[state])

    async def run(self) -> None:
        """Look again and again, until cancelled; while PostgreSQL is away the last counts stay."""
        while True:
            try:
                await self.look()
            except StoreUnavailableError as error:
                log.debug("key.not_counted", reason=str(error))
            await self._moments.sleep(EVERY_S)
