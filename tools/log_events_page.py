"""Write docs/log-events.md out of the code: every event that a process can log, and its fields.

`--check` changes nothing and fails when the page is not what the code says, or when the name of
an event is not a literal of dotted words: such a line could not be searched for.
"""

from __future__ import annotations

import argparse
import ast
import pathlib
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "log-events.md"
SOURCES = ("src", "services/bot/src", "services/worker/src", "operator/src")
LEVELS = frozenset({"debug", "info", "warning", "error", "exception", "critical"})
NAME = re.compile(r"[a-z]+(\.[a-z_]+)+")
HEAD = """# Log events

One line is one event. Beside its own fields each one has `timestamp` (UTC), `level`, `logger`,
`pod`, and `job_id` while a job is worked on. Users appear as pseudonyms. This page is written by
`tools/log_events_page.py`.

| event | level | fields | logged by |
|---|---|---|---|
"""


@dataclass(frozen=True, order=True)
class Event:
    name: str
    level: str
    fields: tuple[str, ...]
    module: str

    @property
    def row(self) -> str:
        fields = ", ".join(f"`{field}`" for field in self.fields)
        return f"| `{self.name}` | {self.level} | {fields} | `{self.module}` |\n"


def events() -> Iterator[Event]:
    for source in SOURCES:
        for path in sorted((ROOT / source).rglob("*.py")):
            parts = path.relative_to(ROOT / source).with_suffix("").parts
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and is_log_call(node):
                    yield event(node, ".".join(parts))


def is_log_call(node: ast.Call) -> bool:
    target = node.func
    return (
        isinstance(target, ast.Attribute)
        and target.attr in LEVELS
        and isinstance(target.value, ast.Name)
        and target.value.id == "log"
    )


def event(node: ast.Call, module: str) -> Event:
    name = ast.unparse(node.args[0]).strip("'") if node.args else ""
    fields = tuple(word.arg for word in node.keywords if word.arg and word.arg != "exc_info")
    level = node.func.attr if isinstance(node.func, ast.Attribute) else ""
    return Event(name, "error" if level == "exception" else level, fields, module)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="change nothing, exit 1 on a fault")
    only_check = parser.parse_args().check
    found = sorted(set(events()))
    page = HEAD + "".join(event.row for event in found)
    faults = [
        f"{event.module}: {event.name} is no literal of dotted words"
        for event in found
        if not NAME.fullmatch(event.name)
    ]
    if not only_check:
        PAGE.write_text(page, encoding="utf-8")
    elif not PAGE.is_file() or PAGE.read_text(encoding="utf-8") != page:
        faults.append(f"{PAGE.relative_to(ROOT)} is stale: run tools/log_events_page.py")
    sys.stdout.writelines(f"{fault}\n" for fault in faults)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
