"""Values without rules of their own: what they promise by their form."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from neurocards.domain import photos
from neurocards.domain.failures import ClassifiedFailure, FailureClass, FailureSource
from neurocards.domain.outcomes import Done, GiveUp, Lost, Retry, Snooze
from neurocards.domain.photos import PhotoFacts, PhotoFault

FAILURE = ClassifiedFailure(FailureClass.TEMPORARY, "500", "internal error", FailureSource.KIE)


@pytest.mark.parametrize(
    "outcome", [Done(), Retry(10, FAILURE), Snooze(1, "window"), GiveUp(FAILURE), Lost()]
)
def test_an_outcome_cannot_be_changed(outcome: object):
    with pytest.raises((FrozenInstanceError, AttributeError, TypeError)):
        outcome.after_s = 0  # type: ignore[attr-defined]


def test_an_outcome_is_careful_by_default():
    assert not Done().undelivered
    assert not Retry(10, FAILURE).new_task
    assert not Snooze(1, "window").tell_user
    assert not Snooze(1, "window").new_task


def test_the_limits_of_a_photo_fit_together():
    assert photos.UPLOAD_BYTES_MAX <= photos.PHOTO_BYTES_MAX
    assert photos.PHOTO_SIDE_PIXELS_MIN < photos.PHOTO_SIDE_PIXELS_MAX
    assert photos.PHOTO_SIDE_PIXELS_MAX**2 <= photos.PHOTO_PIXELS_MAX


def test_a_fault_of_a_photo_is_one_word_for_texts_and_metrics():
    assert all(fault.value.isidentifier() for fault in PhotoFault)
    assert PhotoFacts(10, 20, "JPEG").width == 10
