"""Settings of the worker: its own concerns beside those of `neurocards.settings`.

`load` reads all of them and reports every fault in one ConfigurationError.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import AliasChoices, Field, SecretStr, field_validator
from pydantic_settings import NoDecode

from neurocards.adapters.kie.dialects import DEFAULT_MODEL, DIALECTS
from neurocards.domain.keys import ProviderKey
from neurocards.errors import ConfigurationError
from neurocards.setting_rules import broker_faults, capacity_faults, pace_faults, timing_faults
from neurocards.settings import (
    Broker,
    Concern,
    Database,
    Loader,
    Pace,
    PublicAddress,
    Telegram,
    Telemetry,
    Timings,
    secret_values,
)


class Work(Concern):
    """How much one process carries."""

    concurrency: int = Field(20, ge=1, le=20_000, validation_alias="WORKER_CONCURRENCY")
    """Jobs at once; the chart gives the operator the same number."""
    polls_at_once: int = Field(50, ge=1)
    """Looks at renders that may be under way at once."""
    photo_processes: int = Field(2, ge=1, le=64)
    """Photos that are decoded at once."""
    status_edits_per_s: float = Field(15.0, gt=0)
    """Progress edits that this process tries; NEUROCARDS_TELEGRAM_PER_S holds for all together."""
    breaker_failures: int = Field(10, ge=1)
    """So many failed calls in a row, and OpenAI, KIE or Telegram is left alone for a while."""
    breaker_open_s: float = Field(30.0, gt=0)
    """How long it is left alone before one call tries again; its jobs wait and use up no try."""
    drain_s: float = Field(20.0, gt=0)
    """At the end: how long an order that was already sent may wait for its answer."""
    work_folder: Path = Field(default_factory=lambda: Path(tempfile.gettempdir()))
    """Photos and videos under way; what is in it may be lost at any moment."""
    support_handle: str = ""
    """Who helps when something is wrong, e.g. `@support`."""


class VideoModel(Concern):
    """The video provider KIE.ai; its keys come from KIE_API_KEY, KIE_API_KEY_1, ..."""

    kie_api_url: str = "https://api.kie.ai"
    """Where renders are ordered."""
    kie_upload_url: str = "https://kieai.redpandaai.co"
    """Where photos are uploaded."""
    kie_model: str = DEFAULT_MODEL
    """Which video model is ordered; each has a dialect of its own."""
    kie_result_hosts: Annotated[tuple[str, ...], NoDecode] = (
        "*.aiquickdraw.com",
        "*.redpandaai.co",
        "*.kie.ai",
    )
    """Hosts that finished videos may be fetched from, over https; `*.name` for all below a name."""
    kie_trusted_origins: Annotated[tuple[str, ...], NoDecode] = ()
    """`http://127.0.0.1:8090` and the like: a provider on one's own machine, taken as it is."""
    fetch_tries: int = Field(8, ge=1)
    """Downloads from one result address that may break off. When a fresh address is used up too,
    the order is refunded, and its paid render is counted as lost."""
    kie_creates_per_window: int = Field(20, ge=1)
    """Orders that one account may give within `kie_window_s`."""
    kie_window_s: float = Field(10.0, gt=0)
    """Length of that window."""
    kie_window_margin_s: float = Field(0.5, ge=0.1)
    """Kept beside it: orders that left us a window apart may reach the provider closer together.
    An order that cannot leave within it takes another turn."""

    @property
    def kie_window_kept_s(self) -> float:
        return self.kie_window_s + self.kie_window_margin_s

    @field_validator("kie_api_url", "kie_upload_url")
    @classmethod
    def _without_slash(cls, value: str) -> str:
        if not value.startswith(("https://", "http://")):
            raise ValueError("an address starts with https://")
        return value.rstrip("/")

    @field_validator("kie_result_hosts", "kie_trusted_origins", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        return tuple(part.strip().rstrip("/") for part in value.split(",") if part.strip())

    @field_validator("kie_model")
    @classmethod
    def _known(cls, value: str) -> str:
        if value not in DIALECTS:
            raise ValueError(f"no dialect for this model; known: {', '.join(DIALECTS)}")
        return value


class ScriptModel(Concern):
    """The script writer: OpenAI, or whatever speaks its Responses API."""

    openai_api_key: SecretStr = Field(
        validation_alias=AliasChoices("NEUROCARDS_OPENAI_API_KEY", "OPENAI_API_KEY")
    )
    """Key of the script writer."""
    openai_base_url: str | None = Field(
        None, validation_alias=AliasChoices("NEUROCARDS_OPENAI_BASE_URL", "OPENAI_BASE_URL")
    )
    """Another server that speaks OpenAI's Responses API."""
    openai_model: str = "gpt-6-luna"
    """A model that sees pictures."""
    openai_timeout_s: float = Field(60.0, gt=0)
    """For one script."""


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    work: Work
    timings: Timings
    database: Database
    broker: Broker
    telemetry: Telemetry
    telegram: Telegram
    pace: Pace
    public: PublicAddress
    video: VideoModel
    script: ScriptModel
    keys: tuple[ProviderKey, ...]

    def secrets(self) -> list[str]:
        """List what must never stand in a log line."""
        concerns = (self.work, self.database, self.broker, self.telemetry, self.telegram)
        values = secret_values(*concerns, self.public, self.video, self.script)
        return [*values, *(key.secret for key in self.keys)]


def load() -> WorkerSettings:
    """Read the environment; ConfigurationError tells all of its faults at once."""
    loader = Loader()
    work, timings = loader.read(Work), loader.read(Timings)
    database, broker = loader.read(Database), loader.read(Broker)
    telemetry, telegram = loader.read(Telemetry), loader.read(Telegram)
    pace = loader.read(Pace)
    public, video = loader.read(PublicAddress), loader.read(VideoModel)
    script, keys = loader.read(ScriptModel), loader.read_provider_keys()
    loader.require(keys, "KIE_API_KEY: give at least one key of the video provider")
    if timings:
        loader.blame(timing_faults(timings))
    if broker:
        loader.blame(broker_faults(broker))
    if pace:
        loader.blame(pace_faults(pace))
    if broker and work:
        loader.blame(capacity_faults(broker, jobs_at_once=work.concurrency))
    loader.finish()
    if not (work and timings and database and broker and telemetry):
        raise ConfigurationError("the settings are incomplete")
    if not (telegram and pace and public and video and script):
        raise ConfigurationError("the settings are incomplete")
    return WorkerSettings(
        work=work,
        timings=timings,
        database=database,
        broker=broker,
        telemetry=telemetry,
        telegram=telegram,
        pace=pace,
        public=public,
        video=video,
        script=script,
        keys=keys,
    )
