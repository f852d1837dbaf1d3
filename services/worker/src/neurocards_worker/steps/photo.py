"""The photo of an order, made fit to leave the house."""

from __future__ import annotations

import asyncio
from pathlib import Path

from neurocards.domain.photos import PHOTO_BYTES_MAX
from neurocards.ports.providers import Messenger, PhotoInspector
from neurocards_worker.run import PHOTO_FILE_NAME, Run


class PhotoSource:
    """Downloads and cleans a photo once per run; between the steps it lies in a file.

    Thousands of jobs may wait for a key between script and order: their photos in memory would be
    gigabytes.
    """

    def __init__(
        self, messenger: Messenger, inspector: PhotoInspector, *, work_folder: Path
    ) -> None:
        self._messenger = messenger
        self._inspector = inspector
        self._work_folder = work_folder

    async def cleaned(self, run: Run) -> bytes:
        """Give a JPEG without metadata; PhotoUnusableError, or ProviderError of Telegram."""
        file = run.file(PHOTO_FILE_NAME, work_folder=self._work_folder)
        try:
            return await asyncio.to_thread(file.read_bytes)
        except FileNotFoundError:
            pass
        job = run.job
        photo = await self._messenger.download(
            job.bot_id, job.order.photo_file_id, bytes_max=PHOTO_BYTES_MAX
        )
        cleaned = await self._inspector.cleaned(photo)
        await asyncio.to_thread(file.write_bytes, cleaned)
        return cleaned
