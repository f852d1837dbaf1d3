"""Settings of the operator: its own concerns beside those of `neurocards.settings`.

`load` reads all of them and reports every fault in one ConfigurationError.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import AliasChoices, Field, field_validator
from pydantic_settings import NoDecode

from neurocards.errors import ConfigurationError
from neurocards.settings import Broker, Concern, Database, Loader, Telemetry, Timings


class Cluster(Concern):
    """The Kubernetes API, and who acts when several operators run."""

    kubeconfig: Path | None = Field(None, validation_alias="KUBECONFIG")
    """A kubeconfig file, for outside of a cluster; inside the service account is used."""
    watch_namespace: Annotated[tuple[str, ...], NoDecode] = ()
    """Namespaces whose NeurocardsScaling objects are followed, with commas; empty = all of them."""
    pod_namespace: str = Field(
        "default", validation_alias=AliasChoices("NEUROCARDS_POD_NAMESPACE", "POD_NAMESPACE")
    )
    """Namespace of the operator itself, where its Lease is."""
    lease_name: str = Field("neurocards-operator", pattern=r"^[a-z0-9][a-z0-9.-]{0,62}$")
    """Name of the Lease that says which operator acts."""
    lease_duration_s: int = Field(15, ge=3, le=60)
    """An operator that has said nothing for so long is replaced by another one."""
    api_timeout_s: float = Field(5.0, gt=0)
    """One request to the API server; a third of the lease at most."""

    @field_validator("watch_namespace", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        return tuple(dict.fromkeys(part.strip() for part in value.split(",") if part.strip()))


class Evaluations(Concern):
    """How often pools are looked at beside what their objects say."""

    wakes_apart_s: float = Field(0.25, gt=0)
    """An arrival or an end wakes an object at once, and again so much later at the earliest."""
    evaluations_at_once: int = Field(16, ge=1, le=500)
    """Objects that are evaluated at the same time."""
    status_apart_s: float = Field(5.0, gt=0)
    """Between two writes of a status in which only figures have changed."""
    resync_s: float = Field(300.0, gt=0)
    """Between two listings of all objects, the net under the watch."""
    kie_creates_per_window: int = Field(20, ge=1)
    """Orders that one account of the provider may give within `kie_window_s`, as in the worker."""
    kie_window_s: float = Field(10.0, gt=0)
    """Length of that window."""
    kie_window_margin_s: float = Field(0.5, ge=0)
    """What the workers keep beside it, as in the worker."""


@dataclass(frozen=True, slots=True)
class OperatorSettings:
    cluster: Cluster
    evaluations: Evaluations
    timings: Timings
    database: Database
    broker: Broker
    telemetry: Telemetry

    def secrets(self) -> list[str]:
        """List what must never stand in a log line."""
        database = self.database
        held = (database.password, database.database_url, self.broker.nats_password)
        return [secret.get_secret_value() for secret in held if secret is not None]


def load() -> OperatorSettings:
    """Read the environment; ConfigurationError tells all of its faults at once."""
    loader = Loader()
    cluster, evaluations = loader.read(Cluster), loader.read(Evaluations)
    timings, database = loader.read(Timings), loader.read(Database)
    broker, telemetry = loader.read(Broker), loader.read(Telemetry)
    if cluster is not None:
        loader.require(
            3 * cluster.api_timeout_s <= cluster.lease_duration_s,
            "NEUROCARDS_API_TIMEOUT_S: at most a third of NEUROCARDS_LEASE_DURATION_S",
        )
    loader.finish()
    if not (cluster and evaluations and timings and database and broker and telemetry):
        raise ConfigurationError("the settings are incomplete")
    return OperatorSettings(cluster, evaluations, timings, database, broker, telemetry)
