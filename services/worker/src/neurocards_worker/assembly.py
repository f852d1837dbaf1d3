"""The worker put together, over whatever stands behind the ports: real ones or fakes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from neurocards.adapters.kie.dialects import DIALECTS
from neurocards.adapters.telegram.paced import PacedMessenger
from neurocards.domain.breaker import BreakerLimits
from neurocards.outbound import Turns
from neurocards.ports.jobs import JobStore, KeyStore, TemplateStore
from neurocards.ports.outbound import OutboundBuckets
from neurocards.ports.providers import Messenger, PhotoInspector, ScriptWriter, VideoProvider
from neurocards.ports.queue import Hints, JobQueue
from neurocards.telemetry.metrics import CommonMetrics
from neurocards.translations import Translations
from neurocards_worker.breakers import (
    GuardedMessenger,
    GuardedScriptWriter,
    GuardedVideoProvider,
    ServiceBreaker,
)
from neurocards_worker.carrier import Carrier
from neurocards_worker.key_gate import KeyGate, KeyWindow
from neurocards_worker.key_watch import KeyWatch
from neurocards_worker.leases import LeaseKeeper
from neurocards_worker.metrics import WorkerMetrics
from neurocards_worker.moments import Moments
from neurocards_worker.patience import PatientJobStore
from neurocards_worker.progress_board import BoardPace, ProgressBoard
from neurocards_worker.run import Step
from neurocards_worker.runner import Runner, RunnerLimits
from neurocards_worker.settings import WorkerSettings
from neurocards_worker.settlement import Settlement
from neurocards_worker.steps.ambiguity import LostOrder, Wakes
from neurocards_worker.steps.deliver import DeliverStep
from neurocards_worker.steps.fetch import FetchStep
from neurocards_worker.steps.photo import PhotoSource
from neurocards_worker.steps.render import RenderPace, RenderStep
from neurocards_worker.steps.script import ScriptStep
from neurocards_worker.steps.submit import CallbackAddress, KeyBlocks, SubmitStep
from neurocards_worker.steps.trouble import Trouble
from neurocards_worker.texts import WorkerTexts
from neurocards_worker.tidings import Tidings
from neurocards_worker.wakes import RenderWakes

POLL_SPREAD = 0.5
POLL_SPREAD_WITH_CALLBACKS = 1 / 3
DOWNLOADS_AT_ONCE = 8
TELL_AGAIN_S = 30.0
PROBE_S = 60.0
"""A call that tries whether a service is back: an upload may take so long, and no look does."""


@dataclass(frozen=True, slots=True)
class Outside:
    """What stands behind each port."""

    jobs: JobStore
    leases: JobStore
    """The same jobs by a way of their own: who keeps leases must not wait behind the jobs."""
    keys: KeyStore
    templates: TemplateStore
    queue: JobQueue
    hints: Hints
    messenger: Messenger
    outbound: OutboundBuckets
    writer: ScriptWriter
    provider: VideoProvider
    inspector: PhotoInspector


class Assembly:
    """All parts of one worker; `run` is the worker."""

    def __init__(
        self,
        settings: WorkerSettings,
        outside: Outside,
        *,
        common: CommonMetrics,
        metrics: WorkerMetrics,
        moments: Moments,
        wakes: Wakes | None = None,
        work_folder: Path | None = None,
    ) -> None:
        """`work_folder`: where this process alone puts files; without it, the configured one."""
        self._settings = settings
        self._work_folder = work_folder or settings.work.work_folder
        self._common = common
        self._metrics = metrics
        self._moments = moments
        self._outside = outside = self._guarded(outside)
        self._messenger = self._paced(outside)
        self.wakes = RenderWakes()
        self._waits: Wakes = wakes or self.wakes
        self.jobs = PatientJobStore(outside.jobs, moments=moments)
        timings, video = settings.timings, settings.video
        self._trouble = Trouble(timings.retry_delays)
        self._texts = WorkerTexts(
            Translations.load("neurocards_worker", "neurocards_worker"),
            model_name=DIALECTS[video.kie_model].title,
            support_handle=settings.work.support_handle,
        )
        self.gate = KeyGate(
            outside.keys,
            settings.keys,
            window=KeyWindow(
                video.kie_creates_per_window, video.kie_window_kept_s, video.kie_window_margin_s
            ),
            wait_s_max=timings.key_wait_s,
            scale=timings.retry_scale,
            moments=moments,
        )
        self.key_watch = KeyWatch(
            outside.keys,
            [key.fingerprint for key in settings.keys],
            metrics=metrics,
            moments=moments,
        )
        self.leases = LeaseKeeper(
            outside.leases,
            lease_s=timings.lease_s,
            renewal_s=timings.renewal_s,
            beat_s=timings.beat_s,
            metrics=metrics,
            moments=moments,
        )
        self.board = self._board()
        self.tidings = Tidings(
            self._messenger,
            self.jobs,
            self.board,
            self._texts,
            metrics=common,
            moments=moments,
        )
        self.carrier = self._carrier()
        self.runner = self._runner()

    async def run(self, stop: asyncio.Event, *, on_stop: Callable[[], None]) -> None:
        """Work until `stop` is set; `on_stop` is called before the hand-over begins."""
        background = [
            asyncio.create_task(self.board.run(), name="progress"),
            asyncio.create_task(self.key_watch.run(), name="keys"),
            asyncio.create_task(self._announce_stop(stop, on_stop), name="on-stop"),
        ]
        try:
            await self._registered(stop)
            await self.runner.run(stop)
        finally:
            for task in background:
                task.cancel()
            await asyncio.wait(background)

    def _guarded(self, outside: Outside) -> Outside:
        """Put each service behind a breaker of its own."""
        return replace(
            outside,
            writer=GuardedScriptWriter(outside.writer, self._breaker("openai")),
            provider=GuardedVideoProvider(outside.provider, self._breaker("kie")),
            messenger=GuardedMessenger(outside.messenger, self._breaker("telegram")),
        )

    def _paced(self, outside: Outside) -> PacedMessenger:
        """Let every message wait for its turn, before it is asked whether Telegram is there."""
        settings = self._settings
        turns = Turns(
            outside.outbound,
            settings.pace.limits(settings.timings.profile),
            alone_share=settings.pace.telegram_alone_share,
            metrics=self._common,
            moments=self._moments,
        )
        return PacedMessenger(outside.messenger, turns)

    def _breaker(self, service: str) -> ServiceBreaker:
        work = self._settings.work
        limits = BreakerLimits(
            failures_max=work.breaker_failures,
            open_s=work.breaker_open_s * self._settings.timings.retry_scale,
            probe_s=PROBE_S,
        )
        return ServiceBreaker(service, limits, metrics=self._metrics, moments=self._moments)

    async def _registered(self, stop: asyncio.Event) -> None:
        """Make the keys known before the first order, however long PostgreSQL is away."""
        registering = asyncio.create_task(self.gate.register())
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({registering, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        registering.cancel()

    async def _announce_stop(self, stop: asyncio.Event, on_stop: Callable[[], None]) -> None:
        await stop.wait()
        on_stop()

    def _board(self) -> ProgressBoard:
        timings = self._settings.timings
        pace = BoardPace(
            edit_s=timings.status_edit_s,
            edits_per_s=self._settings.work.status_edits_per_s,
            render_expected_s=timings.render_expected_s,
        )
        return ProgressBoard(
            self._messenger,
            self._texts,
            pace=pace,
            is_ours=self.leases.is_ours,
            metrics=self._common,
            moments=self._moments,
        )

    def _carrier(self) -> Carrier:
        settlement = Settlement(
            self.jobs,
            self.tidings,
            self._outside.hints,
            metrics=self._metrics,
            moments=self._moments,
        )
        return Carrier(
            self._steps(),
            settlement,
            self.board,
            self._trouble,
            metrics=self._metrics,
            moments=self._moments,
        )

    def _steps(self) -> Sequence[Step]:
        outside, folder = self._outside, self._work_folder
        photos = PhotoSource(self._messenger, outside.inspector, work_folder=folder)
        return (
            ScriptStep(
                self.jobs,
                templates=outside.templates,
                writer=outside.writer,
                photos=photos,
                trouble=self._trouble,
                moments=self._moments,
            ),
            self._submit_step(photos),
            self._render_step(),
            FetchStep(
                self.jobs,
                outside.provider,
                self._trouble,
                work_folder=folder,
                downloads_at_once=DOWNLOADS_AT_ONCE,
                tries=self._settings.video.fetch_tries,
                retry_scale=self._settings.timings.retry_scale,
                metrics=self._metrics,
                moments=self._moments,
            ),
            DeliverStep(
                self.jobs,
                self._messenger,
                board=self.board,
                tidings=self.tidings,
                texts=self._texts,
                work_folder=folder,
                retry_scale=self._settings.timings.retry_scale,
                metrics=self._metrics,
                moments=self._moments,
            ),
        )

    def _submit_step(self, photos: PhotoSource) -> SubmitStep:
        outside, timings, public = self._outside, self._settings.timings, self._settings.public
        secret = self._callback_secret()
        return SubmitStep(
            self.jobs,
            outside.provider,
            gate=self.gate,
            photos=photos,
            lost_order=LostOrder(
                outside.provider,
                self.gate,
                self._waits,
                secret=secret,
                wait_s=timings.ambiguity_wait_s,
                look_again_s=timings.render_poll_s,
                moments=self._moments,
            ),
            trouble=self._trouble,
            blocks=KeyBlocks(timings.key_rate_block_s, timings.key_billing_block_s),
            callbacks=CallbackAddress(public.public_base_url if secret else None, secret or b""),
            hints=outside.hints,
            metrics=self._metrics,
            moments=self._moments,
        )

    def _render_step(self) -> RenderStep:
        timings = self._settings.timings
        called_back = self._settings.public.callbacks_enabled
        pace = RenderPace(
            poll_s=timings.render_poll_callback_s if called_back else timings.render_poll_s,
            spread=POLL_SPREAD_WITH_CALLBACKS if called_back else POLL_SPREAD,
            deadline_s=timings.render_deadline_s,
            unknown_s=timings.task_unknown_s,
            scale=timings.retry_scale,
        )
        return RenderStep(
            self.jobs,
            self._outside.provider,
            gate=self.gate,
            wakes=self._waits,
            board=self.board,
            trouble=self._trouble,
            pace=pace,
            key_block_s=timings.key_billing_block_s,
            polls_at_once=self._settings.work.polls_at_once,
            metrics=self._metrics,
            moments=self._moments,
        )

    def _runner(self) -> Runner:
        work, timings = self._settings.work, self._settings.timings
        limits = RunnerLimits(
            name=self._settings.telemetry.pod_name,
            slots=work.concurrency,
            lease_s=timings.lease_s,
            drain_s=work.drain_s,
            claims_at_once=max(1, self._settings.database.pool_size // 2),
            tell_again_s=TELL_AGAIN_S * timings.retry_scale,
        )
        return Runner(
            self._outside.queue,
            self.jobs,
            carrier=self.carrier,
            leases=self.leases,
            hints=self._outside.hints,
            limits=limits,
            metrics=self._metrics,
        )

    def _callback_secret(self) -> bytes | None:
        public = self._settings.public
        if not public.callbacks_enabled or public.callback_secret is None:
            return None
        return public.callback_secret.get_secret_value().encode()
