"""The definition of NeurocardsScaling and the reader of policies say the same, field by field.

What the API server makes of it is shown in tests/cluster.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from neurocards import scaling_fields, scaling_policies
from neurocards.domain.scaling_policy import ForecastMode, Headroom, Mode, ScalingPolicy
from neurocards.scaling_policies import read_policy
from support.scaling_documents import EVERYTHING
from support.scaling_objects import scaling

FILE = Path(__file__).parents[2] / "charts/neurocards/crds/neurocardsscaling.yaml"
VERSION = yaml.safe_load(FILE.read_text(encoding="utf-8"))["spec"]["versions"][0]
SCHEMA = VERSION["schema"]["openAPIV3Schema"]
Node = dict[str, Any]


def nodes(schema: Node, path: str) -> Iterator[tuple[str, Node]]:
    yield path, schema
    for name, part in schema.get("properties", {}).items():
        yield from nodes(part, f"{path}.{name}")
    if "items" in schema:
        yield from nodes(schema["items"], f"{path}[]")


NODES = dict(nodes(SCHEMA["properties"]["spec"], "spec")) | dict(
    nodes(SCHEMA["properties"]["status"], "status")
)


def defaults(schema: Node) -> Any:
    """Give what the server writes for an absent value."""
    if "properties" not in schema:
        return schema["default"]
    parts = schema["properties"].items()
    return {name: defaults(part) for name, part in parts if "default" in part}


def test_what_the_server_fills_in_is_what_the_reader_takes_by_itself():
    filled = scaling(defaults(SCHEMA["properties"]["spec"]))
    assert read_policy(filled) == read_policy(scaling()) == ScalingPolicy()


def test_a_default_that_is_written_in_full_says_what_its_parts_say():
    whole = {
        path: node for path, node in NODES.items() if node.get("default") and "properties" in node
    }
    assert set(whole) == {"spec.replicas"}
    assert all(node["default"] == defaults(node) for node in whole.values())


@pytest.mark.parametrize("path", ["spec.slo", "spec.idle"])
def test_a_rule_that_is_given_in_part_is_filled_in_as_the_reader_does(path: str):
    part = {"spec.slo": {"wait": "5s"}, "spec.idle": {"after": "1h"}}[path]
    name = path.partition(".")[2]
    filled = scaling({name: defaults(NODES[path]) | part})
    assert read_policy(filled) == read_policy(scaling({name: part}))


@pytest.mark.parametrize(
    ("path", "shape"),
    [
        ("spec.scaleTargetRef.apiVersion", scaling_policies.TARGET_API),
        ("spec.scaleTargetRef.kind", scaling_policies.TARGET_KIND),
        ("spec.scaleTargetRef.name", scaling_policies.TARGET_NAME),
        ("spec.pool", scaling_policies.POOL),
        ("spec.schedules[].name", scaling_policies.WINDOW_NAME),
        ("spec.schedules[].timeZone", scaling_policies.ZONE),
        ("spec.schedules[].start", scaling_policies.EDGE),
        ("spec.schedules[].end", scaling_policies.EDGE),
        ("spec.idle.factor", scaling_policies.FACTOR),
        ("spec.override.until", scaling_policies.INSTANT),
    ],
)
def test_a_text_has_the_shape_that_the_reader_asks_for(path: str, shape: scaling_fields.Shape):
    pattern = shape.pattern.pattern
    either = f"^({pattern})$" if "|" in pattern.replace("(Z|", "") else f"^{pattern}$"
    assert NODES[path]["pattern"] == either
    assert NODES[path]["maxLength"] == shape.characters_max


@pytest.mark.parametrize(
    ("path", "choices"),
    [
        ("spec.mode", Mode),
        ("spec.slo.headroom", Headroom),
        ("spec.forecast.mode", ForecastMode),
    ],
)
def test_a_choice_offers_what_the_reader_knows(path: str, choices: type[Mode]):
    assert set(NODES[path]["enum"]) == {str(choice) for choice in choices}


def test_no_word_of_a_choice_is_something_else_in_yaml():
    words = [word for node in NODES.values() for word in node.get("enum", ())]
    told = yaml.safe_load("\n".join(f"- {word}" for word in words if word not in {"True", "False"}))
    assert all(isinstance(word, str) for word in told)


def test_every_list_and_every_text_has_a_bound():
    unbounded = [
        path
        for path, node in NODES.items()
        if (node.get("type") == "array" and "maxItems" not in node)
        or (node.get("type") == "string" and "enum" not in node and "maxLength" not in node)
        or (node.get("type") == "integer" and path.startswith("spec") and "maximum" not in node)
    ]
    assert unbounded == []
    assert {
        n["maxItems"] for p, n in NODES.items() if p.startswith("spec") and "maxItems" in n
    } == {scaling_fields.ENTRIES_MAX}


def test_the_object_that_uses_every_field_uses_every_field_of_the_schema():
    """Otherwise the comparison on the API server would leave one out."""
    used: set[str] = set()

    def visit(node: Any, path: str) -> None:
        used.add(path)
        if isinstance(node, dict):
            for name, part in node.items():
                visit(part, f"{path}.{name}")
        elif isinstance(node, list):
            for part in node:
                visit(part, f"{path}[]")

    visit(yaml.safe_load(EVERYTHING)["spec"], "spec")
    assert used == {path for path in NODES if path.startswith("spec")}
