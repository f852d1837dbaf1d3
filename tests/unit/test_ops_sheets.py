"""What operations by hand show: periods, tables that align, JSON with nothing but plain values."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from neurocards.ops.periods import period_s, shown
from neurocards.ops.sheets import Output, Sheet, facts, show, table, tell

MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=3)))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("30m", 1800), ("1h", 3600), ("7d", 604_800), ("1h30m", 5400), ("0s", 0)],
)
def test_a_period_is_read_as_people_write_it(text: str, seconds: float):
    assert period_s(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "5", "5 m", "-1h", "1m1h", "1.5h"])
def test_anything_else_is_wrong_usage(text: str):
    with pytest.raises(typer.BadParameter, match="no period"):
        period_s(text)


@given(st.integers(0, 10**8))
def test_a_shown_period_loses_less_than_its_second_unit(seconds: int):
    assert 0 <= seconds - period_s(shown(seconds)) < 3600


def test_columns_align_with_numbers_to_the_right_and_units_beside_values():
    rows = [
        {"name": "jobs", "size_bytes": 3 * 2**20, "wait_s": 90, "since": MOMENT, "ok": True},
        {"name": "a", "size_bytes": 0, "wait_s": None, "since": None, "ok": False},
    ]
    assert table(rows).splitlines() == [
        "name     size   wait  since                    ok",
        "jobs  3.0 MiB  1m30s  2026-01-02 00:04:05 UTC  yes",
        "a     0.0 MiB      -  -                        no",
    ]


def test_a_person_reads_that_there_is_nothing(capsys: pytest.CaptureFixture[str]):
    show(Output.TABLE, Sheet("jobs", [], empty="no job is stuck"))
    assert capsys.readouterr().out == "no job is stuck\n"


def test_one_thing_is_a_list_for_people_and_an_object_for_programs(
    capsys: pytest.CaptureFixture[str],
):
    thing = facts("job", {"id": UUID(int=7), "at": MOMENT, "none": None, "price_credits": 1})
    show(Output.TABLE, thing)
    assert capsys.readouterr().out.splitlines() == [
        "id             00000000-0000-0000-0000-000000000007",
        "at             2026-01-02 00:04:05 UTC",
        "price credits  1",
    ]
    show(Output.JSON, thing, Sheet("rows", [{"a": (1, UUID(int=1))}]))
    assert json.loads(capsys.readouterr().out) == {
        "job": {
            "id": str(UUID(int=7)),
            "at": MOMENT.astimezone(UTC).isoformat(),
            "none": None,
            "price_credits": 1,
        },
        "rows": [{"a": [1, str(UUID(int=1))]}],
    }


def test_several_sheets_have_heads_for_people(capsys: pytest.CaptureFixture[str]):
    show(Output.TABLE, Sheet("one_two", [{"a": 1}]), Sheet("three", [], empty="none"))
    assert capsys.readouterr().out == "ONE TWO\na\n1\n\nTHREE\nnone\n"


def test_what_came_of_a_deed_is_a_sentence_or_its_row(capsys: pytest.CaptureFixture[str]):
    tell(Output.TABLE, {"outcome": "done"}, "it is done")
    tell(Output.JSON, {"outcome": "done"}, "it is done")
    sentence, _, row = capsys.readouterr().out.partition("\n")
    assert sentence == "it is done"
    assert json.loads(row) == {"result": {"outcome": "done"}}
