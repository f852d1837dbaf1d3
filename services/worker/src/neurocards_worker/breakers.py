"""Services that are left alone while they fail: the ports of the outside behind circuit breakers.

A service that is held back raises ServiceRestsError without a call, and its jobs wait: that is
nobody's failure and uses up no try. What counts is an outage (no answer, an answer of a broken
server), not a refusal: whoever refuses is there. Each process learns by itself.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import structlog

from neurocards.domain.breaker import (
    Breaker,
    BreakerLimits,
    BreakerState,
    HeldBack,
    abandoned,
    asked,
    failed,
    succeeded,
)
from neurocards.domain.failures import (
    UNUSABLE_SCRIPT_CODE,
    Failure,
    FailureClass,
    FailureSource,
    classify,
)
from neurocards.domain.jobs import ChatAddress
from neurocards.domain.keys import ProviderKey
from neurocards.domain.orders import Order, OrderOptions, Template
from neurocards.domain.script import Script
from neurocards.errors import NeurocardsError, OutcomeUnknownError, ProviderError
from neurocards.ports.providers import (
    Button,
    Messenger,
    Render,
    ScriptWriter,
    VideoFacts,
    VideoProvider,
)
from neurocards_worker.metrics import WorkerMetrics
from neurocards_worker.moments import Moments

SPREAD_MAX = 0.5
"""Jobs that were held back together come back spread over so much of their wait."""

log = structlog.get_logger(__name__)
T = TypeVar("T")


class ServiceRestsError(ProviderError):
    """The call was not made: its service failed so often that it is left alone for `after_s`."""

    def __init__(self, service: str, *, after_s: float) -> None:
        seen = Failure(FailureSource.NETWORK, text=f"not sent: {service} is left alone")
        super().__init__(seen, retry_after_s=after_s)
        self.after_s = after_s
        self.reason = f"{service}_rests"


class ServiceBreaker:
    """The breaker of one service, `openai`, `kie` or `telegram`."""

    def __init__(
        self,
        service: str,
        limits: BreakerLimits,
        *,
        metrics: WorkerMetrics,
        moments: Moments,
        chance: random.Random | None = None,
    ) -> None:
        self._service = service
        self._limits = limits
        self._state = metrics.breaker_open.labels(service)
        self._held_back = metrics.breaker_held_back_total.labels(service)
        self._moments = moments
        self._chance = chance or random.Random()
        self._breaker = Breaker()
        self._state.set(0)

    async def through(self, call: Callable[[], Awaitable[T]]) -> T:
        """Make the call, or raise ServiceRestsError."""
        self._enter()
        try:
            answer = await call()
        except NeurocardsError as error:
            self._note(outage=is_outage(error))
            raise
        except BaseException:
            # A cancellation, or a bug of ours: it says nothing of the service.
            self._become(abandoned(self._breaker, now_s=self._moments.monotonic()))
            raise
        self._note(outage=False)
        return answer

    def _enter(self) -> None:
        answer = asked(self._breaker, self._limits, now_s=self._moments.monotonic())
        if isinstance(answer, HeldBack):
            self._held_back.inc()
            after_s = answer.after_s + self._chance.uniform(0, SPREAD_MAX) * self._limits.open_s
            raise ServiceRestsError(self._service, after_s=after_s)
        self._become(answer.breaker)

    def _note(self, *, outage: bool) -> None:
        if outage:
            now_s = self._moments.monotonic()
            self._become(failed(self._breaker, self._limits, now_s=now_s))
        else:
            self._become(succeeded(self._breaker))

    def _become(self, after: Breaker) -> None:
        before, self._breaker = self._breaker.state, after
        if before is not after.state:
            self._state.set(after.state is not BreakerState.CLOSED)
            log.warning("breaker.moved", service=self._service, state=after.state)


def is_outage(error: NeurocardsError) -> bool:
    """Tell whether an error says that nobody there could answer."""
    if not isinstance(error, ProviderError):
        return False
    if isinstance(error, OutcomeUnknownError):
        return True
    passing = classify(error.failure).failure_class is FailureClass.TEMPORARY
    return passing and error.failure.code != UNUSABLE_SCRIPT_CODE


class GuardedScriptWriter:
    """A ScriptWriter."""

    def __init__(self, writer: ScriptWriter, breaker: ServiceBreaker) -> None:
        self._writer = writer
        self._breaker = breaker

    async def write(self, order: Order, template: Template, photo: bytes) -> Script:
        return await self._breaker.through(lambda: self._writer.write(order, template, photo))


class GuardedVideoProvider:
    """A VideoProvider; finished videos come from another host, which is not guarded."""

    def __init__(self, provider: VideoProvider, breaker: ServiceBreaker) -> None:
        self._provider = provider
        self._breaker = breaker

    @property
    def name(self) -> str:
        return self._provider.name

    @property
    def model(self) -> str:
        return self._provider.model

    async def upload(self, key: ProviderKey, photo: bytes, *, file_name: str) -> str:
        upload = self._provider.upload
        return await self._breaker.through(lambda: upload(key, photo, file_name=file_name))

    async def create(
        self,
        key: ProviderKey,
        *,
        prompt: str,
        image_url: str,
        options: OrderOptions,
        callback_url: str | None,
    ) -> str:
        return await self._breaker.through(
            lambda: self._provider.create(
                key,
                prompt=prompt,
                image_url=image_url,
                options=options,
                callback_url=callback_url,
            )
        )

    async def render(self, key: ProviderKey, task_id: str) -> Render:
        return await self._breaker.through(lambda: self._provider.render(key, task_id))

    async def fetch(self, url: str, target: Path) -> None:
        await self._provider.fetch(url, target)


class GuardedMessenger:
    """A Messenger."""

    def __init__(self, messenger: Messenger, breaker: ServiceBreaker) -> None:
        self._messenger = messenger
        self._breaker = breaker

    async def download(self, bot_id: int, file_id: str, *, bytes_max: int) -> bytes:
        download = self._messenger.download
        return await self._breaker.through(lambda: download(bot_id, file_id, bytes_max=bytes_max))

    async def edit_status(
        self, chat: ChatAddress, message_id: int, html: str, *, button: Button | None = None
    ) -> None:
        edit = self._messenger.edit_status
        await self._breaker.through(lambda: edit(chat, message_id, html, button=button))

    async def replace_with_video(
        self, chat: ChatAddress, message_id: int, video: Path, facts: VideoFacts, html: str
    ) -> str | None:
        replace = self._messenger.replace_with_video
        return await self._breaker.through(lambda: replace(chat, message_id, video, facts, html))

    async def send_video(self, chat: ChatAddress, video: Path, facts: VideoFacts, html: str) -> str:
        return await self._breaker.through(
            lambda: self._messenger.send_video(chat, video, facts, html)
        )

    async def send_text(
        self, chat: ChatAddress, html: str, *, button: Button | None = None
    ) -> None:
        send = self._messenger.send_text
        await self._breaker.through(lambda: send(chat, html, button=button))
