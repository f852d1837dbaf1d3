"""The .sql files: named blocks, one statement each, every name once."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from neurocards.adapters.postgres.statements import FILES, Statement, load, parse
from neurocards.migrate import migrations_folder


def test_a_file_is_split_into_its_named_statements():
    text = "-- about the file\n\n-- name: one\nSHOW one;\n\n-- name: two\n-- why\nSHOW\n  two;\n"
    assert parse(text) == {
        "one": Statement("one", "SHOW one"),
        "two": Statement("two", "-- why\nSHOW\n  two"),
    }


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("-- name: one\nSELECT 1;\n-- name: one\nSELECT 2;\n", "twice"),
        ("-- name: one\nSELECT 1; SELECT 2;\n", "one statement"),
        ("-- name: one\nSELECT 1\n", "one statement"),
        ("-- name: one\n\n-- name: two\nSELECT 1;\n", "one statement"),
    ],
)
def test_a_block_that_is_not_one_statement_is_refused(text: str, complaint: str):
    with pytest.raises(ValueError, match=complaint):
        parse(text)


def test_names_are_unique_over_all_files_since_they_label_a_metric():
    names = Counter(name for file in FILES for name in load(file))
    assert [name for name, count in names.items() if count > 1] == []


@pytest.mark.parametrize("file", ["jobs", "keys", "templates"])
def test_no_statement_of_a_worker_reads_the_users(file: str):
    for statement in load(file).values():
        assert not re.search(r"\b(users|JOIN)\b", statement.sql), statement.name


def test_the_jobs_of_a_user_have_an_index_of_the_agreed_name():
    # S1-3
    schema = (migrations_folder() / "0001_initial.up.sql").read_text(encoding="utf-8")
    assert "tg_user_id bigint NOT NULL" in schema
    assert "idx_jobs_tg_user_id ON jobs (tg_user_id" in schema
