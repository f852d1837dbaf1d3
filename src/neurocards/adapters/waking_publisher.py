"""A publisher that says, after it has stored jobs, in which pools there are some now."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from neurocards.ports.queue import Hints, OutboxMessage, Publisher
from neurocards.ports.scaling import scaling_subject


class WakingPublisher:
    """The Publisher port; whoever scales a pool hears of it once for each batch."""

    def __init__(self, publisher: Publisher, hints: Hints) -> None:
        self._publisher, self._hints = publisher, hints

    async def publish(self, messages: Sequence[OutboxMessage]) -> Collection[int]:
        held = await self._publisher.publish(messages)
        for pool in sorted({message.pool for message in messages if message.id in held}):
            await self._hints.announce(scaling_subject(pool))
        return held
