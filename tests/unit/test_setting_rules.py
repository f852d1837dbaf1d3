"""Settings that are right one by one and wrong together, and the secrets among them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import pytest
from pydantic import SecretStr

import neurocards_bot.settings
import neurocards_worker.settings
from neurocards.domain.failures import FailureClass
from neurocards.errors import ConfigurationError
from neurocards.setting_rules import broker_faults, timing_faults
from neurocards.settings import Broker, Database, Profile, Telegram, Timings, secret_values

NEEDED = {
    "NEUROCARDS_TELEGRAM_TOKENS": "1:a",
    "KIE_API_KEY": "key",
    "OPENAI_API_KEY": "key",
}
LOADERS: tuple[Callable[[], object], ...] = (
    neurocards_bot.settings.load,
    neurocards_worker.settings.load,
)


def told(monkeypatch: pytest.MonkeyPatch, load: Callable[[], object], **values: str) -> list[str]:
    """Give the names of the settings that are complained of, one for each complaint."""
    for name, value in (NEEDED | values).items():
        monkeypatch.setenv(name, value)
    try:
        load()
    except ConfigurationError as error:
        return [line.partition(":")[0] for line in str(error).splitlines()]
    return []


@pytest.mark.parametrize("load", LOADERS)
@pytest.mark.parametrize(
    ("values", "names"),
    [
        ({}, []),
        ({"NEUROCARDS_PROFILE": "fast"}, []),
        ({"NEUROCARDS_BEAT_S": "60"}, ["NEUROCARDS_BEAT_S"]),
        ({"NEUROCARDS_RENEWAL_S": "61"}, ["NEUROCARDS_RENEWAL_S"]),
        ({"NEUROCARDS_LEASE_S": "61"}, ["NEUROCARDS_LEASE_S"]),
        ({"NEUROCARDS_LEASE_S": "61", "NEUROCARDS_ACK_WAIT_S": "61"}, []),
        ({"NEUROCARDS_NATS_USER": "u"}, ["NEUROCARDS_NATS_PASSWORD"]),
        ({"NEUROCARDS_NATS_PASSWORD": "p"}, ["NEUROCARDS_NATS_USER"]),
        ({"NEUROCARDS_NATS_USER": "u", "NEUROCARDS_NATS_PASSWORD": "p"}, []),
        ({"NEUROCARDS_TELEGRAM_TOKENS": "1:a,1:b"}, ["NEUROCARDS_TELEGRAM_TOKENS"]),
        ({"NEUROCARDS_TEMPORARY_DELAYS_S": "30,60"}, []),
        ({"NEUROCARDS_TEMPORARY_DELAYS_S": ","}, ["NEUROCARDS_TEMPORARY_DELAYS_S"]),
        ({"NEUROCARDS_TEMPORARY_DELAYS_S": "30,-1"}, ["NEUROCARDS_TEMPORARY_DELAYS_S"]),
        ({"NEUROCARDS_TEMPORARY_DELAYS_S": "soon"}, ["NEUROCARDS_TEMPORARY_DELAYS_S"]),
    ],
)
def test_both_processes_refuse_what_would_break_a_promise(
    monkeypatch: pytest.MonkeyPatch,
    load: Callable[[], object],
    values: Mapping[str, str],
    names: list[str],
):
    """A beat that comes too late makes two workers of one, and nobody would see why."""
    assert told(monkeypatch, load, **values) == names


@pytest.mark.parametrize("load", LOADERS)
def test_faults_of_one_setting_and_between_several_come_in_one_message(
    monkeypatch: pytest.MonkeyPatch, load: Callable[[], object]
):
    """Who starts a process reads them once."""
    names = told(
        monkeypatch,
        load,
        NEUROCARDS_BEAT_S="60",
        NEUROCARDS_RENEWAL_S="60",
        NEUROCARDS_NATS_USER="u",
        DB_PORT="a lot",
    )
    assert sorted(names) == [
        "DB_PORT",
        "NEUROCARDS_BEAT_S",
        "NEUROCARDS_NATS_PASSWORD",
        "NEUROCARDS_RENEWAL_S",
    ]


def test_a_worker_must_be_allowed_as_many_messages_as_it_has_slots(
    monkeypatch: pytest.MonkeyPatch,
):
    """The broker would give the last slots nothing, and no error says so."""
    values = {"WORKER_CONCURRENCY": "21", "NEUROCARDS_MAX_ACK_PENDING": "20"}
    load = neurocards_worker.settings.load
    assert told(monkeypatch, load, **values) == ["NEUROCARDS_MAX_ACK_PENDING"]


def test_probes_do_not_share_the_port_that_the_world_reaches(monkeypatch: pytest.MonkeyPatch):
    """Two times 0 is no fault: each gets a port of its own."""
    load = neurocards_bot.settings.load
    ports = {"NEUROCARDS_HTTP_PORT": "9090"}
    assert told(monkeypatch, load, **ports) == ["NEUROCARDS_METRICS_PORT"]
    free = {"NEUROCARDS_HTTP_PORT": "0", "NEUROCARDS_METRICS_PORT": "0"}
    assert told(monkeypatch, load, **free) == []


def test_the_defaults_of_every_profile_keep_the_rules():
    """What nobody has set must not be at fault."""
    for profile in Profile:
        assert list(timing_faults(Timings.model_validate({"profile": profile}))) == []
    assert list(broker_faults(Broker.model_validate({}))) == []


@pytest.mark.parametrize("module", [neurocards_bot.settings, neurocards_worker.settings])
def test_the_log_knows_every_setting_that_is_declared_a_secret(
    monkeypatch: pytest.MonkeyPatch, module: object
):
    """A secret that is added later is known too: its type tells."""
    for name, value in NEEDED.items():
        monkeypatch.setenv(name, value)
    settings = module.load()  # type: ignore[attr-defined]
    declared = {
        value.get_secret_value()
        for concern in vars_of(settings)
        for value in vars_of(concern)
        if isinstance(value, SecretStr) and value.get_secret_value()
    }
    known = settings.secrets if isinstance(settings.secrets, tuple) else settings.secrets()
    assert declared <= set(known)
    assert "1:a" in known


def vars_of(thing: object) -> list[object]:
    names: Iterable[str] = getattr(type(thing), "model_fields", getattr(thing, "__slots__", ()))
    return [getattr(thing, name) for name in names]


def test_a_password_within_an_address_is_a_secret_of_its_own():
    """Whoever takes the address apart may log the password without it."""
    database = Database.model_validate(
        {"database_url": "postgresql://user:p%40ss-1@db:5432/name?password=p-2"}
    )
    broker = Broker.model_validate({"nats_url": "nats://a:p-3@one:4222, nats://a:p-4@two:4222"})
    known = set(secret_values(database, broker))
    assert {"p%40ss-1", "p@ss-1", "p-2", "p-3", "p-4"} <= known


def test_an_address_without_a_password_adds_nothing():
    """A word that is no secret must not vanish from the log."""
    telegram = Telegram.model_validate({"NEUROCARDS_TELEGRAM_TOKENS": "1:a"})
    assert secret_values(telegram, Broker.model_validate({})) == ("1:a",)


def test_the_delays_before_another_try_are_read_and_scaled(monkeypatch: pytest.MonkeyPatch):
    """C-3."""
    monkeypatch.setenv("NEUROCARDS_TEMPORARY_DELAYS_S", "30, 60")
    monkeypatch.setenv("NEUROCARDS_RETRY_SCALE", "0.5")
    delays = Timings.model_validate({}).retry_delays
    assert delays.after(FailureClass.TEMPORARY, 1) == 15
    assert delays.after(FailureClass.RATE_LIMIT, 1) == 30
    monkeypatch.delenv("NEUROCARDS_TEMPORARY_DELAYS_S")
    assert Timings.model_validate({}).retry_delays.temporary_s == (10, 20, 40)
