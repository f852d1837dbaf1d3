"""What a command shows: sheets of rows, as aligned text for people or as JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import typer

from neurocards.ops.periods import shown

Row = Mapping[str, Any]


class Output(StrEnum):
    TABLE = "table"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class Sheet:
    """Rows with the same columns; `empty` is what a person reads where there is none."""

    name: str
    rows: Sequence[Row]
    empty: str = "nothing"
    is_one_thing: bool = False
    """One row, which a person reads as a list of names and values."""

    def text(self) -> str:
        if self.is_one_thing:
            return _listed(self.rows[0])
        return table(self.rows) or self.empty


def facts(name: str, row: Row) -> Sheet:
    """Show one thing; a person does not read what is not set."""
    return Sheet(name, [row], is_one_thing=True)


def show(output: Output, *sheets: Sheet) -> None:
    """Print them; the JSON is one object with the rows, or the one thing, by each sheet's name."""
    if output is Output.JSON:
        things = {
            sheet.name: plain(sheet.rows[0] if sheet.is_one_thing else sheet.rows)
            for sheet in sheets
        }
        typer.echo(json.dumps(things, indent=2))
        return
    for number, sheet in enumerate(sheets):
        if len(sheets) > 1:
            typer.echo(("\n" if number else "") + sheet.name.replace("_", " ").upper())
        typer.echo(sheet.text())


def tell(output: Output, row: Row, sentence: str) -> None:
    """Say what came of a deed: a sentence for people, the row for programs."""
    if output is Output.JSON:
        show(output, facts("result", row))
    else:
        typer.echo(sentence)


def table(rows: Sequence[Row]) -> str:
    """Align the columns; numbers to the right."""
    if not rows:
        return ""
    columns = list(rows[0])
    cells = [[words(column, row[column]) for column in columns] for row in rows]
    heads = [_head(column) for column in columns]
    widths = [max(len(line[number]) for line in [heads, *cells]) for number in range(len(columns))]
    to_the_right = [
        all(_is_number(row[column]) or row[column] is None for row in rows) for column in columns
    ]
    lines = [
        "  ".join(
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(line, widths, to_the_right, strict=True)
        ).rstrip()
        for line in [heads, *cells]
    ]
    return "\n".join(lines)


def _listed(row: Row) -> str:
    lines = [
        (_head(column), words(column, value)) for column, value in row.items() if value is not None
    ]
    width = max((len(head) for head, _ in lines), default=0)
    return "\n".join(f"{head.ljust(width)}  {shown_as}" for head, shown_as in lines)


def _head(column: str) -> str:
    """Leave the unit out, which stands with the values, and the underscores."""
    return column.removesuffix("_bytes").removesuffix("_s").replace("_", " ")


def words(column: str, value: object) -> str:
    """Write one value for a person; the unit is read off the name of its column."""
    match value:
        case None:
            return "-"
        case datetime():
            return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
        case bool():
            return "yes" if value else "no"
        case int() | float() if column.endswith("_s"):
            return shown(value)
        case int() if column.endswith("_bytes"):
            return f"{value / 2**20:,.1f} MiB"
        case float():
            return f"{value:g}"
        case Mapping():
            return ", ".join(f"{key}={item}" for key, item in value.items())
        case _:
            return str(value)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def plain(value: Any) -> Any:
    """Give a value as JSON knows it; what it does not know as text."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return str(value)
