"""Checks a strict schema as the service does before it runs the model.

Invariant: a schema that the real service refuses is refused here, for these rules: every object
closes itself with additionalProperties false and requires all of its properties.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from neurocards_sandbox.openai.errors import ApiError

NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
PROPERTIES_MAX = 5_000
NESTING_MAX = 10
PARAM = "text.format.schema"


def check_strict(name: str, schema: Mapping[str, Any]) -> None:
    """Check name and schema; ApiError 400 invalid_json_schema."""
    if not NAME.fullmatch(name):
        message = "Invalid 'text.format.name': string does not match pattern."
        raise ApiError(400, message, code="invalid_value", param="text.format.name")
    if schema.get("type") != "object" or "anyOf" in schema:
        raise _invalid(name, (), "schema must have type 'object' at its root.")
    _check(name, schema, ())


def _check(name: str, schema: Any, path: tuple[str, ...]) -> None:
    if not isinstance(schema, Mapping):
        return
    if len(path) > 4 * NESTING_MAX:
        raise _invalid(name, path, "the schema is nested too deeply.")
    if schema.get("type") == "object":
        _check_object(name, schema, path)
    for key in ("properties", "$defs", "definitions"):
        for part_name, part in schema.get(key, {}).items():
            _check(name, part, (*path, key, part_name))
    if "items" in schema:
        _check(name, schema["items"], (*path, "items"))
    for number, part in enumerate(schema.get("anyOf", ())):
        _check(name, part, (*path, "anyOf", str(number)))


def _check_object(name: str, schema: Mapping[str, Any], path: tuple[str, ...]) -> None:
    if schema.get("additionalProperties") is not False:
        text = "'additionalProperties' is required to be supplied and to be false."
        raise _invalid(name, path, text)
    properties = set(schema.get("properties", {}))
    left_out = sorted(properties - set(schema.get("required", ())))
    if left_out:
        text = (
            "'required' is required to be supplied and to be an array including every key in "
            f"properties. Missing '{left_out[0]}'."
        )
        raise _invalid(name, path, text)


def _invalid(name: str, path: tuple[str, ...], text: str) -> ApiError:
    message = f"Invalid schema for response_format '{name}': In context={path!r}, {text}"
    return ApiError(400, message, code="invalid_json_schema", param=PARAM)
