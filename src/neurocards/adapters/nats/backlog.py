"""The messages of a pool, as a scaler compares them with the database."""

from __future__ import annotations

from neurocards.adapters.nats.stream import (
    CONSUMER_NOT_FOUND,
    STREAM_NOT_FOUND,
    ApiError,
    JobStream,
)


class PoolBacklog:
    """The BacklogSource port. A stream or consumer that nobody has made yet holds nothing."""

    def __init__(self, stream: JobStream) -> None:
        self._stream = stream

    async def backlog(self, pool: str) -> tuple[int, int]:
        try:
            return await self._stream.backlog(pool)
        except ApiError as error:
            if error.code in {STREAM_NOT_FOUND, CONSUMER_NOT_FOUND}:
                return 0, 0
            raise
