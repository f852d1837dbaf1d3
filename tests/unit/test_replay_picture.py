"""The table can be read, and the picture is well-formed and shows every policy in every frame."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from neurocards.replay.clairvoyant import foresee
from neurocards.replay.engine import Run, replay
from neurocards.replay.figures import Figures, figures
from neurocards.replay.fleet import Cluster
from neurocards.replay.picture import PARTS, picture
from neurocards.replay.scaler import Static
from neurocards.replay.series import Buckets
from neurocards.replay.table import duration, sentences, table
from neurocards.replay.trace import Trace

SVG = "{http://www.w3.org/2000/svg}"
TRACE = Trace([0, 100, 100, 3500], [300.0, 300.0, 300.0, 60.0])
CLUSTER = Cluster()


def everything() -> tuple[list[Run], list[Figures]]:
    runs = [
        replay(TRACE, Static(1), CLUSTER, late_after_s=60),
        foresee(TRACE, CLUSTER, replicas_max=5),
    ]
    return runs, [figures(TRACE, run, slo_s=60) for run in runs]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (4.24, "4.2s"), (75, "75s"), (150, "2.5m"), (3599, "60m"), (12_600, "3.5h")],
)
def test_a_duration_is_as_short_as_it_can_be_read(seconds: float, text: str):
    assert duration(seconds) == text


def test_the_table_has_a_line_per_policy_and_equal_columns():
    _, all_figures = everything()
    heading, *rows = table(all_figures).splitlines()
    assert [row.split()[0] for row in rows] == ["static:1", "clairvoyant"]
    assert {len(row) for row in rows} == {len(heading)}


def test_a_sentence_compares_the_first_with_each_rival():
    _, all_figures = everything()
    (sentence,) = sentences(all_figures).splitlines()
    assert sentence.startswith("static:1 against clairvoyant: p95 wait 8.3m instead of 0s")
    assert "x the worker-hours" in sentence


def test_the_picture_draws_each_policy_in_each_of_three_frames():
    runs, all_figures = everything()
    root = ET.fromstring(picture(TRACE, runs, all_figures, "a < b & c"))  # noqa: S314 - our own
    assert len(root.findall(f"{SVG}polyline")) == 3 * len(runs)
    texts = [text.text or "" for text in root.findall(f"{SVG}text")]
    assert texts[0] == "a < b & c"
    assert {"static:1", "clairvoyant", "Replicas"} <= set(texts)
    width, height = (float(root.attrib[side]) for side in ("width", "height"))
    for line in root.findall(f"{SVG}polyline"):
        for point in line.attrib["points"].split():
            x, y = map(float, point.split(","))
            assert 0 <= x <= width
            assert 0 <= y <= height


def test_many_policies_find_room_in_the_legend():
    runs = [replay(TRACE, Static(number), CLUSTER, late_after_s=60) for number in range(1, 11)]
    all_figures = [figures(TRACE, run, slo_s=60) for run in runs]
    root = ET.fromstring(picture(TRACE, runs, all_figures, "many"))  # noqa: S314 - our own
    assert len(root.findall(f"{SVG}polyline")) == 30


def test_a_part_of_the_time_has_its_longest_queue_its_mean_replicas_and_its_slow_waits():
    runs, _ = everything()
    buckets = Buckets(3600, 12)
    assert buckets.arrivals(TRACE) == [3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]
    assert buckets.queued(TRACE, runs[0]) == [2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    assert buckets.replicas(runs[0]) == [1.0] * 12
    assert buckets.waits(TRACE, runs[0]) == [500, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    lives = buckets.replicas(runs[1])
    assert lives[0] == pytest.approx(1 + 2 * 215 / 300)
    assert sum(lives) * 300 == pytest.approx(runs[1].tally.pod_s)


def test_the_parts_of_the_picture_do_not_depend_on_the_length_of_the_trace():
    week = Trace([0.0, 7 * 86_400.0], [60.0, 60.0])
    run = replay(week, Static(1), CLUSTER, late_after_s=60)
    drawn = picture(week, [run], [figures(week, run, slo_s=60)], "a week")
    (line, *_) = ET.fromstring(drawn).findall(f"{SVG}polyline")  # noqa: S314 - our own
    assert len(line.attrib["points"].split()) == 2 * PARTS
    assert "day 2" in drawn
