"""Reads the `.sql` files of this package: blocks that begin with `-- name: <name>`.

Invariant: a name stands for one statement, and is unique over all files, since it is also the
label of the statement's metric.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources

_HEADER = re.compile(r"^-- name: (\w+)$", re.MULTILINE)
FILES = (
    *("dialogues", "jobs", "keys", "migrations", "operations", "orders", "outbound", "outbox"),
    *("overviews", "reports", "scaling", "templates", "traffic"),
)


@dataclass(frozen=True, slots=True)
class Statement:
    name: str
    sql: str


def parse(text: str) -> dict[str, Statement]:
    """Split the text of a file; ValueError for a name that comes twice or without one statement."""
    statements: dict[str, Statement] = {}
    # `split` with a group gives: what stands before, name, block, name, block ...
    parts = _HEADER.split(text)[1:]
    for name, block in zip(parts[::2], parts[1::2], strict=True):
        sql = block.strip()
        if name in statements:
            raise ValueError(f"the statement {name} is there twice")
        if sql.count(";") != 1 or not sql.endswith(";"):
            raise ValueError(f"the block {name} must be one statement that ends with a semicolon")
        statements[name] = Statement(name, sql.removesuffix(";"))
    return statements


def load(file: str) -> Mapping[str, Statement]:
    """Read `sql/<file>.sql`."""
    path = resources.files(__package__) / "sql" / f"{file}.sql"
    return parse(path.read_text(encoding="utf-8"))
