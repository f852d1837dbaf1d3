"""`python -m` of this module: one photo through an installed demo, and what it took.

A visitor of the Telegram simulator orders a video of a drawn photo; the bot, the queue and the
worker are those of the installation. Prints the moments of the job and ends with 0 when a real mp4
stands in the chat, with 1 otherwise, with 2 for wrong settings.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from pathlib import Path

import httpx
from PIL import Image, ImageDraw
from pydantic import Field

from neurocards.errors import ConfigurationError, NeurocardsError
from neurocards.settings import Concern, Database, Loader
from neurocards_sandbox.chat.jobs import JobReader, JobView
from neurocards_sandbox.demo.errors import DemoError
from neurocards_sandbox.demo.ordering import Wish, place_order
from neurocards_sandbox.demo.visitor import Visitor
from neurocards_sandbox.telegram.mp4 import read_video_facts

USER_IDS_FROM = 2_000_000_000
VIDEO_S = 5
POLL_S = 0.5
EXIT_FAILED = 1
EXIT_CONFIGURATION = 2


class Trial(Concern):
    """Where the order is given, and how long it may take."""

    telegram_api_url: str = "http://127.0.0.1:8081"
    """The Telegram simulator, whose first bot is tried."""
    trial_timeline: bool = True
    """Tell the moments of the job, out of the database; without it the chat alone is looked at."""
    trial_timeout_s: float = Field(300.0, gt=0)
    """From the photo to the video."""


async def run(trial: Trial, database: Database) -> None:
    """Order, wait, look at the video; DemoError or TimeoutError when there is none."""
    # Another person each time: what an earlier trial left behind says nothing.
    user_id = USER_IDS_FROM + time.time_ns() // 1_000_000 % 1_000_000_000
    async with (
        asyncio.timeout(trial.trial_timeout_s),
        httpx.AsyncClient(base_url=trial.telegram_api_url, trust_env=False) as http,
    ):
        visitor = Visitor(http, bot_id=await _bot_id(http), user_id=user_id)
        await visitor.introduce("Trial", "en")
        started = time.time()
        with tempfile.TemporaryDirectory() as folder:
            photo = await asyncio.to_thread(draw_photo, Path(folder) / "photo.jpg")
            wish = Wish(photo=photo, length_s=VIDEO_S, language="en")
            message_id = await place_order(visitor, wish)
        if trial.trial_timeline:
            await _tell_of_job(database, user_id, started)
        await _look_at_video(visitor, message_id, timeout_s=trial.trial_timeout_s)


async def _bot_id(http: httpx.AsyncClient) -> int:
    answer = await http.get("/sim/bots")
    answer.raise_for_status()
    bots = answer.json()
    if not bots:
        raise DemoError("no bot has called the Telegram simulator yet")
    return int(bots[0]["bot_id"])


async def _tell_of_job(database: Database, user_id: int, started: float) -> None:
    async with JobReader(database.dsn) as jobs:
        job = await _until_finished(jobs, user_id)
    _tell(job, started)
    if job.status != "done":
        raise DemoError(f"the job is {job.status}: {job.error}")


def draw_photo(path: Path) -> Path:
    """Draw something that passes for a product."""
    image = Image.new("RGB", (900, 1200), (238, 224, 206))
    ImageDraw.Draw(image).rounded_rectangle((225, 180, 675, 1080), 40, fill=(24, 128, 104))
    image.save(path, quality=92)
    return path


async def _until_finished(jobs: JobReader, user_id: int) -> JobView:
    while True:
        found = await jobs.of_user(user_id, limit=1)
        if found and found[0].is_finished:
            return found[0]
        await asyncio.sleep(POLL_S)


def _tell(job: JobView, started: float) -> None:
    _say(f"job {job.job_id}")
    for state, at in job.states:
        _say(f"  {at.timestamp() - started:8.2f} s  {state}")


async def _look_at_video(visitor: Visitor, message_id: int, *, timeout_s: float) -> None:
    message = await visitor.until(
        lambda message: message["message_id"] == message_id and message["media"] is not None,
        what="the video in the place of the status message",
        timeout_s=timeout_s,
    )
    facts = read_video_facts(await visitor.download(message["media"]))
    if facts is None:
        raise DemoError("what was delivered is no mp4")
    _say(f"a video of {facts.duration_s} s, {facts.width} x {facts.height}")


def _say(words: str) -> None:
    sys.stdout.write(words + "\n")
    sys.stdout.flush()


def main() -> int:
    loader = Loader()
    trial, database = loader.read(Trial), loader.read(Database)
    try:
        loader.finish()
        if trial and database:
            asyncio.run(run(trial, database))
    except ConfigurationError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_CONFIGURATION
    except TimeoutError:
        sys.stderr.write("there was no video in time\n")
        return EXIT_FAILED
    except (NeurocardsError, httpx.HTTPError, OSError) as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        return EXIT_FAILED
    return 0


if __name__ == "__main__":
    sys.exit(main())
