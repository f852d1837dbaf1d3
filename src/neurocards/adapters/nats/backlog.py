"""The messages of a pool, as a scaler compares them with the database."""

from __future__ import annotations

from neurocards.adapters.nats.stream import (
    CONSUMER_NOT_FOUND,
    STREAM_NOT_FOUND,
    ApiError,
    JobStream,
)


class PoolBacklog:
    """The BacklogSource port.

    Workers make the consumer, so a pool that has slept at zero since it was made has none: then
    what the stream keeps for it waits. A stream that nobody has made yet holds nothing.
    """

    def __init__(self, stream: JobStream) -> None:
        self._stream = stream

    async def backlog(self, pool: str) -> tuple[int, int]:
        try:
            return await self._stream.backlog(pool)
        except ApiError as error:
            if error.code == STREAM_NOT_FOUND:
                return 0, 0
            if error.code != CONSUMER_NOT_FOUND:
                raise
        return await self._stream.unclaimed(pool), 0
