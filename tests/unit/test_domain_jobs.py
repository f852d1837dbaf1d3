"""The life of a job: which event may happen in which state."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurocards.domain.jobs import (
    ARROWS,
    RUNNING_STATUSES,
    TERMINAL_STATUSES,
    ChatAddress,
    Fence,
    IllegalTransitionError,
    Job,
    JobEvent,
    JobStatus,
    ProviderTask,
    legal_arrows,
    transition,
)
from neurocards.domain.orders import Order, OrderOptions

MOMENT = datetime(2026, 12, 1, tzinfo=UTC)


def test_a_job_that_meets_no_trouble_goes_through_all_states_in_order():
    status = JobStatus.QUEUED
    seen = []
    for event in (
        JobEvent.CLAIMED,
        JobEvent.SCRIPT_READY,
        JobEvent.TASK_CREATED,
        JobEvent.RENDERED,
        JobEvent.FETCHED,
        JobEvent.DELIVERED,
    ):
        status = transition(status, event)
        seen.append(status.value)
    assert seen == ["scripting", "submitting", "rendering", "fetching", "delivering", "done"]


@pytest.mark.parametrize("status", sorted(RUNNING_STATUSES))
def test_a_claim_after_a_lost_lease_changes_no_state(status: JobStatus):
    assert transition(status, JobEvent.CLAIMED) is status


@pytest.mark.parametrize("event", JobEvent)
@pytest.mark.parametrize("status", [JobStatus.FAILED, JobStatus.CANCELLED])
def test_nothing_happens_to_a_refunded_job(status: JobStatus, event: JobEvent):
    with pytest.raises(IllegalTransitionError, match=f"a job that is {status} cannot be {event}"):
        transition(status, event)


def test_a_finished_job_comes_back_only_when_its_user_does():
    possible = {event for event in JobEvent if JobStatus.DONE in ARROWS[event]}
    assert possible == {JobEvent.USER_RETURNED}


@given(st.sampled_from(JobStatus), st.sampled_from(JobEvent))
def test_every_pair_is_an_arrow_of_the_table_or_an_error(status: JobStatus, event: JobEvent):
    if status in ARROWS[event]:
        after = transition(status, event)
        assert after is status or (status, after) in legal_arrows()
        return
    with pytest.raises(IllegalTransitionError) as refusal:
        transition(status, event)
    assert (refusal.value.status, refusal.value.event) == (status, event)


@given(st.lists(st.sampled_from(JobEvent), max_size=30))
def test_a_refund_is_never_followed_by_a_delivery(events: list[JobEvent]):
    status = JobStatus.QUEUED
    ended = False
    for event in events:
        try:
            status = transition(status, event)
        except IllegalTransitionError:
            continue
        assert not ended
        ended = status in (JobStatus.FAILED, JobStatus.CANCELLED)


def test_every_state_is_queued_running_or_terminal():
    assert {JobStatus.QUEUED} | RUNNING_STATUSES | TERMINAL_STATUSES == set(JobStatus)
    assert not RUNNING_STATUSES & TERMINAL_STATUSES
    assert JobStatus.RENDERING.is_running
    assert not JobStatus.QUEUED.is_running
    assert JobStatus.CANCELLED.is_terminal
    assert not JobStatus.DELIVERING.is_terminal


def a_job(status: JobStatus) -> Job:
    return Job(
        id=UUID(int=7),
        bot_id=1,
        tg_user_id=2,
        chat_id=3,
        status_message_id=4,
        pool="default",
        status=status,
        attempt=5,
        tries=0,
        lease_losses=0,
        language="ru",
        order=Order("first", "photo", OrderOptions()),
        price_credits=1,
        created_at=MOMENT,
        deadline_at=MOMENT,
    )


def test_a_job_knows_its_fence_and_its_chat():
    job = a_job(JobStatus.RENDERING)
    assert job.fence == Fence(UUID(int=7), 5, JobStatus.RENDERING)
    assert job.chat == ChatAddress(1, 3)


def test_a_user_can_cancel_only_what_cannot_have_been_ordered_yet():
    queued = a_job(JobStatus.QUEUED)
    assert queued.is_cancellable
    assert replace(queued, status=JobStatus.SCRIPTING).is_cancellable
    assert not replace(queued, status=JobStatus.SUBMITTING).is_cancellable
    assert not replace(queued, submissions=1).is_cancellable
    assert not replace(queued, task=ProviderTask("kie", "m", "t", "f")).is_cancellable
