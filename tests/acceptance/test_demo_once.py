"""`neurocards demo --once`: one command, one JSON object, an exit code that says how it went."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from support.demo_process import demo_command
from support.product_photo import complaints_of_decoder, product_photo, seconds_of

WITHIN_S = 400.0


def once(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = demo_command("--once", "--json", *map(str, arguments))
    return subprocess.run(command, capture_output=True, text=True, timeout=WITHIN_S, check=False)


def test_a_photo_gives_a_video_and_one_json_object(tmp_path: Path):
    """Everything about the job stands in it, and the file is what it says."""
    out = tmp_path / "made" / "video.mp4"
    done = once(
        *("--photo", product_photo(tmp_path / "bottle.jpg"), "--out", out),
        *("--template", "neon_night", "--aspect", "1:1", "--length", "5", "--language", "en"),
        *("--caption", "Steel bottle Aurora"),
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["ok"] is True
    assert result["error"] is None
    assert [state["state"] for state in result["states"]][::6] == ["queued", "done"]
    assert len(result["script"]["scenes"]) >= 1
    video = result["video"]
    assert video["path"] == str(out)
    assert video["bytes"] == out.stat().st_size
    assert video["width"] == video["height"]
    assert video["seconds"] == 5
    assert seconds_of(out) == pytest.approx(5, abs=0.1)
    assert complaints_of_decoder(out) == ""


def test_what_is_no_picture_ends_with_1_and_the_words_of_the_bot(tmp_path: Path):
    """The user's own message is in the result."""
    notes = tmp_path / "notes.txt"
    notes.write_text("not a picture")
    done = once("--photo", notes)
    result = json.loads(done.stdout)
    assert done.returncode == 1
    assert result["ok"] is False
    assert result["video"] is None
    assert "JPEG" in result["text"]


def test_a_refused_render_ends_with_1_and_tells_the_job_and_its_error(tmp_path: Path):
    """The job failed, the user was told and has his credits back."""
    photo = product_photo(tmp_path / "bottle.jpg")
    done = once("--photo", photo, "--length", "5", "--caption", "Bottle [sim:violation]")
    result = json.loads(done.stdout)
    assert done.returncode == 1
    assert result["states"][-1]["state"] == "failed"
    assert result["error"].startswith("USER_VIOLATION")
    assert result["text"]


def test_an_unknown_template_ends_with_2_and_names_those_there_are(tmp_path: Path):
    """They are known only to the bot, so the command has to ask it."""
    done = once("--photo", product_photo(tmp_path / "bottle.jpg"), "--template", "nope")
    assert done.returncode == 2
    assert done.stdout == ""
    assert "neon_night" in done.stderr
    assert "studio_clean" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--photo", "/nowhere/photo.jpg"], "there is no file /nowhere/photo.jpg"),
        (["--photo", __file__, "--aspect", "4:3"], "9:16, 1:1, 16:9"),
        (["--photo", __file__, "--length", "7"], "5, 10, 15"),
        (["--photo", __file__, "--language", "fr"], "ru, en, es, de"),
        ([], "--photo"),
    ],
)
def test_wrong_usage_ends_with_2_before_anything_starts(arguments: list[str], words: str):
    """The words name what is allowed."""
    done = once(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert words in done.stderr
