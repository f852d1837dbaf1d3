"""The cache that all pods share, in a bucket of NATS KV (held in memory, not on disk).

A forgotten key leaves a marker with a revision of its own, and a value is stored only over the
revision that was there when its load began: a pod that read the old row cannot bring it back.
Every value carries its own end, the bucket's is only a broom.
"""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Iterator

import nats.js.errors
import structlog
from nats.aio.client import Client
from nats.js.api import StorageType
from nats.js.kv import KeyValue

from neurocards.adapters.nats.connection import NatsConnection, translated_errors
from neurocards.cache import Found
from neurocards.ports.clock import Clock

log = structlog.get_logger(__name__)

BUCKET = "cache"
BUCKET_TTL_S = 3600.0
BUCKET_BYTES_MAX = 64 * 2**20
TIMEOUT_S = 1.0
"""A cache that is slower than that is no help."""
_NEVER = 0


class NatsBackend:
    """The CacheBackend on NATS KV."""

    def __init__(self, connection: NatsConnection, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock
        self._client: Client | None = None
        self._bucket: KeyValue | None = None

    async def get(self, key: str) -> Found:
        with translated_errors():
            bucket = await self._open()
            try:
                entry = await bucket.get(key)
            except nats.js.errors.KeyNotFoundError as error:
                return Found(None, (error.entry.revision or _NEVER) if error.entry else _NEVER)
        revision = entry.revision or _NEVER
        try:
            envelope = json.loads(entry.value or b"")
            ends_at, value = float(envelope["ends_at"]), json.dumps(envelope["value"])
        except (ValueError, KeyError, TypeError):
            return Found(None, revision)
        is_over = ends_at <= self._clock.now().timestamp()
        return Found(None if is_over else value.encode(), revision)

    async def put(self, key: str, value: bytes, *, ttl_s: float, version: int) -> None:
        ends_at = self._clock.now().timestamp() + min(ttl_s, BUCKET_TTL_S)
        envelope = b'{"ends_at":%s,"value":%s}' % (repr(ends_at).encode(), value)
        with translated_errors(), self._made_anew_if_missing():
            bucket = await self._open()
            try:
                await bucket.update(key, envelope, last=version)
            except nats.js.errors.KeyWrongLastSequenceError:
                log.debug("cache.overtaken", key=key)

    async def forget(self, key: str) -> None:
        with translated_errors(), self._made_anew_if_missing():
            await (await self._open()).delete(key)

    @contextlib.contextmanager
    def _made_anew_if_missing(self) -> Iterator[None]:
        """Let the next call make the bucket when this one found that it is gone."""
        try:
            yield
        except nats.js.errors.NoStreamResponseError:
            self._bucket = None
            raise

    async def _open(self) -> KeyValue:
        client = self._connection.client
        if self._bucket is None or client is not self._client:
            jetstream = client.jetstream(timeout=TIMEOUT_S)
            self._bucket = await jetstream.create_key_value(
                bucket=BUCKET,
                description="cache of Neurocards; may be deleted at any moment",
                history=1,
                ttl=math.ceil(BUCKET_TTL_S),
                storage=StorageType.MEMORY,
                max_bytes=BUCKET_BYTES_MAX,
            )
            self._client = client
        return self._bucket
