"""What a run of `make e2e --record` writes into docs/e2e.md: one section per scenario."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from support.chart import ROOT

PAGE = ROOT / "docs" / "e2e.md"
_SECTION = re.compile(r"^## (?=\d)", re.MULTILINE)
_MACHINE = re.compile(r"^<!-- machine -->\n.*?^<!-- end -->\n", re.MULTILINE | re.DOTALL)


@dataclass(slots=True)
class Record:
    """The parts of the scenarios that ran, by the title of their section."""

    sections: dict[str, list[str]] = field(default_factory=dict)

    def tell(self, title: str, text: str) -> None:
        self.sections.setdefault(title, []).append(text.strip())

    def write(self, versions: Mapping[str, str]) -> None:
        """Put the sections in the place of the old ones; what did not run stays as it was."""
        head, *old = _SECTION.split(PAGE.read_text(encoding="utf-8"))
        known = {text.partition("\n")[0]: text.partition("\n")[2].strip() for text in old}
        known |= {title: "\n\n".join(parts) for title, parts in self.sections.items()}
        head = _MACHINE.sub(lambda _: _machine(versions), head)
        body = "\n\n".join(f"## {title}\n{known[title]}" for title in sorted(known))
        PAGE.write_text(f"{head.strip()}\n\n{body}\n", encoding="utf-8")


def _machine(versions: Mapping[str, str]) -> str:
    memory = re.search(r"MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text())
    gigabytes = int(memory.group(1)) / 1e6 if memory else 0.0
    rows = {"processors": str(os.cpu_count()), "memory": f"{gigabytes:.0f} GB"}
    rows |= {"kernel": platform.release(), **versions}
    table = "".join(f"| {name} | {value} |\n" for name, value in rows.items())
    return f"<!-- machine -->\n| | |\n|---|---|\n{table}<!-- end -->\n"
