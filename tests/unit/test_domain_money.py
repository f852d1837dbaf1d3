"""Credits: both sides of every booking."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurocards.domain.money import (
    LedgerKind,
    booking,
    charge_key,
    refund_key,
    user_account,
    welcome_key,
)

JOB = UUID(int=9)


@given(st.integers().filter(bool), st.sampled_from(LedgerKind))
def test_the_two_sides_of_a_booking_sum_to_zero(amount: int, kind: LedgerKind):
    user, system = booking(7, kind=kind, amount=amount, key="k", job_id=JOB)
    assert user.amount == amount
    assert user.amount + system.amount == 0
    assert (user.account, system.account) == ("user:7", "system")
    assert (user.key, user.job_id, user.kind) == (system.key, system.job_id, system.kind)


def test_a_booking_of_nothing_is_refused():
    with pytest.raises(ValueError, match="nothing"):
        booking(7, kind=LedgerKind.GRANT, amount=0, key="k")


def test_keys_name_what_may_happen_once():
    assert charge_key(JOB) == f"charge:{JOB}"
    assert refund_key(JOB) == f"refund:{JOB}"
    assert welcome_key(1, 7) == "welcome:1:7"
    assert user_account(7) == "user:7"
