"""The bucket that bounds what one user may ask of one bot."""

from __future__ import annotations

import pytest

from neurocards.domain.inbound import PHOTO_COST, InboundLimit


@pytest.mark.parametrize(("per_minute", "refill_s"), [(1, 60.0), (30, 2.0), (120, 0.5)])
def test_one_unit_flows_back_after_its_share_of_a_minute(per_minute: int, refill_s: float):
    assert InboundLimit(per_minute, burst=PHOTO_COST).refill_s == refill_s


@pytest.mark.parametrize(("per_minute", "burst"), [(0, 20), (-1, 20), (30, PHOTO_COST - 1)])
def test_a_limit_under_which_nobody_could_send_a_photo_is_refused(per_minute: int, burst: int):
    with pytest.raises(ValueError, match="nobody could ever send a photo"):
        InboundLimit(per_minute, burst)
