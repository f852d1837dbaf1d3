"""The SQL of the benchmarks: one statement per file of `bench/sql`, named like the file.

Baselines take the product's own statements where they do what the product does: a baseline with
statements of its own would soon measure something else.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from neurocards.adapters.postgres.statements import load

_FOLDER = Path(__file__).resolve().parent / "sql"


@cache
def statement(name: str) -> str:
    return (_FOLDER / f"{name}.sql").read_text(encoding="utf-8")


@cache
def product_statement(file: str, name: str) -> str:
    """Give a named statement of one of the product's own .sql files."""
    return load(file)[name].sql
