"""Hands out finished videos: rendered one by one, once per order or photo, or one for all.

Bounded: a few renders at once, each with a time limit. Invariant: what it gives exists and is a
whole mp4; two tasks that share a file are still served different sizes (`padding`), since a
messenger slows down uploads of one and the same size.
"""

from __future__ import annotations

import asyncio
import hashlib
import zlib
from collections import OrderedDict
from pathlib import Path

from neurocards_sandbox.kie.rendering.production import RenderOrder, RenderQuality, produce
from neurocards_sandbox.kie.settings import KieSandboxSettings

CANNED_NAME = "canned.mp4"
SHARED_PREFIX = "shared-"
PADDING_BYTES_MAX = 4_096
ALIKE_MAX = 256
"""Orders whose films are known by what was ordered."""
_CANNED = RenderOrder(photo=None, captions=(), seconds=2, aspect_ratio="16:9")


class Renderer:
    def __init__(self, settings: KieSandboxSettings, folder: Path) -> None:
        self._folder = folder
        self._render = settings.render
        self._cached = settings.cached_renders
        self._linked = settings.alike_renders_linked
        self._slots = asyncio.Semaphore(settings.renders_at_once)
        self._quality = RenderQuality(
            settings.height_max,
            settings.frames_per_s,
            settings.audio,
            settings.render_timeout_s,
        )
        self._shared: dict[str, asyncio.Future[None]] = {}
        self._alike: OrderedDict[str, asyncio.Future[str]] = OrderedDict()
        self.renders = 0
        folder.mkdir(parents=True, exist_ok=True)

    async def prepare(self) -> None:
        """Make the one video for all, when that is what will be served."""
        if not self._render:
            tiny = RenderQuality(240, self._quality.frames_per_s, self._quality.audio, 60.0)
            await self._once(CANNED_NAME, _CANNED, tiny)

    @property
    def is_canned(self) -> bool:
        return not self._render

    async def video(self, task_id: str, order: RenderOrder) -> str:
        """Give the file name of a task's video; UnusablePhotoError or RenderError if there is none.

        It ends when the video is ready, which may be long after the call.
        """
        if not self._render:
            return CANNED_NAME
        if self._cached:
            name = f"{SHARED_PREFIX}{_fingerprint(order)}.mp4"
            await self._once(name, order, self._quality)
            return name
        name = f"{task_id}.mp4"
        if self._linked and await self._link(name, order):
            return name
        await self._produce(name, order, self._quality)
        return name

    async def _link(self, name: str, order: RenderOrder) -> bool:
        """Give the film of an equal order this name too; False if there is none any more."""
        key = _fingerprint(order, *order.captions)
        film = self._alike.get(key)
        if film is None:
            while len(self._alike) >= ALIKE_MAX:
                self._alike.popitem(last=False)
            film = self._alike[key] = asyncio.ensure_future(self._first(name, order))
            film.add_done_callback(lambda done: self._forget_failed(key, done))
        first = await asyncio.shield(film)
        try:
            if first != name:
                (self._folder / name).hardlink_to(self._folder / first)
        except FileNotFoundError:
            self._alike.pop(key, None)
            return False
        return True

    def _forget_failed(self, key: str, film: asyncio.Future[str]) -> None:
        if film.cancelled() or film.exception() is not None:
            self._alike.pop(key, None)

    async def _first(self, name: str, order: RenderOrder) -> str:
        await self._produce(name, order, self._quality)
        return name

    async def _once(self, name: str, order: RenderOrder, quality: RenderQuality) -> None:
        if (self._folder / name).exists():
            return
        running = self._shared.get(name)
        if running is None:
            running = asyncio.ensure_future(self._produce(name, order, quality))
            self._shared[name] = running
            running.add_done_callback(lambda _: self._shared.pop(name, None))
        await asyncio.shield(running)

    async def _produce(self, name: str, order: RenderOrder, quality: RenderQuality) -> None:
        async with self._slots:
            self.renders += 1
            await produce(order, quality, self._folder / name)


def is_shared(name: str) -> bool:
    return name == CANNED_NAME or name.startswith(SHARED_PREFIX)


def padding(task_id: str) -> bytes:
    """Give an empty mp4 box whose size is the task's own; players skip it."""
    size = 8 + zlib.crc32(task_id.encode()) % PADDING_BYTES_MAX
    return size.to_bytes(4, "big") + b"free" + bytes(size - 8)


def _fingerprint(order: RenderOrder, *captions: str) -> str:
    digest = hashlib.sha256(order.photo or b"")
    digest.update("|".join(("", str(order.seconds), order.aspect_ratio, *captions)).encode())
    return digest.hexdigest()[:24]
