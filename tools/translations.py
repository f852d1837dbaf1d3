"""Collect the texts of each package and compile its catalogues; `--check` only tells what is off.

Texts are the literals in `.text(language, "...")`, `.plural(language, "...", "...")` and
`gettext_noop("...")`. A package that loads translations owns
`locale/<language>/LC_MESSAGES/<package>.po` and the `.mo` beside it; both are committed. English
is the source and needs no catalogue.

A catalogue is in order when it has exactly the texts of the code, each one translated, with the
same placeholders and the same HTML tags, and when its `.mo` is what its `.po` compiles to.
"""

from __future__ import annotations

import argparse
import io
import pathlib
import re
import string
import sys
from collections import Counter
from collections.abc import Iterator, Sequence

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_file
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

ROOT = pathlib.Path(__file__).resolve().parent.parent
SOURCES = ("src/*", "services/*/src/*")
LANGUAGES = ("ru",)
KEYWORDS = {"text": (2,), "plural": (2, 3), "gettext_noop": None}
LINE_WIDTH = 100
TAG = re.compile(r"</?[a-z]+")


def packages() -> list[pathlib.Path]:
    """Find the packages with texts for people; elsewhere `.text(...)` means other things."""
    found = (path for pattern in SOURCES for path in ROOT.glob(pattern))
    return sorted(path for path in found if owns_texts(path))


def owns_texts(package: pathlib.Path) -> bool:
    load = f'Translations.load("{package.name}"'
    return any(load in path.read_text(encoding="utf-8") for path in package.rglob("*.py"))


def extract(package: pathlib.Path) -> Catalog:
    """Collect the texts of a package, file by file, in the order of the code."""
    template = Catalog(project=package.name)
    for path in sorted(package.rglob("*.py")):
        name = path.relative_to(ROOT).as_posix()
        for line, texts, comments, _ in extract_from_file("python", path, keywords=KEYWORDS):
            template.add(texts, locations=[(name, line)], auto_comments=comments)
    return template


def catalogue_path(package: pathlib.Path, language: str) -> pathlib.Path:
    return package / "locale" / language / "LC_MESSAGES" / f"{package.name}.po"


def read(path: pathlib.Path, language: str) -> Catalog:
    if not path.is_file():
        return Catalog(locale=language, project=path.stem, fuzzy=False)
    with path.open("rb") as file:
        return read_po(file, locale=language)


def compiled(catalogue: Catalog) -> bytes:
    output = io.BytesIO()
    write_mo(output, catalogue)
    return output.getvalue()


def texts_of(message: Message) -> Sequence[str]:
    return message.id if isinstance(message.id, list | tuple) else (message.id,)


def translations_of(message: Message) -> Sequence[str]:
    found = message.string if isinstance(message.string, list | tuple) else (message.string,)
    return [translation or "" for translation in found]


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def faults(catalogue: Catalog, template: Catalog) -> Iterator[str]:
    """Name what keeps the catalogue from being shown to people."""
    wanted = {message.id for message in template if message.id}
    present = {message.id for message in catalogue if message.id}
    for missing in sorted(map(str, wanted - present)):
        yield f"missing: {missing!r}"
    for unused in sorted(map(str, present - wanted)):
        yield f"no longer in the code: {unused!r}"
    for message in catalogue:
        if message.id in wanted:
            yield from message_faults(message)


def message_faults(message: Message) -> Iterator[str]:
    source = texts_of(message)
    if message.fuzzy:
        yield f"marked as fuzzy: {source[0]!r}"
    for translation in translations_of(message):
        if not translation:
            yield f"not translated: {source[0]!r}"
            continue
        try:
            names = placeholders(translation)
        except ValueError as error:
            yield f"cannot be formatted ({error}): {translation!r}"
            continue
        expected = set().union(*map(placeholders, source))
        if names != expected:
            yield f"placeholders {sorted(names)} instead of {sorted(expected)}: {translation!r}"
        if Counter(TAG.findall(translation)) != Counter(TAG.findall(source[-1])):
            yield f"other tags than in {source[-1]!r}: {translation!r}"


def update(path: pathlib.Path, language: str, template: Catalog) -> None:
    """Write the `.po` with exactly the texts of the code, and the `.mo` that it compiles to."""
    catalogue = read(path, language)
    catalogue.update(
        template, no_fuzzy_matching=True, update_header_comment=False, update_creation_date=False
    )
    catalogue.obsolete.clear()
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        write_po(file, catalogue, width=LINE_WIDTH, include_lineno=False, ignore_obsolete=True)
    path.with_suffix(".mo").write_bytes(compiled(read(path, language)))


def check(path: pathlib.Path, language: str, template: Catalog) -> Iterator[str]:
    name = path.relative_to(ROOT)
    if not path.is_file():
        yield f"{name}: missing"
        return
    catalogue = read(path, language)
    for fault in faults(catalogue, template):
        yield f"{name}: {fault}"
    binary = path.with_suffix(".mo")
    if not binary.is_file() or binary.read_bytes() != compiled(catalogue):
        yield f"{binary.relative_to(ROOT)}: is not what the .po compiles to"


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="change nothing, exit 1 on a fault")
    only_check = parser.parse_args().check
    found: list[str] = []
    for package in packages():
        template = extract(package)
        for language in LANGUAGES:
            path = catalogue_path(package, language)
            if not only_check:
                update(path, language, template)
            found += check(path, language, template)
    sys.stdout.writelines(f"{line}\n" for line in found)
    # What a collector leaves to be translated is work to do, not a failure of the collector.
    return 1 if found and only_check else 0


if __name__ == "__main__":
    sys.exit(main())
