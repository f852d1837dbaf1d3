"""The heart of the simulator: takes orders, lets time pass, ends tasks, tells the client.

Its edges are HTTP (the routes), the disk (`store`, `files`) and ffmpeg (`rendering`). Invariants:
a task is stored before its id is given out; it ends exactly once; a failed one costs nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import json
import random
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx

from neurocards_sandbox.kie.accounts import CREATES_PER_WINDOW, AccountLimits, Accounts
from neurocards_sandbox.kie.callbacks import CallbackSender
from neurocards_sandbox.kie.clock import SimulatedClock
from neurocards_sandbox.kie.counters import Counters
from neurocards_sandbox.kie.endings import Endings, result_json
from neurocards_sandbox.kie.envelopes import RECORD_IS_NULL, RefusedError
from neurocards_sandbox.kie.faults import AFTER_CREATION, CATALOGUE, STAGES, Stage
from neurocards_sandbox.kie.files import Uploads
from neurocards_sandbox.kie.models import VideoOrder
from neurocards_sandbox.kie.photos import PhotoSource
from neurocards_sandbox.kie.rendering.renderer import Renderer
from neurocards_sandbox.kie.settings import KieSandboxSettings
from neurocards_sandbox.kie.store import Store
from neurocards_sandbox.kie.tasks import Outcome, Task, Timeline, callback_body, record
from neurocards_sandbox.simulation.fault_plan import FaultPlan
from neurocards_sandbox.simulation.key_ring import KeyHolder, KeyRing

TASKS_KEPT_MAX = 50_000
NAP_S_MAX = 60.0
SLOW_FACTOR = 5.0
LONG_INVISIBLE_FACTOR = 10.0


class KieSimulator:
    def __init__(self, settings: KieSandboxSettings, folder: Path, http: httpx.AsyncClient) -> None:
        self.settings = settings
        self.store = Store(folder / "kie.sqlite3")
        self.clock = SimulatedClock(settings.time_factor, saved=self.store.load_clock())
        self.keys = KeyRing(settings.keys, settings.accounts)
        self.counters = Counters()
        self.faults = FaultPlan(STAGES)
        self.uploads = Uploads(folder / "uploads", self.store, settings.upload_ttl_s)
        self.results_folder = folder / "results"
        self.renderer = Renderer(settings, self.results_folder)
        self.callbacks = CallbackSender(settings, self.clock, self.counters, http)
        self.accounts = Accounts(_limits(settings), settings.credits_at_start)
        self.tasks: dict[str, Task] = {}
        photos = PhotoSource(self.uploads, self.clock, http)
        self._endings = Endings(self.renderer, photos, self.clock)
        self._dice = random.Random(settings.seed)
        self._due: list[tuple[float, str]] = []
        self._woken = asyncio.Event()
        self._background: set[asyncio.Task[None]] = set()
        self._results: dict[str, asyncio.Task[Outcome]] = {}
        self._ending: set[str] = set()
        self._ended: dict[str, asyncio.Event] = {}
        self._last_id_ms = 0
        self._cleaned_s = 0.0

    async def start(self) -> None:
        await self.renderer.prepare()
        self._restore()
        self.store.save_clock(self.clock.anchor)
        self._in_background(self._watch())

    async def close(self) -> None:
        running = [*self._background, *self._results.values()]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await self.callbacks.close()
        self.store.save_clock(self.clock.anchor)
        self.store.close()

    def create(
        self, holder: KeyHolder, order: VideoOrder, body: Mapping[str, Any], base_url: str
    ) -> Task:
        """Make a task of a checked order; RefusedError when the account may not."""
        self.accounts.take(holder.account, order.credits, time.monotonic())
        self.store.save_account(holder.account, self.accounts.account(holder.account).credits)
        faults = self.faults.draw(AFTER_CREATION, account=holder.account, prompt=order.prompt)
        created_ms = self._unused_ms()
        slug = order.model.replace("/", "-")
        task = Task(
            task_id=f"task_{slug}_{created_ms}",
            model=order.model,
            param=json.dumps(body, ensure_ascii=False),
            prompt=order.prompt,
            image_urls=order.image_urls,
            seconds=order.seconds,
            aspect_ratio=order.aspect_ratio,
            callback_url=body.get("callBackUrl") or None,
            account=holder.account,
            key_fingerprint=holder.fingerprint,
            base_url=base_url,
            created_ms=created_ms,
            credits=order.credits,
            timeline=self._timeline(faults),
            faults=faults,
        )
        self.store.save_task(task)
        self.counters.created(task)
        self._keep(task)
        return task

    def record(self, task_id: str, account: str) -> tuple[Task, dict[str, Any]]:
        """Give a task and its `data`; RefusedError while it is invisible or when it is none."""
        task = self.tasks.get(task_id)
        now = self.clock.now()
        if task is None or task.account != account or now < task.timeline.visible:
            raise RefusedError(422, RECORD_IS_NULL)
        return task, self.data(task)

    def data(self, task: Task) -> dict[str, Any]:
        return record(task, self.clock.now(), int(self.clock.real_now() * 1000))

    def set_credits(self, account: str, amount: float) -> None:
        self.accounts.account(account).credits = amount
        self.store.save_account(account, amount)

    def set_time_factor(self, factor: float) -> None:
        self.clock.set_factor(factor)
        self.store.save_clock(self.clock.anchor)
        self._woken.set()

    def advance(self, task: Task, seconds: float) -> None:
        """Let simulated seconds pass for one task alone."""
        old = task.timeline
        task.timeline = Timeline(old.created - seconds, old.visible - seconds, old.due - seconds)
        self._plan(task)

    def finish(self, task: Task, fault: str | None = None) -> None:
        """End a task as soon as its video is there, by `fault` of the stage RENDER if given."""
        if task.outcome is not None:
            return
        now = self.clock.now()
        if fault is not None:
            task.faults = {**task.faults, Stage.RENDER: fault}
        visible = min(task.timeline.visible, now)
        task.timeline = replace(task.timeline, visible=visible, due=now)
        self._plan(task)

    async def wait_until_ended(self, task: Task, timeout_s: float) -> bool:
        if task.outcome is None:
            ended = self._ended.setdefault(task.task_id, asyncio.Event())
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(ended.wait(), timeout_s)
        return task.outcome is not None

    def add_fault(self, task: Task, name: str) -> None:
        task.faults = {**task.faults, CATALOGUE[name].stage: name}
        self.store.save_task(task)

    def send_callback(self, task: Task) -> None:
        if task.callback_url:
            body = callback_body(task, self.data(task))
            self.callbacks.send(task.task_id, task.callback_url, body, task.fault(Stage.CALLBACK))

    def _restore(self) -> None:
        running: dict[str, int] = {}
        for task in self.store.load_tasks(TASKS_KEPT_MAX):
            self._keep(task)
            running[task.account] = running.get(task.account, 0) + (task.outcome is None)
        for name, amount in self.store.load_accounts():
            self.accounts.restore(name, amount, running.get(name, 0))

    def _keep(self, task: Task) -> None:
        self.tasks[task.task_id] = task
        if task.outcome is None:
            if self.settings.render and not {Stage.RENDER, Stage.TIMELINE} & task.faults.keys():
                self._results[task.task_id] = asyncio.create_task(self._endings.of(task))
            self._plan(task)
        if len(self.tasks) > TASKS_KEPT_MAX:
            oldest = next(iter(self.tasks.values()))
            if oldest.outcome is not None:
                del self.tasks[oldest.task_id]

    def _plan(self, task: Task) -> None:
        heapq.heappush(self._due, (task.timeline.due, task.task_id))
        if self._due[0][1] == task.task_id:
            self._woken.set()

    async def _watch(self) -> None:
        """End each task when its time has come; the one place where tasks end."""
        while True:
            now = self.clock.now()
            while self._due and self._due[0][0] <= now:
                _, task_id = heapq.heappop(self._due)
                self._begin_to_end(task_id, now)
            self._clean_up()
            nap_s = self.clock.real_duration(self._due[0][0] - now) if self._due else NAP_S_MAX
            self._woken.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), min(NAP_S_MAX, max(0.0, nap_s)))

    def _begin_to_end(self, task_id: str, now: float) -> None:
        task = self.tasks.get(task_id)
        if task is None or task.outcome is not None or task.timeline.due > now:
            return
        if task_id not in self._ending:
            self._ending.add(task_id)
            self._in_background(self._end(task))

    async def _end(self, task: Task) -> None:
        outcome = await self._outcome(task)
        completed_ms = max(task.created_ms + 1, int(self.clock.real_now() * 1000))
        task.outcome = replace(outcome, completed_ms=completed_ms)
        self.accounts.ended(task.account)
        if not outcome.success:
            self.accounts.give_back(task.account, task.credits)
            self.store.save_account(task.account, self.accounts.account(task.account).credits)
        self.counters.add("succeeded" if outcome.success else "failed")
        self.store.save_task(task)
        self._ending.discard(task.task_id)
        if ended := self._ended.pop(task.task_id, None):
            ended.set()
        self.send_callback(task)

    async def _outcome(self, task: Task) -> Outcome:
        rendering = self._results.pop(task.task_id, None)
        if rendering is not None and task.fault(Stage.RENDER) is not None:
            rendering.cancel()
            rendering = None
        outcome = await (rendering or self._endings.of(task))
        if outcome.success and task.fault(Stage.RENDER) is not None:
            # The control API asked for the failure while the video was still being rendered.
            return await self._endings.of(task)
        return replace(outcome, result_json=result_json(task)) if outcome.success else outcome

    def _timeline(self, faults: Mapping[str, str]) -> Timeline:
        now = self.clock.now()
        spread = 1 + self.settings.jitter * self._dice.uniform(-1, 1)
        match faults.get(Stage.TIMELINE):
            case "stuck":
                duration_s = float("inf")
            case "slow":
                duration_s = self.settings.render_s * spread * SLOW_FACTOR
            case "fast":
                duration_s = 0.0
            case _:
                duration_s = self.settings.render_s * spread
        invisible_s = self.settings.visible_after_s
        if faults.get(Stage.INFO) == "info-null":
            invisible_s *= LONG_INVISIBLE_FACTOR
        return Timeline(now, now + invisible_s, now + duration_s)

    def _unused_ms(self) -> int:
        # Task ids carry the time in milliseconds and have to differ.
        self._last_id_ms = max(self._last_id_ms + 1, int(self.clock.real_now() * 1000))
        return self._last_id_ms

    def _clean_up(self) -> None:
        now_s = self.clock.real_now()
        if now_s - self._cleaned_s < NAP_S_MAX:
            return
        self._cleaned_s = now_s
        self.uploads.forget_expired(now_s)
        oldest_ms = int((now_s - self.settings.result_ttl_s) * 1000)
        self.store.delete_tasks_before(oldest_ms)
        for task in [t for t in self.tasks.values() if t.created_ms < oldest_ms and t.outcome]:
            del self.tasks[task.task_id]
            (self.results_folder / f"{task.task_id}.mp4").unlink(missing_ok=True)

    def _in_background(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)


def _limits(settings: KieSandboxSettings) -> AccountLimits:
    window = max(1, round(CREATES_PER_WINDOW * settings.limit_factor))
    return AccountLimits(
        creates_per_window=window if settings.rate_limit else None,
        running_max=settings.running_max,
        credits_error_code=500 if settings.credits_error_as_500 else 402,
    )
