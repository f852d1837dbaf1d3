"""One of several operators acts: the one that holds the Lease.

Invariant: `may_act` is false before anybody else may take the Lease, however long a request hangs
or this process stood still, since the time counts from before the renewal was asked for.
"""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import Awaitable, Callable

import structlog

from neurocards.ports.clock import Clock
from neurocards_operator.api import KubernetesApi
from neurocards_operator.errors import ClusterError, ClusterRefusedError
from neurocards_operator.lease_record import (
    API_VERSION,
    RENEWALS_PER_DURATION,
    LeaseRecord,
    Step,
    Watched,
    acts_until_s,
    lease_body,
    record_of,
    step,
    watched,
)
from neurocards_operator.metrics import OperatorMetrics
from neurocards_operator.moments import wait
from neurocards_operator.pulse import Pulse

log = structlog.get_logger(__name__)


class Election:
    """`run` calls `lead` whenever this operator begins to act, and cancels it when that ends."""

    def __init__(
        self,
        api: KubernetesApi,
        clock: Clock,
        *,
        namespace: str,
        name: str,
        pod_name: str,
        duration_s: int,
        pulse: Pulse,
        metrics: OperatorMetrics,
    ) -> None:
        self._api, self._clock, self._pulse, self._metrics = api, clock, pulse, metrics
        self._namespace, self._name, self._duration_s = namespace, name, duration_s
        self._folder = f"/apis/{API_VERSION}/namespaces/{namespace}/leases"
        # A container that starts again in the same pod is another candidate.
        self.me = f"{pod_name}_{uuid.uuid4().hex[:8]}"
        self._seen: Watched | None = None
        self._acts_until_s = float("-inf")

    def may_act(self) -> bool:
        return self._clock.monotonic() < self._acts_until_s

    async def run(self, stop: asyncio.Event, lead: Callable[[], Awaitable[None]]) -> None:
        """Take part until `stop` is set, then give the Lease back."""
        leading: asyncio.Task[None] | None = None
        try:
            while not stop.is_set():
                self._pulse.beat("election", again_within_s=float(self._duration_s))
                await self._try()
                if leading is not None and (leading.done() or not self.may_act()):
                    await self._resign(leading)
                    leading = None
                if leading is None and self.may_act():
                    log.info("election.won", lease=self._name, identity=self.me)
                    self._metrics.is_leader.set(1)
                    leading = asyncio.ensure_future(lead())
                await self._pause(stop, leading)
        finally:
            if leading is not None:
                await self._resign(leading)
            await self._give_back()

    async def _pause(self, stop: asyncio.Event, leading: asyncio.Future[None] | None) -> None:
        """Wait for the next renewal, and end the term in time if this process is held up."""
        pause_s = self._duration_s / RENEWALS_PER_DURATION
        await wait(stop, at_most_s=pause_s)
        if leading is not None and leading.done() and not leading.cancelled():
            error = leading.exception()
            if error is not None:
                raise error

    async def _resign(self, leading: asyncio.Future[None]) -> None:
        leading.cancel()
        await asyncio.wait({leading})
        self._metrics.is_leader.set(0)
        log.info("election.resigned", lease=self._name, identity=self.me)

    async def _try(self) -> None:
        asked_at_s = self._clock.monotonic()
        try:
            await self._look()
            now_s = self._clock.monotonic()
            next_step = step(self._seen, me=self.me, now_s=now_s, duration_s=self._duration_s)
            if next_step is Step.WAIT:
                return
            asked_at_s = self._clock.monotonic()
            await self._write(next_step, holder=self.me)
        except ClusterRefusedError as error:
            # Somebody else was faster, or nobody may do this: the Lease is looked at anew.
            if not error.is_conflict:
                log.warning("election.refused", reason=str(error), status=error.status)
            return
        except ClusterError as error:
            log.warning("election.held_up", reason=str(error))
            return
        self._acts_until_s = acts_until_s(asked_at_s, self._duration_s)

    async def _look(self) -> None:
        try:
            record = record_of(await self._api.get(f"{self._folder}/{self._name}"))
        except ClusterRefusedError as error:
            if not error.is_missing:
                raise
            self._seen = None
            return
        self._seen = watched(self._seen, record, self._clock.monotonic())

    async def _write(self, next_step: Step, *, holder: str) -> None:
        former = self._seen.record if self._seen is not None else None
        body = lease_body(
            namespace=self._namespace,
            name=self._name,
            holder=holder,
            duration_s=self._duration_s,
            now=self._clock.now(),
            former=former,
        )
        if next_step is Step.MAKE:
            tree = await self._api.create(self._folder, body)
        else:
            tree = await self._api.replace(f"{self._folder}/{self._name}", body)
        self._seen = Watched(record_of(tree), self._clock.monotonic())

    async def _give_back(self) -> None:
        """Let the next one begin at once."""
        self._acts_until_s = float("-inf")
        self._pulse.ended("election")
        record: LeaseRecord | None = self._seen.record if self._seen is not None else None
        if record is None or record.holder != self.me:
            return
        with contextlib.suppress(ClusterError):
            await self._write(Step.RENEW, holder="")
            log.info("election.given_back", lease=self._name)
