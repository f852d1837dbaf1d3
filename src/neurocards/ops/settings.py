"""Settings of the commands by hand: who works, and which cluster is meant."""

from __future__ import annotations

import getpass
import os
from dataclasses import dataclass

from pydantic import Field

from neurocards.domain.keys import ProviderKey
from neurocards.errors import ConfigurationError
from neurocards.settings import Broker, Concern, Database, Loader, Timings, secret_values

OUR_PREFIXES = ("NEUROCARDS_", "DB_", "KIE_", "OPENAI_", "TELEGRAM_", "WORKER_", "BOT_")
OUR_NAMES = frozenset({"MODE", "PUBLIC_BASE_URL", "WEBHOOK_URL", "POD_NAME"})


def _who() -> str:
    try:
        login = getpass.getuser()
    except (OSError, KeyError):
        login = str(os.getuid())
    return f"{login}@{os.uname().nodename}"


class Operating(Concern):
    """Commands by hand (`neurocards ops`); the database role for them is `neurocards_ops`."""

    ops_actor: str = Field(default_factory=_who, min_length=1, max_length=100)
    """Who is shown in the record of operations; user and host name by default."""
    ops_namespace: str | None = None
    """Namespace of the release; that of the kubeconfig's context by default."""
    ops_context: str | None = None
    """Context of the kubeconfig; the current one by default."""
    ops_scaling_name: str = "workers"
    """Name of the NeurocardsScaling object of the workers."""
    ops_window_s: float = Field(10.0, gt=0, validation_alias="NEUROCARDS_KIE_WINDOW_S")
    """The provider's window; the list of keys shows what was taken within it."""
    ops_window_limit: int = Field(20, ge=1, validation_alias="NEUROCARDS_KIE_CREATES_PER_WINDOW")
    """Orders within it."""


@dataclass(frozen=True, slots=True)
class OpsSettings:
    operating: Operating
    database: Database
    broker: Broker
    timings: Timings
    keys: tuple[ProviderKey, ...]
    """Where the keys are in the environment too; shown by their fingerprints."""

    def secrets(self) -> list[str]:
        """List what must never stand in anything that is shown."""
        return [
            *secret_values(self.operating, self.database, self.broker, self.timings),
            *(key.secret for key in self.keys),
        ]


def load() -> OpsSettings:
    """Read the environment; ConfigurationError tells all of its faults at once."""
    loader = Loader()
    operating, database = loader.read(Operating), loader.read(Database)
    broker, timings = loader.read(Broker), loader.read(Timings)
    keys = loader.read_provider_keys()
    loader.finish()
    if not (operating and database and broker and timings):
        raise ConfigurationError("the settings are incomplete")
    return OpsSettings(operating, database, broker, timings, keys)


def names_that_are_set() -> list[str]:
    """Name the settings of this environment, without a word about their values."""
    return sorted(name for name in os.environ if name.startswith(OUR_PREFIXES) or name in OUR_NAMES)
