"""The names on NATS: subjects of jobs, their bodies, and the stream that holds them."""

from __future__ import annotations

import json
from uuid import UUID

STREAM = "JOBS"
JOB_SUBJECTS = "jobs.*.*"


def job_subject(pool: str, job_id: UUID) -> str:
    return f"jobs.{pool}.{job_id}"


def pool_subjects(pool: str) -> str:
    return f"jobs.{pool}.*"


def consumer_name(pool: str) -> str:
    """Give the durable consumer that all workers of the pool share."""
    return pool


def job_body(job_id: UUID) -> bytes:
    return b'{"job_id":"%s"}' % str(job_id).encode()


def parse_job(subject: str, body: bytes) -> UUID | None:
    """Read the job id of a message; None when it is not one of ours."""
    try:
        job_id = UUID(json.loads(body)["job_id"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return job_id if subject.rpartition(".")[2] == str(job_id) else None
