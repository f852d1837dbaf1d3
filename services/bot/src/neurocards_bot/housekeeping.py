"""What is done once a day: partitions are made, and what nobody needs any more is forgotten.

Each duty works in batches, a transaction each, and ends after a bounded number of them; what is
left is done a little later. Every replica does it: rows that two of them meet at are gone once.
Invariant: no job, no booking and no user is ever forgotten here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial

import structlog

from neurocards.ports.queue import Outbox
from neurocards_bot.outbox_metrics import OutboxMetrics

log = structlog.get_logger(__name__)

BATCH = 1000
BATCHES_MAX = 1000
UPDATES_KEPT_S = 48 * 3600.0
"""Telegram repeats an update for 24 hours at most."""

Duty = Callable[[], Awaitable[bool]]
"""Tells whether all of it is done."""


@dataclass(frozen=True, slots=True)
class Kept:
    """How long things are kept after they were last touched, in seconds."""

    drafts_s: float
    dialogues_s: float
    updates_s: float = UPDATES_KEPT_S


class Housekeeping:
    def __init__(
        self, outbox: Outbox, metrics: OutboxMetrics, kept: Kept, *, batches_max: int = BATCHES_MAX
    ) -> None:
        self._outbox = outbox
        self._metrics = metrics
        self._kept = kept
        self._batches_max = batches_max

    def duties(self) -> Mapping[str, Duty]:
        """Give each duty by its name; one that fails must not keep the others from being done."""
        outbox, kept = self._outbox, self._kept
        forgets: dict[str, Callable[..., Awaitable[int]]] = {
            "updates": partial(outbox.forget_updates, older_than_s=kept.updates_s),
            "buckets": outbox.forget_inbound_buckets,
            "outbound_buckets": outbox.forget_outbound_buckets,
            "drafts": partial(outbox.forget_drafts, older_than_s=kept.drafts_s),
            "dialogues": partial(outbox.forget_dialogues, older_than_s=kept.dialogues_s),
        }
        return {
            "partitions": self._make_partitions,
            **{what: partial(self._forget, what, forget) for what, forget in forgets.items()},
        }

    async def _make_partitions(self) -> bool:
        made = await self._outbox.ensure_partitions()
        if made:
            log.info("housekeeping.partitions_made", count=made)
        return True

    async def _forget(self, what: str, forget: Callable[..., Awaitable[int]]) -> bool:
        for _ in range(self._batches_max):
            count = await forget(batch=BATCH)
            self._metrics.forgotten_total.labels(what).inc(count)
            if count < BATCH:
                return True
        log.info("housekeeping.unfinished", duty=what)
        return False
