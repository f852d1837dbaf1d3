"""Provider keys: three ways to write them, one order, and no way to see them."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurocards.domain.keys import fingerprint, parse_keys


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, []),
        ({"KIE_API_KEY": ""}, []),
        ({"KIE_API_KEY": "a"}, ["a"]),
        ({"KIE_API_KEY": " a , b,, "}, ["a", "b"]),
        ({"KIE_API_KEY_1": "a", "KIE_API_KEY_2": "b"}, ["a", "b"]),
        ({"KIE_API_KEY_10": "j", "KIE_API_KEY_9": "i"}, ["i", "j"]),
        ({"KIE_API_KEY_2": "b", "KIE_API_KEY": "a,c"}, ["a", "c", "b"]),
        ({"KIE_API_KEY": "a", "KIE_API_KEY_1": "a,b", "KIE_API_KEY_7": "b"}, ["a", "b"]),
        ({"KIE_API_KEY_0": "no", "KIE_API_KEY_01": "no", "KIE_API_KEY_X": "no"}, []),
        ({"KIE_API_KEYS": "no", "MY_KIE_API_KEY_1": "no"}, []),
    ],
)
def test_keys_are_collected_from_all_three_ways_of_writing_them(
    environment: dict[str, str], expected: list[str]
):
    assert [key.secret for key in parse_keys(environment)] == expected


@given(st.lists(st.from_regex(r"[a-z0-9]{1,8}", fullmatch=True), max_size=8))
def test_the_order_is_stable_and_nothing_comes_twice(secrets: list[str]):
    keys = parse_keys({"KIE_API_KEY": ",".join(secrets)})
    assert [key.secret for key in keys] == list(dict.fromkeys(secrets))


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"KIE_API_KEY": "a,b", "KIE_API_KEY_ACCOUNT": " team-a "}, {"a": "team-a", "b": "team-a"}),
        ({"KIE_API_KEY_3": "c", "KIE_API_KEY_3_ACCOUNT": "two"}, {"c": "two"}),
        ({"KIE_API_KEY": "a", "KIE_API_KEY_1": "a", "KIE_API_KEY_1_ACCOUNT": "x"}, {"a": "x"}),
        ({"KIE_API_KEY": "a", "KIE_API_KEY_1_ACCOUNT": "x"}, {"a": fingerprint("a")}),
    ],
)
def test_keys_of_one_variable_share_the_account_of_its_label(
    environment: dict[str, str], expected: dict[str, str]
):
    """A key without a label is an account of its own."""
    assert {key.secret: key.account for key in parse_keys(environment)} == expected


@pytest.mark.parametrize("label", ["Team", "a b", "-a", "x" * 41, "a_b"])
def test_what_cannot_be_a_label_is_refused_by_the_name_of_its_variable(label: str):
    with pytest.raises(ValueError, match=r"KIE_API_KEY_2_ACCOUNT: a label has"):
        parse_keys({"KIE_API_KEY_2": "k", "KIE_API_KEY_2_ACCOUNT": label})


def test_a_key_in_the_place_of_a_label_is_refused_and_not_shown():
    with pytest.raises(ValueError, match="is one of the keys") as refused:
        parse_keys({"KIE_API_KEY": "secret-1", "KIE_API_KEY_ACCOUNT": "secret-1"})
    assert "secret-1" not in str(refused.value)


def test_a_key_is_shown_by_its_fingerprint_only():
    (key,) = parse_keys({"KIE_API_KEY": "very-secret"})
    assert key.fingerprint == fingerprint("very-secret")
    assert key.fingerprint == hashlib.sha256(b"very-secret").hexdigest()[:12]
    assert "very-secret" not in repr(key)
