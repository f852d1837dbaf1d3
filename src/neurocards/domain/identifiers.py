"""UUIDv7 by RFC 9562: ids that sort by time, so a month of jobs is one range of ids."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
RANDOM_BITS = 74


def uuid7(moment: datetime, randomness: int) -> UUID:
    """Make an id from an aware moment and RANDOM_BITS random bits."""
    milliseconds = (moment - _EPOCH) // timedelta(milliseconds=1)
    if not 0 <= milliseconds < 1 << 48:
        raise ValueError(f"{moment.isoformat()} does not fit into a UUIDv7")
    high = (randomness >> 62) & 0xFFF
    low = randomness & ((1 << 62) - 1)
    return UUID(int=milliseconds << 80 | 0x7 << 76 | high << 64 | 0b10 << 62 | low)


def moment_of(identifier: UUID) -> datetime:
    """Tell when a UUIDv7 was made, to the millisecond."""
    return _EPOCH + timedelta(milliseconds=identifier.int >> 80)


def month_bounds(moment: datetime) -> tuple[UUID, UUID]:
    """Give the first id of the moment's UTC month and the first id of the next month."""
    start = moment.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    following = (start + timedelta(days=32)).replace(day=1)
    return _lowest_id(start), _lowest_id(following)


def _lowest_id(moment: datetime) -> UUID:
    return UUID(int=((moment - _EPOCH) // timedelta(milliseconds=1)) << 80)
