"""The NeurocardsScaling objects that are known, and which of them scales a target. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from neurocards_operator.verdict import Finding

FIXED_SLOTS = "neurocards.io/fixed-slots"
"""Annotation: jobs at once of workers that take from the same pool and are not scaled here."""


class Key(NamedTuple):
    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class Known:
    """One object as it was seen last."""

    key: Key
    uid: str
    generation: int
    made: str
    document: Mapping[str, Any]

    @property
    def status(self) -> Mapping[str, Any]:
        return self.document.get("status") or {}

    @property
    def target(self) -> tuple[str, ...]:
        reference = (self.document.get("spec") or {}).get("scaleTargetRef") or {}
        return tuple(str(reference.get(name)) for name in ("apiVersion", "kind", "name"))

    @property
    def pool(self) -> str:
        return str((self.document.get("spec") or {}).get("pool", "default"))

    @property
    def fixed_slots(self) -> int:
        annotations = self.document["metadata"].get("annotations") or {}
        text = str(annotations.get(FIXED_SLOTS, "0"))
        return int(text) if text.isdigit() else 0

    @property
    def is_auto(self) -> bool:
        """Say whether its decisions are carried out: in no other mode it can get in the way."""
        return str((self.document.get("spec") or {}).get("mode", "Auto")) == "Auto"

    @property
    def is_leaving(self) -> bool:
        """Say whether it was deleted and only waits for somebody's finalizer."""
        return "deletionTimestamp" in self.document["metadata"]

    def is_newer_than(self, other: Known) -> bool:
        """Say whether this is a later word of the same object."""
        return self.uid == other.uid and self.generation > other.generation

    def says_the_same(self, other: Known) -> bool:
        """Compare what people write; the status is ours."""
        return (self.uid, self.generation, self.fixed_slots) == (
            other.uid,
            other.generation,
            other.fixed_slots,
        )


def known_of(document: Mapping[str, Any]) -> Known:
    metadata = document["metadata"]
    return Known(
        key=Key(metadata["namespace"], metadata["name"]),
        uid=metadata["uid"],
        generation=int(metadata.get("generation", 0)),
        made=metadata["creationTimestamp"],
        document=document,
    )


class Roster:
    """All objects by name."""

    def __init__(self) -> None:
        self._known: dict[Key, Known] = {}

    def __len__(self) -> int:
        return len(self._known)

    def get(self, key: Key) -> Known | None:
        return self._known.get(key)

    def all_keys(self) -> frozenset[Key]:
        return frozenset(self._known)

    def put(self, known: Known) -> None:
        self._known[known.key] = known

    def drop(self, key: Key, uid: str | None = None) -> bool:
        """Forget an object; with `uid` only that one, and not its successor of the same name."""
        present = self._known.get(key)
        if present is None or (uid is not None and present.uid != uid):
            return False
        del self._known[key]
        return True

    def in_pool(self, pool: str) -> list[Key]:
        return [key for key, known in self._known.items() if known.pool == pool]

    def rival_of(self, known: Known) -> Finding | None:
        """Name the object that scales this one's target: the oldest one does, the others wait.

        One that only observes, or rests, neither waits nor is waited for.
        """
        if not known.is_auto:
            return None
        rivals = [
            other
            for other in self._known.values()
            if other.is_auto
            and other.key.namespace == known.key.namespace
            and other.target == known.target
            and (other.made, other.key) < (known.made, known.key)
        ]
        if not rivals:
            return None
        oldest = min(rivals, key=lambda other: (other.made, other.key))
        text = f"{known.target[1]} {known.target[2]} is scaled by the older {oldest.key.name}"
        return Finding("SecondPolicy", text)
