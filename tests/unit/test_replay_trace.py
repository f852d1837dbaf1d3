"""A trace file is read as it stands, or refused with the line that is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurocards.replay.trace import Trace, TraceError, read_trace
from neurocards.replay.traces import write_trace

TIMES = st.floats(min_value=0, max_value=1e7).map(lambda value: round(value, 3))
SERVICES = st.floats(min_value=0.001, max_value=1e5).map(lambda value: round(value, 3))


def written(folder: Path, text: str) -> Path:
    path = folder / "trace.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_jobs_come_in_the_order_of_their_arrival(tmp_path: Path):
    trace = read_trace(written(tmp_path, "arrival_s,service_s\n9,300\n2.5,280\n"))
    assert list(trace.arrivals_s) == [2.5, 9]
    assert list(trace.services_s) == [280, 300]
    assert trace.span_s == 9


def test_a_missing_service_column_means_five_minutes(tmp_path: Path):
    assert list(read_trace(written(tmp_path, "arrival_s\n1\n")).services_s) == [300]


def test_a_given_service_time_takes_the_place_of_the_column(tmp_path: Path):
    path = written(tmp_path, "arrival_s,service_s\n1,280\n")
    assert list(read_trace(path, service_s=120).services_s) == [120]


def test_a_byte_order_mark_and_empty_lines_do_no_harm(tmp_path: Path):
    path = written(tmp_path, "\ufeffarrival_s,service_s\r\n\r\n1,2\r\n")
    assert len(read_trace(path)) == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "must begin with the line arrival_s,service_s"),
        ("time,duration\n1,2\n", "not with 'time,duration'"),
        ("arrival_s,service_s\n", "has no jobs"),
        ("arrival_s,service_s\n1,2\nsoon,2\n", "line 3: arrival_s is 'soon', which is no number"),
        ("arrival_s,service_s\n-1,2\n", "line 2: arrival_s is -1, before the start"),
        ("arrival_s,service_s\n1,0\n", "line 2: service_s is 0, and no job takes no time"),
        ("arrival_s,service_s\nnan,1\n", "line 2: arrival_s is nan, which is no time"),
        ("arrival_s,service_s\n1\n", "line 2: 1 values where 2 are expected"),
    ],
)
def test_what_cannot_be_replayed_is_named(tmp_path: Path, text: str, words: str):
    with pytest.raises(TraceError, match=words):
        read_trace(written(tmp_path, text))


def test_several_faults_are_named_at_once_but_not_a_thousand(tmp_path: Path):
    text = "arrival_s\n" + "x\n" * 1000
    with pytest.raises(TraceError) as refused:
        read_trace(written(tmp_path, text))
    assert str(refused.value).count("line ") == 5


def test_a_file_that_is_not_there_is_named(tmp_path: Path):
    with pytest.raises(TraceError, match=r"nothing\.csv cannot be read"):
        read_trace(tmp_path / "nothing.csv")


def test_a_picture_is_no_trace(tmp_path: Path):
    path = tmp_path / "photo.csv"
    path.write_bytes(b"\xff\xd8\xff\xe0")
    with pytest.raises(TraceError, match="no CSV file in UTF-8"):
        read_trace(path)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(TIMES, SERVICES), min_size=1, max_size=30))
def test_what_is_written_is_read_again(
    tmp_path_factory: pytest.TempPathFactory, jobs: list[tuple[float, float]]
):
    path = tmp_path_factory.mktemp("traces") / "trace.csv"
    trace = Trace.of(jobs)
    write_trace(trace, path)
    assert read_trace(path) == trace
