"""SQL of the tests: it stands in `.sql` files too, in named blocks like that of the product."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from neurocards.adapters.postgres.statements import parse

FOLDER = Path(__file__).parent / "sql"


def load(file: str) -> Mapping[str, str]:
    """Read `tests/support/sql/<file>.sql`: the text of each statement by its name."""
    text = (FOLDER / f"{file}.sql").read_text(encoding="utf-8")
    return {name: statement.sql for name, statement in parse(text).items()}
