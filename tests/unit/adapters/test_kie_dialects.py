"""Each model is told what it wants to hear, in the types that it wants."""

from __future__ import annotations

from typing import Any

import pytest

from neurocards.adapters.kie.dialects import DEFAULT_MODEL, DIALECTS
from neurocards.domain.orders import DURATIONS_S, AspectRatio, OrderOptions

URL = "https://files.example/photo.jpg"


def told(model: str, aspect: AspectRatio = AspectRatio.PORTRAIT, duration_s: int = 10) -> Any:
    options = OrderOptions(aspect_ratio=aspect, duration_s=duration_s)
    return DIALECTS[model].input("a prompt", URL, options)


def test_kling_wants_its_seconds_as_a_string():
    assert told(DEFAULT_MODEL) == {
        "prompt": "a prompt",
        "image_urls": [URL],
        "duration": "10",
        "aspect_ratio": "9:16",
        "mode": "std",
        "sound": False,
        "multi_shots": False,
    }


def test_seedance_wants_its_seconds_as_a_number():
    spoken = told("bytedance/seedance-2", AspectRatio.SQUARE, 5)

    assert (spoken["duration"], spoken["aspect_ratio"]) == (5, "1:1")
    assert spoken["first_frame_url"] == URL


def test_wan_takes_its_proportions_from_the_photo():
    assert "aspect_ratio" not in told("wan/2-7-image-to-video")


@pytest.mark.parametrize(("duration_s", "frames"), [(5, "10"), (10, "10"), (15, "15")])
def test_sora_never_makes_a_shorter_video_than_was_paid_for(duration_s: int, frames: str):
    assert told("sora-2-image-to-video", duration_s=duration_s)["n_frames"] == frames


@pytest.mark.parametrize(
    ("aspect", "name"),
    [
        (AspectRatio.PORTRAIT, "portrait"),
        (AspectRatio.SQUARE, "portrait"),
        (AspectRatio.LANDSCAPE, "landscape"),
    ],
)
def test_sora_has_names_for_its_proportions(aspect: AspectRatio, name: str):
    assert told("sora-2-pro-image-to-video", aspect)["aspect_ratio"] == name


@pytest.mark.parametrize("model", DIALECTS)
@pytest.mark.parametrize("duration_s", DURATIONS_S)
def test_every_dialect_takes_every_length_and_cuts_an_endless_prompt(model: str, duration_s: int):
    options = OrderOptions(duration_s=duration_s)
    dialect = DIALECTS[model]

    spoken = dialect.input("x" * 100_000, URL, options)

    assert len(spoken["prompt"]) == dialect.prompt_characters_max
    assert dialect.title
