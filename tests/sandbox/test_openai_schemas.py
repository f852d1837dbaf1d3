"""OpenAI simulator: any strict schema is filled, with the brief's facts where names ask for it."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

import pytest
from openai.lib._pydantic import to_strict_json_schema
from pydantic import BaseModel, Field

from neurocards_sandbox.openai.briefs import read_brief
from neurocards_sandbox.openai.copywriting import Copywriter
from neurocards_sandbox.openai.errors import ApiError
from neurocards_sandbox.openai.filling import SchemaFiller
from neurocards_sandbox.openai.limits_in_schema import fitted, item_count, text_bounds
from neurocards_sandbox.openai.phrases import PHRASES
from neurocards_sandbox.openai.strictness import check_strict

BRIEF = """Template: luxury
Style: Slow and elegant.
Script language: {language}
Length: 15 s
Aspect ratio: 1:1
Scenes: 3
Product: Leather bag, 20 litres, waterproof"""


class Mood(StrEnum):
    CALM = "calm"
    LOUD = "loud"


class Scene(BaseModel):
    number: int
    caption: Annotated[str, Field(max_length=20)]
    visual: str
    duration_s: float


class Node(BaseModel):
    text: str
    children: list[Node]
    parent: Node | None


class Everything(BaseModel):
    hook: str
    scenes: Annotated[list[Scene], Field(min_length=2, max_length=5)]
    lines: list[str]
    hashtags: Annotated[list[str], Field(description="3 to 4 hashtags")]
    mood: Mood
    language: Literal["de", "en", "ru"]
    aspect_ratio: Literal["16:9", "1:1"]
    kind: Literal["ad"]
    seconds: Annotated[int, Field(ge=5, le=12)]
    score: Annotated[float, Field(gt=0, lt=1)]
    even: Annotated[int, Field(multiple_of=4, ge=3)]
    is_product: bool
    contains_people: bool
    problem: str | None
    subtitle: str | None
    tree: Node
    created: Annotated[str, Field(json_schema_extra={"format": "date-time"})]


def _filled(model: type[BaseModel], language: str = "en") -> Any:
    schema = to_strict_json_schema(model)
    writer = Copywriter(read_brief(BRIEF.format(language=language)), None, 1)
    return SchemaFiller(schema, writer).fill()


def test_a_schema_with_everything_is_filled_and_valid() -> None:
    """References, enums, unions with null, bounds, nesting and recursion."""
    filled = Everything.model_validate(_filled(Everything))
    assert "Leather bag" in filled.hook
    assert [scene.number for scene in filled.scenes] == [1, 2, 3]
    assert sum(scene.duration_s for scene in filled.scenes) == 15
    assert all(len(scene.caption) <= 20 for scene in filled.scenes)
    assert filled.lines[1] == "20 litres, waterproof"
    assert filled.hashtags[0] == "leather"
    assert 3 <= len(filled.hashtags) <= 4
    assert (filled.language, filled.aspect_ratio, filled.kind) == ("en", "1:1", "ad")
    assert filled.seconds == 12
    assert 0 < filled.score < 1
    assert filled.even == 4
    assert (filled.is_product, filled.contains_people) == (True, False)
    assert filled.problem is None
    assert filled.subtitle


@pytest.mark.parametrize("language", ["ru", "en", "es", "de"])
def test_text_is_written_in_the_asked_language(language: str) -> None:
    class Copy(BaseModel):
        hook: str
        call_to_action: str
        visual_direction: str

    filled = Copy.model_validate(_filled(Copy, language))
    assert "Leather bag" in filled.hook
    assert filled.call_to_action in PHRASES[language].calls
    assert filled.visual_direction.startswith("Slow and elegant.")


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        ({"maxLength": 9}, "one two"),
        ({"description": "at most 9 characters"}, "one two"),
        ({"description": "No more than 2 words."}, "one two"),
        ({"description": "3 to 3 words"}, "one two three"),
        ({"maxLength": 2}, "on"),
        ({"minLength": 30}, "one two three four one two thr"),
        ({}, "one two three four"),
    ],
)
def test_a_text_keeps_the_bounds_that_are_told(schema: dict[str, Any], text: str) -> None:
    assert fitted("one two three four", text_bounds(schema)) == text


@pytest.mark.parametrize(
    ("schema", "count"),
    [
        ({}, 4),
        ({"maxItems": 2}, 2),
        ({"minItems": 6}, 6),
        ({"description": "3 to 5 scenes"}, 4),
        ({"description": "Up to 3 lines"}, 3),
        ({"description": "Exactly 2 scenes"}, 2),
        ({"description": "Each at most 60 characters"}, 4),
    ],
)
def test_an_array_keeps_the_bounds_that_are_told(schema: dict[str, Any], count: int) -> None:
    assert item_count(schema, 4) == count


@pytest.mark.parametrize(
    ("brief", "product", "facts"),
    [
        ("Product: Tea; 100 g; green", "Tea", ("100 g", "green")),
        ("Caption: Tea. Green", "Tea", ("Green",)),
        ("product: (none)", "", ()),
        ("Nothing to see", "", ()),
        ("Product: [sim:openai-rate] Tea", "Tea", ()),
    ],
)
def test_facts_are_read_from_the_lines_of_the_brief(
    brief: str, product: str, facts: tuple[str, ...]
) -> None:
    read = read_brief(brief)
    assert (read.product, read.facts) == (product, facts)


def test_without_a_product_nothing_is_invented() -> None:
    writer = Copywriter(read_brief("Script language: en"), None, 1)
    assert writer.title() == "The product, up close"
    assert len(writer.scenes(5)) == 5


@pytest.mark.parametrize(
    ("name", "schema", "told"),
    [
        ("Script", {"type": "object", "properties": {}}, "'additionalProperties' is required"),
        (
            "Script",
            {
                "type": "object",
                "properties": {"a": {"type": "string"}},
                "required": [],
                "additionalProperties": False,
            },
            "Missing 'a'",
        ),
        ("Script", {"type": "array"}, "must have type 'object'"),
        ("A script", {"type": "object"}, "does not match pattern"),
    ],
)
def test_a_schema_that_is_not_strict_is_refused(
    name: str, schema: dict[str, Any], told: str
) -> None:
    with pytest.raises(ApiError) as caught:
        check_strict(name, schema)
    assert told in caught.value.message


def test_the_clients_own_schemas_are_strict_enough() -> None:
    check_strict("Everything", to_strict_json_schema(Everything))


def test_a_reference_into_nothing_is_refused() -> None:
    writer = Copywriter(read_brief(""), None, 1)
    with pytest.raises(ApiError, match="leads nowhere"):
        SchemaFiller({"$ref": "#/$defs/None"}, writer).fill()
