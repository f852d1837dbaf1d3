"""Settings of the bot: its own concerns beside those of `neurocards.settings`.

`load` reads all of them and reports every fault in one ConfigurationError.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import NoDecode

from neurocards.domain.inbound import PHOTO_COST, InboundLimit
from neurocards.domain.orders import PriceList
from neurocards.errors import ConfigurationError
from neurocards.setting_rules import broker_faults, pace_faults, port_faults, timing_faults
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
from neurocards_bot.housekeeping import Kept

ADMIN_TOKEN_CHARACTERS_MIN = 16
SECONDS_PER_DAY = 24 * 3600.0
UPDATE_REPEATED_DAYS_MAX = 1.0
"""Telegram may bring an update again for so long, and it must find what it has made before."""


class Mode(StrEnum):
    """How updates come: Telegram calls us, or we ask it (one process only, no public address)."""

    WEBHOOK = "webhook"
    POLLING = "polling"


class Way(Concern):
    """Apart from the other settings of the intake: what they need depends on it."""

    mode: Mode = Field(Mode.POLLING, validation_alias="MODE")
    """`webhook` or `polling`."""


class Intake(Concern):
    """How updates are taken in, and the HTTP side beside them."""

    http_host: str = "0.0.0.0"  # noqa: S104 - reached from outside the pod
    """Address that the HTTP side listens on."""
    http_port: int = Field(10000, ge=0, le=65535)
    """Webhooks, callbacks and `/queue_stats`; 0 = any free port."""
    webhook_secret: SecretStr | None = None
    """Telegram repeats it in a header of every webhook call."""
    webhook_connections_max: int = Field(40, ge=1, le=100)
    """Webhook calls that Telegram may have open at once, per bot."""
    kie_webhook_key: SecretStr | None = None
    """The provider's own signing key; without it its signature headers are not looked at."""
    admin_token: SecretStr | None = None
    """Who sends it as `X-Admin-Token` may read `/healthz/detailed`; at least 16 characters. Without
    it there is no such page."""
    connection_pool_size: int = Field(64, ge=1, validation_alias="BOT_CONNECTION_POOL_SIZE")
    """Connections to Telegram at once, all bots together."""
    polling_concurrency: int = Field(32, ge=1, le=100)
    """Chats that are served at once in polling mode."""
    dialogues_at_once: int = Field(16, ge=1, le=100)
    """Steps of dialogues at once; each holds a connection to PostgreSQL beside `DB_POOL_SIZE`."""
    inbound_per_minute: int = Field(60, ge=0)
    """Messages and presses of one user that are carried out in the long run; a photo counts as
    three, *Confirm* as none; 0 = no limit."""
    inbound_burst: int = Field(20, ge=PHOTO_COST)
    """So many of them at once."""
    drain_s: float = Field(20.0, gt=0)
    """At the end: how long running handlers may take."""

    @property
    def inbound_limit(self) -> InboundLimit | None:
        if self.inbound_per_minute == 0:
            return None
        return InboundLimit(self.inbound_per_minute, self.inbound_burst)

    @field_validator("admin_token")
    @classmethod
    def _not_to_be_guessed(cls, value: SecretStr | None) -> SecretStr | None:
        token = value.get_secret_value() if value else ""
        if not token:
            return None
        if len(token) < ADMIN_TOKEN_CHARACTERS_MIN or not token.isascii():
            fault = f"at least {ADMIN_TOKEN_CHARACTERS_MIN} plain characters are needed"
            raise ValueError(fault)
        return value

    @field_validator("webhook_secret")
    @classmethod
    def _as_telegram_takes_it(cls, value: SecretStr | None) -> SecretStr | None:
        secret = value.get_secret_value() if value else ""
        if not secret:
            return None
        allowed = secret.isascii() and secret.replace("-", "a").replace("_", "a").isalnum()
        if len(secret) > 256 or not allowed:  # noqa: PLR2004 - Telegram's own limit
            raise ValueError("1 to 256 characters of A-Z a-z 0-9 _ - are allowed")
        return value


class Offer(Concern):
    """What users are given and asked for."""

    welcome_credits: int = Field(3, ge=0)
    """Given once per bot and user."""
    prices: Annotated[PriceList, NoDecode] = Field(default_factory=PriceList)
    """Credits by seconds of video, e.g. `5=1,10=1,15=2`."""
    support_handle: str = ""
    """Who helps when something is wrong, e.g. `@support`."""
    workers_configured: int = Field(20, ge=0)
    """Desired replicas of the worker, for `/queue_stats`; what the operator has decided within the
    last three days goes before."""

    @field_validator("prices", mode="before")
    @classmethod
    def _parse(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        pairs = [part.partition("=") for part in value.split(",") if part.strip()]
        try:
            return PriceList({int(seconds): int(price) for seconds, _, price in pairs})
        except ValueError as error:
            raise ValueError(f"write it like 5=1,10=1,15=2 ({error})") from error


class Keeping(Concern):
    """How long things are kept that nobody touches any more; once a day the rest is forgotten."""

    drafts_kept_days: float = Field(30.0, ge=UPDATE_REPEATED_DAYS_MAX)
    """Orders that were put together; those that were accepted have become jobs, which stay."""
    dialogues_kept_days: float = Field(30.0, ge=UPDATE_REPEATED_DAYS_MAX)
    """Which order a dialogue is about."""

    @property
    def kept(self) -> Kept:
        return Kept(
            drafts_s=self.drafts_kept_days * SECONDS_PER_DAY,
            dialogues_s=self.dialogues_kept_days * SECONDS_PER_DAY,
        )


@dataclass(frozen=True, slots=True)
class BotSettings:
    mode: Mode
    intake: Intake
    offer: Offer
    telegram: Telegram
    pace: Pace
    address: PublicAddress
    database: Database
    broker: Broker
    timings: Timings
    telemetry: Telemetry
    keeping: Keeping

    @property
    def secrets(self) -> tuple[str, ...]:
        """Give every secret value, so that the log can leave them out."""
        return secret_values(
            self.intake,
            self.offer,
            self.telegram,
            self.address,
            self.database,
            self.broker,
            self.telemetry,
            self.keeping,
        )


def load() -> BotSettings:
    """Read the environment; ConfigurationError names all faults at once."""
    loader = Loader()
    way, intake, offer = loader.read(Way), loader.read(Intake), loader.read(Offer)
    telegram, address = loader.read(Telegram), loader.read(PublicAddress)
    database, broker = loader.read(Database), loader.read(Broker)
    timings, telemetry = loader.read(Timings), loader.read(Telemetry)
    keeping, pace = loader.read(Keeping), loader.read(Pace)
    if way is not None and way.mode is Mode.WEBHOOK:
        loader.require(
            address is None or address.public_base_url is not None,
            "PUBLIC_BASE_URL: MODE=webhook needs the https address under which Telegram reaches us",
        )
        loader.require(
            intake is None or intake.webhook_secret is not None,
            "NEUROCARDS_WEBHOOK_SECRET: MODE=webhook needs it, or anybody could send us updates",
        )
    _check_rules(loader, intake=intake, broker=broker, timings=timings, telemetry=telemetry)
    if pace:
        loader.blame(pace_faults(pace))
    loader.finish()
    if not (way and intake and offer and telegram and pace and address):
        raise ConfigurationError("the settings of the bot cannot be read")
    if not (database and broker and timings and telemetry and keeping):
        raise ConfigurationError("the settings of the platform cannot be read")
    return BotSettings(
        mode=way.mode,
        intake=intake,
        offer=offer,
        telegram=telegram,
        pace=pace,
        address=address,
        database=database,
        broker=broker,
        timings=timings,
        telemetry=telemetry,
        keeping=keeping,
    )


def _check_rules(
    loader: Loader,
    *,
    intake: Intake | None,
    broker: Broker | None,
    timings: Timings | None,
    telemetry: Telemetry | None,
) -> None:
    """Check what can be read; a concern with faults of its own is told of already."""
    if timings:
        loader.blame(timing_faults(timings))
    if broker:
        loader.blame(broker_faults(broker))
    if intake and telemetry:
        loader.blame(port_faults(telemetry, http_port=intake.http_port))
