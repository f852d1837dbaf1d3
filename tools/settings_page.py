"""Write docs/settings.md out of the settings classes, so the page cannot tell another story.

`--check` changes nothing and fails when the page is not what the code says.
"""

from __future__ import annotations

import argparse
import pathlib
import sys
from collections.abc import Iterator

from pydantic import AliasChoices, SecretStr
from pydantic.fields import FieldInfo

import neurocards.ops.settings as ops
import neurocards.settings as core
import neurocards_bot.settings as bot
import neurocards_operator.settings as operator
import neurocards_worker.settings as worker

PAGE = pathlib.Path(__file__).resolve().parent.parent / "docs" / "settings.md"
HEAD = """# Settings

Everything is read from environment variables when a process starts. All faults are reported in one
message, and the process ends with code 2. A secret is shown nowhere. This page is written by
`make pages`.
"""
KEYS = """
## Provider keys
Worker only. All three ways of writing them down may be mixed; duplicates are dropped. The provider
counts orders and credits by account: keys of one account need the same label, or together they
order more than it allows. A label has at most 40 lower-case letters, digits and hyphens; a key
without one is an account of its own.

| variable | meaning |
|---|---|
| `KIE_API_KEY` | one key, or several with commas |
| `KIE_API_KEY_1`, `KIE_API_KEY_2`, … | further keys, each one or several with commas |
| `KIE_API_KEY_ACCOUNT`, `KIE_API_KEY_1_ACCOUNT`, … | the account of that variable's keys |
"""


def concerns() -> Iterator[tuple[str, type[core.Concern]]]:
    readers = (
        *(("bot and worker", core), ("bot", bot), ("worker", worker)),
        *(("operator", operator), ("commands", ops)),
    )
    for reader, module in readers:
        for value in vars(module).values():
            is_concern = isinstance(value, type) and issubclass(value, core.Concern)
            if is_concern and value is not core.Concern and value.__module__ == module.__name__:
                yield reader, value


def names(name: str, field: FieldInfo) -> tuple[str, ...]:
    alias = field.validation_alias
    if isinstance(alias, AliasChoices):
        return tuple(str(choice) for choice in alias.choices)
    return (alias,) if isinstance(alias, str) else ((core.PREFIX + name).upper(),)


def default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    if field.default_factory is not None:
        return "see text"
    value = field.default
    if value is None or (isinstance(value, SecretStr) and not value.get_secret_value()):
        return "none"
    values = value if isinstance(value, tuple) else (value,)
    shown = ",".join(f"{one:g}" if isinstance(one, float) else str(one) for one in values)
    return f"`{shown}`" if shown else "empty"


def rows(concern: type[core.Concern]) -> Iterator[str]:
    for name, field in concern.model_fields.items():
        shown = ", ".join(f"`{name}`" for name in names(name, field))
        meaning = " ".join((field.description or "").split()).replace("|", "\\|")
        yield f"| {shown} | {default(field)} | {meaning} |"


def page() -> str:
    parts = [HEAD]
    for reader, concern in concerns():
        summary = " ".join((concern.__doc__ or "").split())
        head = "| variable | default | meaning |\n|---|---|---|"
        table = "\n".join((head, *rows(concern)))
        parts.append(f"\n## {concern.__name__} ({reader})\n{summary}\n\n{table}\n")
    return "".join((*parts, KEYS))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="fail when the page is stale")
    if not parser.parse_args().check:
        PAGE.write_text(page())
        return 0
    if not PAGE.exists() or PAGE.read_text() != page():
        sys.stderr.write("docs/settings.md is stale: run make pages\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
