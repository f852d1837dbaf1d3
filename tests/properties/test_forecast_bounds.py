"""What a forecast is, whatever has arrived."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from neurocards.domain.forecast import forecast


@given(st.lists(st.integers(0, 500), min_size=72, max_size=24 * 9), st.integers(60, 86_400))
@settings(max_examples=60, deadline=None)
def test_it_is_a_function_of_the_past_alone(counts: list[int], horizon_s: int):
    found = forecast(counts, bucket_s=3600, horizon_s=horizon_s)
    assert found == forecast(tuple(counts), bucket_s=3600, horizon_s=horizon_s)
    assert found is not None
    assert 0 <= found.jobs <= 2 * max(counts) + 1
