"""Ids in buttons: short, reversible, and nothing else is taken for one."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurocards.domain.buttons import cancel_job_data, id_from_short, order_again_data, short_id


@given(st.uuids())
def test_a_short_id_reads_back_as_the_id_it_was_made_of(identifier: UUID) -> None:
    assert id_from_short(short_id(identifier)) == identifier


@given(st.uuids())
def test_the_data_of_a_button_fits_into_the_64_bytes_that_telegram_allows(identifier: UUID) -> None:
    for data in (cancel_job_data(identifier), order_again_data(identifier)):
        assert len(data.encode()) <= 64


@pytest.mark.parametrize(
    "text", ["", "a", "x" * 21, "x" * 23, "Ы" * 22, "a|b", "!" * 22, "_" * 22 + "\n"]
)
def test_anything_else_is_no_short_id(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        id_from_short(text)


def test_only_one_spelling_of_an_id_is_taken() -> None:
    spelling = short_id(UUID(int=1))
    other = spelling[:-1] + chr(ord(spelling[-1]) + 1)
    with pytest.raises(ValueError, match="no short id"):
        id_from_short(other)
