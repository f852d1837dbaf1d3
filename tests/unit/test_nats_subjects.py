"""The message of a job reads back, and nothing else is taken for one."""

from __future__ import annotations

import json
from uuid import UUID

import pytest

from neurocards.adapters.nats.subjects import job_body, job_subject, parse_job

JOB_ID = UUID("01a23179-de00-7002-8000-000000000000")


def test_the_subject_names_pool_and_job():
    assert job_subject("default", JOB_ID) == f"jobs.default.{JOB_ID}"


def test_the_body_is_json_with_the_job_id():
    assert json.loads(job_body(JOB_ID)) == {"job_id": str(JOB_ID)}


def test_a_message_reads_back():
    assert parse_job(job_subject("default", JOB_ID), job_body(JOB_ID)) == JOB_ID


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff",
        b"[]",
        b"null",
        b"{}",
        b'{"job_id": 7}',
        b'{"job_id": null}',
        b'{"job_id": "nonsense"}',
        job_body(UUID(int=1)),
    ],
)
def test_anything_else_is_no_message_of_ours(body: bytes):
    assert parse_job(job_subject("default", JOB_ID), body) is None
