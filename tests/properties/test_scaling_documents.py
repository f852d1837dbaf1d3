"""Whatever a document says, it is a policy or a list of faults, and never another error."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]
from hypothesis import given, settings
from hypothesis import strategies as st

from neurocards.scaling_policies import PolicyError, read_policy
from support.scaling_documents import EVERYTHING

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 500) | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(JSON)
def test_no_document_raises_anything_else(document: object):
    with pytest.raises(PolicyError):
        read_policy(document)


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_a_document_with_one_field_spoilt_is_a_policy_or_a_fault(data: st.DataObject):
    document = copy.deepcopy(yaml.safe_load(EVERYTHING))
    node: Any = document["spec"]
    while True:
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(node[key], dict | list) or data.draw(st.booleans()):
            node[key] = data.draw(JSON)
            break
        node = node[key]
    try:
        found = read_policy(document).faults
    except PolicyError as error:
        found = error.faults
    assert all(fault.field.startswith("spec") for fault in found)
