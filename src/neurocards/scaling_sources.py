"""Where the scaling commands read from: the database of the settings, or the API server."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from neurocards.adapters.kubernetes.cluster import ClusterRefusedError, KubernetesCluster
from neurocards.adapters.postgres import PostgresDecisionJournal, open_database
from neurocards.adapters.postgres.traffic import PostgresTrafficRecord
from neurocards.errors import ConfigurationError, NeurocardsError
from neurocards.ports.scaling import RecordedDecision
from neurocards.replay.trace import JOBS_MAX
from neurocards.settings import Database, Loader

APPLICATION_NAME = "neurocards-scaling"
NOT_FOUND = 404


class ScalingUnknownError(NeurocardsError):
    """There is no such object; the text says where it was looked for."""


async def recorded_jobs(pool: str, *, since_s: float) -> list[tuple[datetime, float | None]]:
    """Read when the jobs of a pool came and how long each took."""
    async with open_database(_settings(), application_name=APPLICATION_NAME, size=1) as database:
        jobs = await PostgresTrafficRecord(database).jobs(pool, since_s=since_s, limit=JOBS_MAX)
    return [(job.accepted_at, job.service_s) for job in jobs]


async def last_decision(namespace: str, name: str) -> RecordedDecision | None:
    async with open_database(_settings(), application_name=APPLICATION_NAME, size=1) as database:
        decisions = await PostgresDecisionJournal(database).last(namespace, name, limit=1)
    return decisions[0] if decisions else None


def read_object(name: str, *, namespace: str | None, context: str | None) -> Mapping[str, Any]:
    """Read a NeurocardsScaling object by the kubeconfig, or as a pod of the cluster.

    Raises ClusterUnavailableError and ClusterRefusedError, with words for a person.
    """
    cluster = KubernetesCluster(namespace=namespace, context=context)
    try:
        return cluster.scaling_object(name)
    except ClusterRefusedError as error:
        if error.status != NOT_FOUND:
            raise
        words = f"there is no NeurocardsScaling {name} in the namespace {cluster.namespace}"
        raise ScalingUnknownError(words) from error


def _settings() -> Database:
    loader = Loader()
    settings = loader.read(Database)
    loader.finish()
    if settings is None:
        raise ConfigurationError("the database is not configured")
    return settings
