"""The whole system through real processes: user -> bot -> queue -> worker -> video."""

from __future__ import annotations

from pathlib import Path

import pytest

from neurocards_sandbox.demo.once import order_once
from neurocards_sandbox.demo.options import DemoOptions
from neurocards_sandbox.demo.ordering import Wish
from neurocards_sandbox.demo.stack import DemoStack
from support.product_photo import (
    GROUND_RGB,
    PRODUCT_RGB,
    complaints_of_decoder,
    product_photo,
    seconds_of,
    share_of_colour,
)

LIFE = ["queued", "scripting", "submitting", "rendering", "fetching", "delivering", "done"]
COLOUR_SHARE_MIN = 0.08
FOREIGN_RGB = (200, 20, 200)
"""A colour that the photo does not have."""
ONE_FRAME_S = 0.1
"""A frame, and what the silent sound track may last longer."""


def _silent(_words: str) -> None:
    """Nobody reads the start-up of a test."""


@pytest.mark.parametrize(
    ("mode", "aspect", "length_s"), [("webhook", "9:16", 10), ("polling", "16:9", 5)]
)
async def test_a_photo_becomes_a_video_of_that_photo(
    tmp_path: Path, mode: str, aspect: str, length_s: int
) -> None:
    """Ratio, length and colours of the delivered file are those of the order."""
    photo = product_photo(tmp_path / "bottle.jpg")
    wish = Wish(photo=photo, aspect=aspect, length_s=length_s, caption="Термобутылка, 500 мл")
    options = DemoOptions(
        data_dir=tmp_path / "data",
        port=0,
        polling=mode == "polling",
        render_s=5.0,
        height_max=640,
    )

    async with DemoStack(options, _silent) as stack:
        result = await order_once(stack, wish, tmp_path / "out.mp4", _silent)

    assert result.error is None
    assert result.job is not None
    assert result.video is not None
    assert [state for state, _ in result.job.states] == LIFE
    moments = [at for _, at in result.job.states]
    assert moments == sorted(moments)
    video = Path(result.video["path"])
    width, height = (int(part) for part in aspect.split(":"))
    assert result.video["width"] / result.video["height"] == pytest.approx(width / height, rel=0.02)
    assert seconds_of(video) == pytest.approx(length_s, abs=ONE_FRAME_S)
    assert complaints_of_decoder(video) == ""
    for rgb in (PRODUCT_RGB, GROUND_RGB):
        assert share_of_colour(video, rgb, at_s=length_s / 2) > COLOUR_SHARE_MIN
    assert share_of_colour(video, FOREIGN_RGB, at_s=length_s / 2) == 0


async def test_what_is_ordered_stands_in_the_job_and_in_its_script(tmp_path: Path) -> None:
    """The chosen style and language reach the worker, the caption reaches the script."""
    photo = product_photo(tmp_path / "bottle.jpg")
    wish = Wish(photo=photo, length_s=5, aspect="1:1", language="en", caption="Steel bottle Aurora")
    options = DemoOptions(data_dir=tmp_path / "data", port=0, render_s=3.0, height_max=480)

    async with DemoStack(options, _silent) as stack:
        result = await order_once(stack, wish, tmp_path / "out.mp4", _silent)

    assert result.job is not None
    assert result.job.script is not None
    assert result.job.options == {
        "aspect_ratio": "1:1",
        "duration_s": 5,
        "script_language": "en",
    }
    words = " ".join([result.job.script["title"], *result.job.script["scenes"]])
    assert "Aurora" in words
    assert result.job.attempt == 1
