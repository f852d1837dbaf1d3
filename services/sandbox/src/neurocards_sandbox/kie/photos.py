"""Gets the photo that a task names: from the simulator's own uploads, else over HTTP."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

import httpx

from neurocards_sandbox.kie.clock import SimulatedClock
from neurocards_sandbox.kie.files import Uploads
from neurocards_sandbox.kie.tasks import Task

UPLOADS_ROUTE = "/tempfile/"
PHOTO_BYTES_MAX = 10 * 1024 * 1024
FETCH_TIMEOUT_S = 30.0


class PhotoMissingError(LookupError):
    """The address leads to nothing, or to more bytes than a photo may have."""


class PhotoSource:
    def __init__(self, uploads: Uploads, clock: SimulatedClock, http: httpx.AsyncClient) -> None:
        self._uploads = uploads
        self._clock = clock
        self._http = http

    async def first_photo(self, task: Task, *, foreign: bool) -> bytes | None:
        """Give the first image's bytes, None when the task has none (or it is foreign, unwanted).

        PhotoMissingError when it cannot be had.
        """
        if not task.image_urls:
            return None
        url = task.image_urls[0]
        parts = urlsplit(url)
        own = parts.netloc == urlsplit(task.base_url).netloc
        if own and parts.path.startswith(UPLOADS_ROUTE):
            return self._own(unquote(parts.path[len(UPLOADS_ROUTE) :]))
        return await self._foreign(url) if foreign else None

    def _own(self, path: str) -> bytes:
        found = self._uploads.find(path, self._clock.real_now())
        if found is None or found[1].bytes_count > PHOTO_BYTES_MAX:
            raise PhotoMissingError(path)
        return found[0].read_bytes()

    async def _foreign(self, url: str) -> bytes:
        return await fetch(self._http, url, PHOTO_BYTES_MAX)


async def fetch(http: httpx.AsyncClient, url: str, bytes_max: int) -> bytes:
    """Download at most `bytes_max` bytes; PhotoMissingError for more and for every failure."""
    content = bytearray()
    try:
        async with http.stream("GET", url, timeout=FETCH_TIMEOUT_S, follow_redirects=True) as reply:
            reply.raise_for_status()
            async for chunk in reply.aiter_bytes():
                content += chunk
                if len(content) > bytes_max:
                    raise PhotoMissingError(url)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise PhotoMissingError(url) from error
    return bytes(content)
