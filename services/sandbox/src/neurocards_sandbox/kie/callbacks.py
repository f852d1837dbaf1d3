"""Tells a client that a task has ended: a signed POST that may get lost, doubled or late.

A callback is at-most-three-times and never waits for anything else. Invariant: the signature
covers the task id and the time only, as the real service's does; the body is not signed.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass

import httpx

from neurocards_sandbox.kie.clock import SimulatedClock
from neurocards_sandbox.kie.counters import Counters
from neurocards_sandbox.kie.settings import KieSandboxSettings

RETRY_AFTER_S = 5.0
WAITING_MAX = 100_000


@dataclass(slots=True)
class CallbackRates:
    loss: float
    duplicate: float
    delay: float


class CallbackSender:
    def __init__(
        self,
        settings: KieSandboxSettings,
        clock: SimulatedClock,
        counters: Counters,
        http: httpx.AsyncClient,
    ) -> None:
        self.rates = CallbackRates(
            settings.callback_loss_rate,
            settings.callback_duplicate_rate,
            settings.callback_delay_rate,
        )
        self._settings = settings
        self._clock = clock
        self._counters = counters
        self._http = http
        self._dice = random.Random(settings.seed)
        self._slots = asyncio.Semaphore(settings.callbacks_at_once)
        self._sending: set[asyncio.Task[None]] = set()

    def send(self, task_id: str, url: str, body: bytes, fault: str | None = None) -> None:
        """Send in the background, as often and as late as the rates and the fault say."""
        lost, twice, late = (
            self._dice.random() < rate
            for rate in (self.rates.loss, self.rates.duplicate, self.rates.delay)
        )
        if lost or fault == "callback-lost" or len(self._sending) >= WAITING_MAX:
            self._counters.add("callbacks_lost")
            return
        delay_s = self._settings.callback_delay_s if late or fault == "callback-late" else 0.0
        for _ in range(2 if twice or fault == "callback-twice" else 1):
            sending = asyncio.create_task(self._deliver(task_id, url, body, delay_s, fault))
            self._sending.add(sending)
            sending.add_done_callback(self._sending.discard)

    async def close(self) -> None:
        for sending in self._sending:
            sending.cancel()
        await asyncio.gather(*self._sending, return_exceptions=True)

    async def _deliver(
        self, task_id: str, url: str, body: bytes, delay_s: float, fault: str | None
    ) -> None:
        if delay_s:
            await asyncio.sleep(self._clock.real_duration(delay_s))
        for number in range(self._settings.callback_tries):
            if number:
                await asyncio.sleep(self._clock.real_duration(RETRY_AFTER_S * 2**number))
            self._counters.add("callbacks_sent")
            if await self._accepted(task_id, url, body, fault):
                self._counters.add("callbacks_delivered")
                return
        self._counters.add("callbacks_failed")

    async def _accepted(self, task_id: str, url: str, body: bytes, fault: str | None) -> bool:
        headers = {"Content-Type": "application/json", **self._signature(task_id, fault)}
        try:
            async with self._slots:
                reply = await self._http.post(
                    behind_ingress(url, self._settings.ingress),
                    content=body,
                    headers=headers,
                    timeout=self._settings.callback_timeout_s,
                )
        except (httpx.HTTPError, httpx.InvalidURL):
            return False
        return reply.is_success

    def _signature(self, task_id: str, fault: str | None) -> dict[str, str]:
        key = self._settings.webhook_hmac_key
        if not key or fault == "callback-unsigned":
            return {}
        if fault == "callback-forged":
            key += "-of-somebody-else"
        timestamp = str(int(time.time()))
        return {
            "X-Webhook-Timestamp": timestamp,
            "X-Webhook-Signature": sign(key, task_id, timestamp),
        }


def sign(key: str, task_id: str, timestamp: str) -> str:
    digest = hmac.new(key.encode(), f"{task_id}.{timestamp}".encode(), hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


def behind_ingress(url: str, ingress: Mapping[str, str]) -> str:
    """Turn a public address into the local one behind it, as a TLS-terminating ingress does."""
    for public, local in ingress.items():
        base = public.rstrip("/")
        if url == base or url.startswith((f"{base}/", f"{base}?")):
            return local.rstrip("/") + url[len(base) :]
    return url
