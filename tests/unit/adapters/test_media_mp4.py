"""Size and length of an mp4, from whole and from broken files."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from neurocards.adapters.media.mp4 import DamagedVideoError, read_facts
from neurocards.testing.videos import tiny_mp4


def written(folder: Path, content: bytes) -> Path:
    path = folder / "video.mp4"
    path.write_bytes(content)
    return path


def box(kind: bytes, content: bytes = b"") -> bytes:
    return (8 + len(content)).to_bytes(4, "big") + kind + content


def long_box(kind: bytes, content: bytes) -> bytes:
    return (1).to_bytes(4, "big") + kind + (16 + len(content)).to_bytes(8, "big") + content


def test_the_facts_of_a_whole_file_are_read(tmp_path: Path):
    facts = read_facts(written(tmp_path, tiny_mp4(width=720, height=1280, duration_s=10.5)))

    assert (facts.width, facts.height, facts.duration_s) == (720, 1280, 10.5)
    assert facts.bytes == len(tiny_mp4())
    assert facts.starts_at_once


def test_boxes_with_a_long_length_are_understood(tmp_path: Path):
    facts = read_facts(written(tmp_path, tiny_mp4()[:-24] + long_box(b"mdat", bytes(16))))

    assert facts.width == 720


def test_a_last_box_without_a_length_goes_to_the_end(tmp_path: Path):
    video = tiny_mp4()[:-24] + bytes(4) + b"mdat" + bytes(100)

    assert read_facts(written(tmp_path, video)).bytes == len(video)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html>not a video</html>",
        tiny_mp4()[:-1],
        tiny_mp4()[:200],
        tiny_mp4() + b"rest",
        box(b"ftyp", b"isom") + box(b"mdat"),
        box(b"ftyp", b"isom") + box(b"moov") + box(b"mdat"),
        tiny_mp4(duration_s=0),
        tiny_mp4(width=0),
        tiny_mp4().replace(b"vide", b"soun"),
        tiny_mp4().replace(b"mvhd", b"xxxx"),
    ],
)
def test_a_broken_file_is_called_broken(tmp_path: Path, content: bytes):
    with pytest.raises(DamagedVideoError):
        read_facts(written(tmp_path, content))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
@given(cut=st.integers(0, 400), at=st.integers(0, 400), byte=st.integers(0, 255))
def test_no_byte_can_make_the_parser_stumble(tmp_path: Path, cut: int, at: int, byte: int):
    content = bytearray(tiny_mp4())
    content[at % len(content)] = byte

    try:
        read_facts(written(tmp_path, bytes(content[: len(content) - cut])))
    except DamagedVideoError:
        return
