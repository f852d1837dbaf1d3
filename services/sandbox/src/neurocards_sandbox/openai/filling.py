"""Fills a JSON schema: known field names with the copywriter's text, the rest by type.

Works on what strict structured outputs allow: objects, arrays, strings, numbers, booleans, null,
enum, const, anyOf, $ref/$defs. Invariant: the result satisfies the schema; where a schema refers
to itself, the recursion ends at the first legal place.
"""

from __future__ import annotations

import math
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from neurocards_sandbox.openai.copywriting import Copywriter
from neurocards_sandbox.openai.errors import ApiError
from neurocards_sandbox.openai.fields import FieldKind, field_kind
from neurocards_sandbox.openai.limits_in_schema import fitted, item_count, text_bounds

DEPTH_MAX = 12
SMALLEST_STEP = 1e-6
Schema = Mapping[str, Any]
_SCENE_KINDS = frozenset({FieldKind.SCENES, FieldKind.NARRATION, FieldKind.OTHER})
_FORMATS = {
    "date": "2026-01-01",
    "date-time": "2026-01-01T12:00:00Z",
    "time": "12:00:00Z",
    "duration": "PT10S",
    "email": "shop@example.com",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://example.com/",
    "uuid": str(uuid.UUID(int=1)),
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the answer a value stands."""

    name: str
    depth: int = 0
    number: int | None = None
    """Index in the nearest array, which decides the scene that is spoken of."""
    count: int = 1


class SchemaFiller:
    def __init__(self, root: Schema, writer: Copywriter) -> None:
        self._root = root
        self._writer = writer

    def fill(self) -> Any:
        return self._value(self._root, Place("answer"))

    def _value(self, schema: Schema, place: Place) -> Any:
        schema = self._resolved(schema)
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return self._choice(schema["enum"], place)
        if "anyOf" in schema:
            return self._value(self._branch(schema["anyOf"], place), place)
        kind = schema.get("type", "object" if "properties" in schema else "string")
        if isinstance(kind, list):
            return self._value(self._branch([{**schema, "type": k} for k in kind], place), place)
        return self._of_type(kind, schema, place)

    def _of_type(self, kind: str, schema: Schema, place: Place) -> Any:
        match kind:
            case "object":
                return self._object(schema, place)
            case "array":
                return self._array(schema, place)
            case "integer":
                return int(self._number(schema, place, step=1))
            case "number":
                return self._number(schema, place, step=0.0)
            case "boolean":
                return field_kind(place.name) is not FieldKind.TROUBLE
            case "null":
                return None
        return self._text(schema, place)

    def _object(self, schema: Schema, place: Place) -> dict[str, Any]:
        if place.depth > DEPTH_MAX:
            raise ApiError(400, "The schema is nested too deeply.", code="invalid_json_schema")
        properties: Mapping[str, Schema] = schema.get("properties", {})
        return {
            name: self._value(part, replace(place, name=name, depth=place.depth + 1))
            for name, part in properties.items()
        }

    def _array(self, schema: Schema, place: Place) -> list[Any]:
        kind = field_kind(place.name)
        wanted = {FieldKind.TAGS: 4, FieldKind.SCENES: self._writer.brief.scenes}.get(kind, 3)
        recursive = place.depth > DEPTH_MAX // 2
        count = item_count(schema, 0 if recursive else wanted)
        items = schema.get("items", {"type": "string"})
        return [
            self._value(items, replace(place, depth=place.depth + 1, number=n, count=count))
            for n in range(count)
        ]

    def _text(self, schema: Schema, place: Place) -> str:
        if schema.get("format") in _FORMATS:
            return _FORMATS[schema["format"]]
        return fitted(self._words(place), text_bounds(schema))

    def _words(self, place: Place) -> str:
        writer, number, kind = self._writer, place.number, field_kind(place.name)
        if number is not None:
            if kind in _SCENE_KINDS:
                return writer.scene(number, place.count)
            if kind is FieldKind.VISUAL:
                return writer.shot(number)
        words: Mapping[FieldKind, Callable[[], str]] = {
            FieldKind.TITLE: writer.title,
            FieldKind.HOOK: writer.hook,
            FieldKind.CALL: writer.call_to_action,
            FieldKind.VISUAL: writer.visual_direction,
            FieldKind.TAGS: lambda: writer.tag(number or 0),
            FieldKind.LANGUAGE: lambda: writer.brief.language,
            FieldKind.TONE: writer.tone,
            FieldKind.PRODUCT: lambda: writer.brief.product or writer.title(),
            FieldKind.RATIO: lambda: writer.brief.aspect_ratio,
        }
        return words.get(kind, writer.narration)()

    def _number(self, schema: Schema, place: Place, *, step: float) -> float:
        """Give a number within the bounds that is a multiple of `step`, the nearest to a wish."""
        step = schema.get("multipleOf", step)
        low = schema.get("minimum", -math.inf)
        high = schema.get("maximum", math.inf)
        if "exclusiveMinimum" in schema:
            low = max(low, schema["exclusiveMinimum"] + (step or SMALLEST_STEP))
        if "exclusiveMaximum" in schema:
            high = min(high, schema["exclusiveMaximum"] - (step or SMALLEST_STEP))
        value = max(low, min(high, self._wish(place)))
        if not step:
            return float(value)
        lower = float(math.floor(value / step) * step)
        return lower if lower >= low else float(math.ceil(low / step) * step)

    def _wish(self, place: Place) -> float:
        match field_kind(place.name):
            case FieldKind.SECONDS:
                brief = self._writer.brief
                return brief.seconds / place.count if place.number is not None else brief.seconds
            case FieldKind.NUMBER:
                return (place.number or 0) + 1
            case FieldKind.SCENES:
                return self._writer.brief.scenes
        return 1

    def _choice(self, options: Sequence[Any], place: Place) -> Any:
        brief = self._writer.brief
        for wish in (brief.language, brief.aspect_ratio, brief.template, brief.seconds):
            if wish in options:
                return wish
        return options[self._writer.number(len(options), place.name)]

    def _branch(self, branches: Sequence[Schema], place: Place) -> Schema:
        """Choose null for a field of trouble or at great depth, else the first real value."""
        null = next((b for b in branches if self._resolved(b).get("type") == "null"), None)
        filled = [b for b in branches if b is not null]
        none_wanted = place.depth > DEPTH_MAX // 2 or field_kind(place.name) is FieldKind.TROUBLE
        if not filled or (null is not None and none_wanted):
            return null if null is not None else branches[0]
        return filled[0]

    def _resolved(self, schema: Schema) -> Schema:
        for _ in range(DEPTH_MAX):
            reference = schema.get("$ref")
            if reference is None:
                return schema
            schema = self._pointed(str(reference))
        return schema

    def _pointed(self, reference: str) -> Schema:
        target: Any = self._root
        try:
            for part in reference.removeprefix("#").strip("/").split("/"):
                target = target[part] if part else target
        except (KeyError, TypeError):
            raise ApiError(
                400, f"The schema's {reference} leads nowhere.", code="invalid_json_schema"
            ) from None
        found: Schema = target
        return found
