"""Signatures of callbacks: ours in the address, the provider's in the headers."""

from __future__ import annotations

import base64
import hashlib
import hmac
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurocards.domain.callbacks import (
    AGE_S_MAX,
    callback_path,
    is_our_address,
    is_signed_by_provider,
)

SECRET = b"callback-secret"
JOB = UUID(int=77)
NOW = 1_790_000_000.0


@given(st.uuids(), st.integers(min_value=1, max_value=10**6))
def test_an_address_that_we_made_is_ours(job_id: UUID, attempt: int):
    _, kie, callback, job, number, mac = callback_path(SECRET, job_id, attempt).split("/")
    assert (kie, callback, job, number) == ("kie", "callback", str(job_id), str(attempt))
    assert is_our_address(SECRET, job_id, attempt, mac)
    assert not is_our_address(SECRET, job_id, attempt + 1, mac)
    assert not is_our_address(b"another", job_id, attempt, mac)


@given(st.text())
def test_a_guessed_signature_is_not_ours(mac: str):
    assert is_our_address(SECRET, JOB, 1, mac) is callback_path(SECRET, JOB, 1).endswith(f"/{mac}")


def _signature(task_id: str, timestamp: str) -> str:
    digest = hmac.new(SECRET, f"{task_id}.{timestamp}".encode(), hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


@pytest.mark.parametrize("age_s", [0, AGE_S_MAX, -AGE_S_MAX])
def test_a_signature_of_the_provider_holds_for_some_minutes(age_s: int):
    timestamp = str(int(NOW) - age_s)
    assert is_signed_by_provider(
        SECRET,
        task_id="task",
        timestamp=timestamp,
        signature=_signature("task", timestamp),
        now_unix_s=NOW,
    )


@pytest.mark.parametrize("age_s", [AGE_S_MAX + 1, -AGE_S_MAX - 1])
def test_an_old_signature_or_one_from_the_future_does_not_hold(age_s: int):
    timestamp = str(int(NOW) - age_s)
    assert not is_signed_by_provider(
        SECRET,
        task_id="task",
        timestamp=timestamp,
        signature=_signature("task", timestamp),
        now_unix_s=NOW,
    )


@pytest.mark.parametrize("timestamp", ["", "soon", "-5", "1.5", "١٢", "9" * 400])
def test_a_timestamp_that_is_no_number_is_refused_without_an_error(timestamp: str):
    assert not is_signed_by_provider(
        SECRET, task_id="task", timestamp=timestamp, signature="x", now_unix_s=NOW
    )


@pytest.mark.parametrize("signature", ["", "x", "ключ"])
def test_a_wrong_signature_is_refused(signature: str):
    assert not is_signed_by_provider(
        SECRET, task_id="task", timestamp=str(int(NOW)), signature=signature, now_unix_s=NOW
    )
