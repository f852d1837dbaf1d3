"""`neurocards demo --once`: one photo in, one video out, without a page.

Always beside whatever else runs: it has a data folder and processes of its own, and both are gone
afterwards, unless a folder was asked for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from neurocards_sandbox.chat.jobs import JobReader, JobView
from neurocards_sandbox.demo.errors import DemoError
from neurocards_sandbox.demo.ordering import Wish, place_order
from neurocards_sandbox.demo.stack import DemoStack
from neurocards_sandbox.demo.visitor import Json, Visitor
from neurocards_sandbox.telegram.mp4 import read_video_facts

USER_ID = 1_000_001
USER_NAME = "Demo"
JOB_TIMEOUT_FACTOR = 20.0
"""A job may take so many times the length of its render before the wait ends."""
JOB_TIMEOUT_S_MIN = 180.0
_POLL_S = 0.2

Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class OnceResult:
    """What happened to one order; `video` is there when it went well."""

    job: JobView | None
    video: Json | None
    error: str | None
    text: str | None
    """What the bot told the user last."""

    def as_json(self) -> dict[str, Any]:
        job = self.job
        states = job.states if job else ()
        return {
            "ok": self.video is not None,
            "job_id": str(job.job_id) if job else None,
            "states": [{"state": state, "at": at.isoformat()} for state, at in states],
            "script": job.script if job else None,
            "video": self.video,
            "error": self.error,
            "text": self.text,
        }


async def order_once(stack: DemoStack, wish: Wish, out: Path | None, report: Report) -> OnceResult:
    """Order one video of a running stack and save it; DemoError when even the order fails."""
    async with (
        httpx.AsyncClient(base_url=stack.telegram_url, trust_env=False) as http,
        JobReader(stack.plan.page_database_url) as jobs,
    ):
        visitor = Visitor(http, bot_id=stack.plan.secrets.bot_id, user_id=USER_ID)
        await visitor.introduce(USER_NAME, "ru" if wish.language == "ru" else "en")
        message_id = await place_order(visitor, wish)
        job = await _until_finished(jobs, stack, report)
        chat = await visitor.transcript()
        message = next(
            (one for one in chat["messages"] if one["message_id"] == message_id),
            chat["messages"][-1],
        )
        if job.status != "done" or message["media"] is None:
            return OnceResult(job, None, job.error or f"the job is {job.status}", message["text"])
        data = await visitor.download(message["media"])
        path = out or Path(f"neurocards-{job.job_id}.mp4")
        video = await asyncio.to_thread(_save, path, data)
        return OnceResult(job, video, None, message["text"])


async def _until_finished(jobs: JobReader, stack: DemoStack, report: Report) -> JobView:
    limit_s = max(JOB_TIMEOUT_S_MIN, stack.plan.options.render_s * JOB_TIMEOUT_FACTOR)
    told = ""
    try:
        async with asyncio.timeout(limit_s):
            while True:
                found = await jobs.of_user(USER_ID, limit=1)
                if found and found[0].status != told:
                    told = found[0].status
                    report(f"job {found[0].job_id}: {told}")
                if found and found[0].is_finished:
                    return found[0]
                await asyncio.sleep(_POLL_S)
    except TimeoutError:
        raise DemoError(f"the job was not finished within {limit_s:g} s") from None


def _save(path: Path, data: bytes) -> Json:
    facts = read_video_facts(data)
    if facts is None:
        raise DemoError("what was delivered is no MP4")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    except OSError as error:
        raise DemoError(f"{path} cannot be written: {error.strerror}") from error
    return {
        "path": str(path),
        "bytes": len(data),
        "seconds": facts.duration_s,
        "width": facts.width,
        "height": facts.height,
    }
