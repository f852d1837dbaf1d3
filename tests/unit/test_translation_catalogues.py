"""The tool that keeps the catalogues complete finds what would reach people broken."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
from babel.messages.catalog import Catalog

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    path = ROOT / "tools" / "translations.py"
    specification = importlib.util.spec_from_file_location("translations_tool", path)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def _template() -> Catalog:
    template = Catalog()
    template.add("Hello, <b>{name}</b>!")
    template.add(("{count} credit", "{count} credits"))
    return template


def _catalogue(
    hello: str, credits_: tuple[str, ...] = ("{count} а", "{count} б", "{count} в")
) -> Catalog:
    catalogue = Catalog(locale="ru")
    catalogue.add("Hello, <b>{name}</b>!", hello)
    catalogue.add(("{count} credit", "{count} credits"), credits_)
    return catalogue


def test_a_complete_catalogue_has_no_faults(tool: ModuleType):
    assert list(tool.faults(_catalogue("Привет, <b>{name}</b>!"), _template())) == []


@pytest.mark.parametrize(
    ("hello", "fault"),
    [
        ("", "not translated"),
        ("Привет, <b>{nmae}</b>!", "placeholders"),
        ("Привет, <b>{name</b>!", "cannot be formatted"),
        ("Привет, <b>{name}!", "other tags"),
    ],
)
def test_a_broken_translation_is_named(tool: ModuleType, hello: str, fault: str):
    (found,) = tool.faults(_catalogue(hello), _template())
    assert fault in found


def test_every_plural_form_is_checked(tool: ModuleType):
    catalogue = _catalogue("Привет, <b>{name}</b>!", ("{count} а", "", "{count} в"))
    (found,) = tool.faults(catalogue, _template())
    assert "not translated" in found


def test_a_missing_and_an_unused_text_are_named(tool: ModuleType):
    catalogue = _catalogue("Привет, <b>{name}</b>!")
    template = _template()
    template.add("New")
    catalogue.add("Old", "Старое")
    found = list(tool.faults(catalogue, template))
    assert [fault.partition(":")[0] for fault in found] == ["missing", "no longer in the code"]


def test_texts_are_collected_in_all_three_ways_of_writing_them(
    tool: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    package = tmp_path / "src" / "shop"
    package.mkdir(parents=True)
    (package / "texts.py").write_text(
        'NAME = gettext_noop("Noted")\n'
        'say.text(language, "Plain" " and joined")\n'
        'self._say.plural(language, "{count} one", "{count} many", 3)\n'
        "say.text(language, NAME)\n"
    )
    monkeypatch.setattr(tool, "ROOT", tmp_path)
    ids = [message.id for message in tool.extract(package) if message.id]
    assert ids == ["Noted", "Plain and joined", ("{count} one", "{count} many")]


def test_updating_keeps_translations_and_drops_what_nobody_says(tool: ModuleType, tmp_path: Path):
    path = tmp_path / "shop.po"
    template = _template()
    tool.update(path, "ru", template)
    text = path.read_text(encoding="utf-8")
    translated = text.replace('<b>{name}</b>!"\nmsgstr ""', '<b>{name}</b>!"\nmsgstr "Привет"', 1)
    path.write_text(translated, encoding="utf-8")
    shorter = Catalog()
    shorter.add("Hello, <b>{name}</b>!")
    tool.update(path, "ru", shorter)
    kept = tool.read(path, "ru")
    assert [(message.id, message.string) for message in kept if message.id] == [
        ("Hello, <b>{name}</b>!", "Привет")
    ]
    assert path.with_suffix(".mo").read_bytes() == tool.compiled(kept)
