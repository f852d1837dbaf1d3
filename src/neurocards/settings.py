"""Settings of all processes, read from the environment here and nowhere else.

One class per concern; a process composes the ones it needs with `load`, which reports every
fault of every concern at once. A name has the prefix NEUROCARDS_, but for those that earlier
set-ups of the product have fixed (MODE, PUBLIC_BASE_URL, DB_*, WORKER_CONCURRENCY, KIE_API_KEY*).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, TypeVar
from urllib.parse import parse_qs, quote, unquote, urlsplit

from pydantic import (
    AliasChoices,
    Field,
    PositiveFloat,
    SecretStr,
    ValidationError,
    field_validator,
)
from pydantic import model_validator as validator_of_the_whole
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from neurocards.domain.failures import RETRY_DELAYS, RetryDelays
from neurocards.domain.keys import ProviderKey, parse_keys
from neurocards.domain.outbound import Flow, OutboundLimits
from neurocards.errors import ConfigurationError

PREFIX = "NEUROCARDS_"


class Concern(BaseSettings):
    """A group of settings that belong together; frozen once read."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        frozen=True,
        extra="ignore",
        hide_input_in_errors=True,
        use_attribute_docstrings=True,
    )


class Profile(StrEnum):
    """`fast` shortens every wait, for crash and chaos tests; never for real users."""

    PRODUCTION = "production"
    FAST = "fast"


_FAST_DIVISOR = 60.0
_FAST_LEASE_S = 2.0
_FAST_TELEGRAM = 20.0


class Timings(Concern):
    """How long things may take. Under the profile `fast` leases last 2 s and the rest is / 60."""

    profile: Profile = Profile.PRODUCTION
    """`production`, or `fast` for tests that kill processes."""
    lease_s: float = Field(60.0, gt=0)
    """A job whose worker says nothing for so long belongs to the next one."""
    ack_wait_s: float = Field(60.0, gt=0)
    """The same at the broker; keep it equal to `lease_s`."""
    beat_s: float = Field(20.0, gt=0)
    """Between two signs of life to the broker."""
    renewal_s: float = Field(15.0, gt=0)
    """Between two renewals of all leases of a worker."""
    job_deadline_s: float = Field(3 * 3600.0, gt=0)
    """From the acceptance to the end, parking included; then it is refunded."""
    render_deadline_s: float = Field(1800.0, gt=0)
    """For one render at the provider."""
    render_expected_s: float = Field(300.0, gt=0)
    """What the progress bar and the estimate are drawn for."""
    key_rate_block_s: float = Field(3600.0, gt=0)
    """How long a key rests after the provider said "too many requests"."""
    key_billing_block_s: float = Field(24 * 3600.0, gt=0)
    """How long a key rests after the provider said that its credits are gone."""
    render_poll_s: float = Field(10.0, gt=0)
    """Between two looks at a render where nobody calls back; half of it more or less by chance."""
    render_poll_callback_s: float = Field(45.0, gt=0)
    """The same where the provider calls back: a net under lost callbacks."""
    task_unknown_s: float = Field(120.0, gt=0)
    """A task that the provider does not know, or has made and not shown, for so long is lost."""
    key_wait_s: float = Field(300.0, gt=0)
    """How long a job keeps its slot while every key has used up its window."""
    ambiguity_wait_s: float = Field(600.0, gt=0)
    """How long a lost answer to createTask is waited for before it is sent once more."""
    temporary_delays_s: Annotated[tuple[PositiveFloat, ...], NoDecode] = RETRY_DELAYS.temporary_s
    """Before each further try after a failure that may pass by itself, with commas; the last is for
    the rest. `30,60` is the calmer choice: fewer tries meet an outage, and a user waits longer."""
    retry_scale: float = Field(1.0, gt=0)
    """Multiplies the delays before a retry (those above, and 60/120/240 s after a rate limit)."""
    outbox_poll_s: float = Field(0.5, gt=0)
    """The net under the wake-ups of the relay."""
    reaper_s: float = Field(5.0, gt=0)
    """Between two searches for jobs that are due and have no message."""
    unseen_s: float = Field(60.0, gt=0)
    """A queued job that nobody claims for so long gets a new message."""
    status_edit_s: float = Field(3.0, gt=0)
    """At least so long between two progress edits of one message."""

    @property
    def retry_delays(self) -> RetryDelays:
        return RetryDelays(temporary_s=self.temporary_delays_s, scale=self.retry_scale)

    @field_validator("temporary_delays_s", mode="before")
    @classmethod
    def _read_delays(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        delays = tuple(part.strip() for part in value.split(",") if part.strip())
        if not delays:
            raise ValueError("there must be one delay at least, e.g. 10,20,40")
        return delays

    @validator_of_the_whole(mode="before")
    @classmethod
    def _shorten(cls, values: dict[str, Any]) -> dict[str, Any]:
        if values.get("profile") != Profile.FAST:
            return values
        fast: dict[str, Any] = {
            name: field.default / _FAST_DIVISOR
            for name, field in cls.model_fields.items()
            if isinstance(field.default, float)
        }
        fast |= {"lease_s": _FAST_LEASE_S, "ack_wait_s": _FAST_LEASE_S, "beat_s": 0.5}
        fast |= {"renewal_s": 0.5, "outbox_poll_s": 0.2, "reaper_s": 0.5, "unseen_s": 2.0}
        return fast | values


class Database(Concern):
    """PostgreSQL: one URL, or the parts DB_HOST, DB_PORT, DB_NAME, DB_USER, DB_PASS."""

    database_url: SecretStr | None = None
    """`postgresql://user:password@host:5432/name`; wins over the parts below."""
    host: str = Field("localhost", validation_alias="DB_HOST")
    """Name or address of PostgreSQL, or the folder of its socket."""
    port: int = Field(5432, ge=1, le=65535, validation_alias="DB_PORT")
    """Port of PostgreSQL."""
    name: str = Field("neurocards", validation_alias="DB_NAME")
    """Name of the database."""
    user: str = Field("neurocards", validation_alias="DB_USER")
    """Login role; each process has one of its own."""
    password: SecretStr = Field(SecretStr(""), validation_alias="DB_PASS")
    """Its password."""
    pool_size: int = Field(20, ge=1, le=500, validation_alias="DB_POOL_SIZE")
    """Connections that are kept."""
    pool_overflow: int = Field(0, ge=0, le=500, validation_alias="DB_MAX_OVERFLOW")
    """Further connections under load; they are closed after 30 idle seconds."""
    connect_timeout_s: float = Field(2.0, gt=0, validation_alias="NEUROCARDS_DB_CONNECT_TIMEOUT_S")
    """Making a connection."""
    acquire_timeout_s: float = Field(5.0, gt=0, validation_alias="NEUROCARDS_DB_ACQUIRE_TIMEOUT_S")
    """Waiting for a free connection; then a fast error instead of a hang."""
    statement_timeout_s: float = Field(
        10.0, gt=0, validation_alias="NEUROCARDS_DB_STATEMENT_TIMEOUT_S"
    )
    """One statement, on both sides."""
    statement_cache_size: int = Field(
        100, ge=0, validation_alias="NEUROCARDS_DB_STATEMENT_CACHE_SIZE"
    )
    """0 behind a pooler that shares connections between transactions."""

    @property
    def dsn(self) -> str:
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        secret = quote(self.password.get_secret_value(), safe="")
        return (
            f"postgresql://{quote(self.user, safe='')}:{secret}@"
            f"{quote(self.host, safe='')}:{self.port}/{quote(self.name, safe='')}"
        )


class Broker(Concern):
    """NATS with JetStream."""

    nats_url: str = "nats://127.0.0.1:4222"
    """One address, or several with commas."""
    nats_credentials_file: Path | None = None
    """A `.creds` file."""
    nats_user: str | None = None
    """User, where no credentials file is used."""
    nats_password: SecretStr | None = None
    """Its password."""
    nats_replicas: int = Field(1, ge=1, le=5)
    """Copies of the stream; 3 in a cluster of servers."""
    nats_messages_max: int = Field(1_000_000, ge=1)
    """Jobs that the broker holds at most; what is beyond waits in the outbox."""
    pool: str = Field("default", pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")
    """Which jobs this process takes or makes."""
    max_ack_pending: int = Field(20_000, ge=1)
    """Jobs in flight over the whole fleet."""


class LogFormat(StrEnum):
    AUTO = "auto"
    JSON = "json"
    CONSOLE = "console"


class Telemetry(Concern):
    """Logs, metrics and probes."""

    log_level: Annotated[str, Field(pattern="^(debug|info|warning|error)$")] = "info"
    """debug, info, warning or error."""
    log_format: LogFormat = LogFormat.AUTO
    """`auto`: JSON, or coloured lines in a terminal."""
    log_user_key: SecretStr = SecretStr("")
    """Keys the pseudonyms of users in log lines; the same in every process."""
    metrics_host: str = "0.0.0.0"  # noqa: S104 - probes come from outside the pod
    """Address that metrics and probes listen on."""
    metrics_port: int = Field(9090, ge=0, le=65535)
    """`/metrics`, `/livez` and `/readyz`; 0 = any free port."""
    pod_name: str = Field(
        default_factory=lambda: os.uname().nodename,
        validation_alias=AliasChoices("NEUROCARDS_POD_NAME", "POD_NAME", "HOSTNAME"),
    )
    """Name of this process in logs and leases; the host name by default."""


class Telegram(Concern):
    """The bots: one token each, the id of a bot is the number before its colon."""

    telegram_tokens: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        validation_alias=AliasChoices(
            "NEUROCARDS_TELEGRAM_TOKENS", "NEUROCARDS_TELEGRAM_TOKEN", "TELEGRAM_BOT_TOKEN"
        )
    )
    """One token per bot, several with commas."""
    telegram_api_url: str = "https://api.telegram.org"
    """Telegram's Bot API, or a server that speaks it."""

    @field_validator("telegram_tokens", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        tokens = list(dict.fromkeys(part.strip() for part in value.split(",") if part.strip()))
        if not tokens:
            raise ValueError("give at least one bot token")
        for token in tokens:
            number, _, secret = token.partition(":")
            if not (number.isdigit() and secret):
                raise ValueError("a bot token looks like 123456:ABC")
        if len({int(token.partition(":")[0]) for token in tokens}) < len(tokens):
            raise ValueError("two tokens belong to the same bot: one of them was revoked")
        return tuple(SecretStr(token) for token in tokens)

    @property
    def tokens_by_bot_id(self) -> dict[int, str]:
        tokens = (token.get_secret_value() for token in self.telegram_tokens)
        return {int(token.partition(":")[0]): token for token in tokens}


class Pace(Concern):
    """How much each bot says to Telegram, all processes together; under `fast` 20 times as much."""

    telegram_per_s: int = Field(30, ge=2)
    """Messages and edits of one bot in any second."""
    telegram_burst: int = Field(6, ge=1)
    """So many of them at once; the others flow evenly, 24 a second in the long run."""
    telegram_chat_per_s: float = Field(1.0, gt=0)
    """Messages and edits in one chat, in the long run."""
    telegram_chat_burst: int = Field(5, ge=1)
    """So many of them at once."""
    telegram_group_per_minute: int = Field(20, ge=2)
    """Messages and edits in a group or channel in any minute."""
    telegram_group_burst: int = Field(5, ge=1)
    """So many of them at once."""
    telegram_alone_share: float = Field(0.2, gt=0, le=1)
    """What one process takes of `telegram_per_s` while PostgreSQL is away; 1 / processes."""

    def limits(self, profile: Profile) -> OutboundLimits:
        limits = OutboundLimits(
            bot=Flow.within(self.telegram_per_s, window_s=1.0, burst=self.telegram_burst),
            chat=Flow(1 / self.telegram_chat_per_s, self.telegram_chat_burst),
            group=Flow.within(
                self.telegram_group_per_minute, window_s=60.0, burst=self.telegram_group_burst
            ),
        )
        return limits.scaled(_FAST_TELEGRAM if profile is Profile.FAST else 1.0)


class PublicAddress(Concern):
    """Where Telegram and the video provider reach the bot, and what proves that it is they."""

    public_base_url: str | None = Field(
        None, validation_alias=AliasChoices("PUBLIC_BASE_URL", "WEBHOOK_URL")
    )
    """The https address under which Telegram and the provider reach the bot."""
    callback_secret: SecretStr | None = None
    """Signs the addresses that are given to the provider; bot and worker need the same one."""

    @field_validator("public_base_url")
    @classmethod
    def _https(cls, value: str | None) -> str | None:
        if not value:
            return None
        if not value.startswith("https://"):
            raise ValueError(
                "PUBLIC_BASE_URL must start with https://: Telegram refuses anything else"
            )
        return value.rstrip("/")

    @property
    def callbacks_enabled(self) -> bool:
        return self.public_base_url is not None and self.callback_secret is not None


def secret_values(*concerns: Concern) -> tuple[str, ...]:
    """List every secret of these concerns: what no log line and no answer may hold.

    The kind of a setting tells, so a new secret cannot be forgotten; and an address may hold a
    password, whatever its setting is for.
    """
    found = (value for concern in concerns for value in _plain_values(concern))
    return tuple(dict.fromkeys(value for value in found if value))


def _plain_values(concern: Concern) -> Iterator[str]:
    for name in type(concern).model_fields:
        value = getattr(concern, name)
        for each in value if isinstance(value, tuple) else (value,):
            if isinstance(each, SecretStr):
                yield each.get_secret_value()
                yield from _passwords(each.get_secret_value())
            elif isinstance(each, str):
                yield from _passwords(each)


def _passwords(text: str) -> Iterator[str]:
    """Find the password of each address in the text, as it stands there and as it is typed."""
    for address in text.split(","):
        try:
            parts = urlsplit(address.strip())
            found = [parts.password, *parse_qs(parts.query).get("password", ())]
        except ValueError:
            continue
        for password in filter(None, found):
            yield password
            yield unquote(password)


ConcernType = TypeVar("ConcernType", bound=Concern)


class Loader:
    """Reads concerns one by one and keeps the faults of all of them for one message."""

    def __init__(self) -> None:
        self._faults: list[str] = []

    def read(self, concern: type[ConcernType]) -> ConcernType | None:
        try:
            return concern()
        except ValidationError as error:
            self._faults += [_sentence(concern, fault) for fault in error.errors()]
            return None

    def read_provider_keys(self) -> tuple[ProviderKey, ...]:
        """Collect the provider keys of the environment in all three ways of writing them."""
        try:
            return parse_keys(os.environ)
        except ValueError as error:
            self._faults.append(str(error))
            return ()

    def require(self, condition: object, fault: str) -> None:
        """Add a fault that concerns several settings at once."""
        if not condition:
            self._faults.append(fault)

    def blame(self, faults: Iterable[str]) -> None:
        """Add what the rules between settings have found."""
        self._faults += faults

    def finish(self) -> None:
        """Raise ConfigurationError with all faults, if there are any."""
        if self._faults:
            raise ConfigurationError("\n".join(dict.fromkeys(self._faults)))


def _sentence(concern: type[Concern], fault: Mapping[str, Any]) -> str:
    name = str(fault["loc"][0]) if fault["loc"] else concern.__name__
    field = concern.model_fields.get(name)
    alias = field.validation_alias if field else None
    if isinstance(alias, AliasChoices):
        shown = str(alias.choices[0])
    elif isinstance(alias, str):
        shown = alias
    else:
        shown = name if name.isupper() else (PREFIX + name).upper()
    return f"{shown}: {str(fault['msg']).removeprefix('Value error, ')}"
