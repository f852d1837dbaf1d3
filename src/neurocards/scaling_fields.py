"""The fields of a parsed document, each handed out once in the type that is asked for.

Invariant: nothing is raised while a document is read. What is wrong is collected as faults with the
path of the field, and what nobody asked for is a fault too: a misspelled rule must not be silent.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

from neurocards.domain.scaling_policy import REPLICAS_MAX, PolicyFault

SECONDS_MAX = 366 * 86_400
ENTRIES_MAX = 32
_DURATION = re.compile(r"(?:([0-9]{1,6})h)?(?:([0-9]{1,6})m)?(?:([0-9]{1,8})s)?")
_E = TypeVar("_E", bound=StrEnum)
_T = TypeVar("_T")
_KIND_NAMES: dict[type[Any], str] = {str: "text", int: "integer", list: "list"}


@dataclass(frozen=True, slots=True)
class Shape:
    """What a text may look like: `words` say it to a human, `pattern` must match all of it."""

    words: str
    pattern: re.Pattern[str]
    characters_max: int

    def fits(self, text: str) -> bool:
        return len(text) <= self.characters_max and self.pattern.fullmatch(text) is not None


class Fields:
    """One mapping of the document: hands out its fields once, and knows which were never asked."""

    def __init__(self, tree: object, path: str, faults: list[PolicyFault]) -> None:
        self._path = path
        self._faults = faults
        self._children: list[Fields] = []
        self._asked: set[str] = set()
        self._open = False
        if not isinstance(tree, Mapping):
            self.fault("", "must be a mapping of fields")
            tree = {}
        self._tree: Mapping[Any, Any] = tree

    def fault(self, name: str, problem: str) -> None:
        path = ".".join(part for part in (self._path, name) if part)
        self._faults.append(PolicyFault(path or "document", problem))

    def has(self, name: str) -> bool:
        return self.raw(name) is not None

    def raw(self, name: str) -> Any:
        self._asked.add(name)
        return self._tree.get(name)

    def take(self, name: str, kind: type[_T], default: _T) -> _T:
        value = self.raw(name)
        if value is None:
            return default
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is int):
            self.fault(name, f"must be of type {_KIND_NAMES[kind]}, not {value!r}")
            return default
        return value

    def number(self, name: str, default: int, *, low: int = 0, high: int = REPLICAS_MAX) -> int:
        value = self._whole(name, default)
        if self.has(name) and not low <= value <= high:
            self.fault(name, f"must be {low}-{high}, not {value}")
            return default
        return value

    def _whole(self, name: str, default: int) -> int:
        """Read an integer; 20.0 is one, as in JSON Schema, and so for the API server."""
        value = self.raw(name)
        if isinstance(value, float) and value.is_integer():
            return int(value)
        return self.take(name, int, default)

    def required(self, name: str, *, low: int = 0, high: int = REPLICAS_MAX) -> int:
        if not self.has(name):
            self.fault(name, "is missing")
        return self.number(name, low, low=low, high=high)

    def text(self, name: str, shape: Shape, default: str | None = None) -> str:
        """Read a text of that shape; without a default it must be there."""
        if default is None and not self.has(name):
            self.fault(name, "is missing")
        value = self.take(name, str, default or "")
        if isinstance(self.raw(name), str) and not shape.fits(value):
            self.fault(name, f"must be {shape.words}, not {value!r}")
        return value

    def seconds(self, name: str, default: int, *, low: int = 0) -> int:
        """Read a duration such as `90s`, `15m` or `1h30m`."""
        value = self.raw(name)
        if value is None:
            return default
        match = _DURATION.fullmatch(value) if isinstance(value, str) and value else None
        if match is None:
            self.fault(name, f"must be a duration such as 90s, 15m or 1h30m, not {value!r}")
            return default
        hours, minutes, seconds = (int(part or 0) for part in match.groups())
        total = 3600 * hours + 60 * minutes + seconds
        if not low <= total <= SECONDS_MAX:
            self.fault(name, f"must be {low}-{SECONDS_MAX} seconds, not {value!r}")
            return default
        return total

    def choice(self, name: str, default: _E) -> _E:
        value = self.raw(name)
        if value is None:
            return default
        kind = type(default)
        try:
            return kind(value)
        except ValueError:
            self.fault(name, f"must be one of {', '.join(kind)}, not {value!r}")
            return default

    def child(self, name: str, *, open_ended: bool = False) -> Fields:
        tree = self.raw(name)
        return self._adopt(
            Fields({} if tree is None else tree, self._at(name), self._faults),
            open_ended=open_ended,
        )

    def entries(self, name: str, read: Callable[[Fields], _T]) -> tuple[_T, ...]:
        values = self.take(name, list, [])
        if len(values) > ENTRIES_MAX:
            self.fault(name, f"has {len(values)} entries, more than {ENTRIES_MAX}")
        return tuple(
            read(self._adopt(Fields(value, self._at(f"{name}[{place}]"), self._faults)))
            for place, value in enumerate(values[:ENTRIES_MAX])
        )

    def _at(self, name: str) -> str:
        return f"{self._path}.{name}" if self._path else name

    def _adopt(self, child: Fields, *, open_ended: bool = False) -> Fields:
        child._open = open_ended
        self._children.append(child)
        return child

    def close(self) -> None:
        """Report the fields that nobody asked for."""
        for name in self._tree:
            if not self._open and name not in self._asked:
                self.fault(str(name), "is no field of a NeurocardsScaling")
        for child in self._children:
            child.close()
