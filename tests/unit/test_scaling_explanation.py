"""Why there are so many workers, as a person reads it."""

from __future__ import annotations

from datetime import UTC, datetime

from neurocards.ports.scaling import RecordedDecision
from neurocards.scaling_explanation import explain_object, explain_record

CONTRIBUTIONS = [
    {"kind": "wish", "source": "Base", "replicas": 2, "text": "the base of the policy"},
    {"kind": "wish", "source": "Objective", "replicas": 12, "text": "240 jobs need 240 slots"},
    {"kind": "limit", "source": "ReplicasMax", "replicas": 10, "text": "the policy allows 10"},
    {"kind": "advice", "source": "SlowJobs", "replicas": 0, "text": "a job takes 600 s"},
]
STATUS = {
    "replicas": 2,
    "readyReplicas": 1,
    "queue": 57,
    "wait": "12s",
    "decision": {
        "replicas": 10,
        "reason": "ReplicasMax",
        "message": "10 replicas: the policy allows 10; wished for 12",
        "at": "2026-11-24T23:00:00Z",
        "contributions": CONTRIBUTIONS,
    },
    "nextScheduledChange": {"at": "2026-11-25T16:00:00Z", "windows": ["evening"], "min": 50},
    "conditions": [
        {"type": "Limited", "status": "True", "reason": "ReplicasMax", "message": "at the maximum"}
    ],
}
METADATA = {"name": "workers", "namespace": "shop"}


def test_the_last_decision_is_a_sentence_and_a_table_of_every_wish_and_limit():
    """The binding one is marked; what asks for no replicas shows none."""
    explanation = explain_object({"metadata": METADATA, "status": STATUS})
    assert explanation is not None
    assert explanation.as_text().splitlines() == [
        "shop/workers: 10 replicas: the policy allows 10; wished for 12",
        "",
        "decided 2026-11-24T23:00:00Z",
        "of 2 replicas now, 1 ready, 57 queued, the oldest for 12s",
        "next change by the schedule at 2026-11-25T16:00:00Z: evening, min 50",
        "",
        "   kind    source       replicas  why",
        "   wish    Base         2         the base of the policy",
        "   wish    Objective    12        240 jobs need 240 slots",
        ">  limit   ReplicasMax  10        the policy allows 10",
        "   advice  SlowJobs               a job takes 600 s",
        "",
        "condition  status  reason       message",
        "Limited    True    ReplicasMax  at the maximum",
    ]


def test_an_object_that_nobody_decided_about_has_no_explanation():
    """Neither a new one nor one whose status holds conditions only."""
    assert explain_object({"metadata": METADATA}) is None
    assert explain_object({"metadata": METADATA, "status": {"conditions": []}}) is None


def test_a_decision_that_the_database_keeps_is_explained_in_the_same_form():
    """With what the number was before."""
    record = RecordedDecision(
        decided_at=datetime(2026, 11, 24, 23, tzinfo=UTC),
        namespace="shop",
        name="workers",
        pool="default",
        mode="Auto",
        replicas_before=2,
        replicas=10,
        reason="ReplicasMax",
        message="10 replicas: the policy allows 10",
        details={"queued": 57, "contributions": CONTRIBUTIONS},
    )
    explanation = explain_record(record)
    assert explanation.name == "shop/workers"
    assert explanation.facts == ("2 replicas before", "57 queued")
    assert [reason.source for reason in explanation.reasons] == [
        *("Base", "Objective", "ReplicasMax", "SlowJobs")
    ]
    assert explanation.as_json()["replicas"] == 10
