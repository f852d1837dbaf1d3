"""The settings of the bot: what is refused, and that it is all refused at once."""

from __future__ import annotations

import pytest

from neurocards.domain.inbound import InboundLimit
from neurocards.errors import ConfigurationError
from neurocards_bot.settings import Mode, load

WEBHOOK = {
    "MODE": "webhook",
    "PUBLIC_BASE_URL": "https://bot.example/",
    "NEUROCARDS_WEBHOOK_SECRET": "secret_1-A",
    "NEUROCARDS_TELEGRAM_TOKENS": "1:a,2:b",
}

INBOUND = ("NEUROCARDS_INBOUND_PER_MINUTE", "NEUROCARDS_INBOUND_BURST")


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*WEBHOOK, "WEBHOOK_URL", "TELEGRAM_BOT_TOKEN", "NEUROCARDS_PRICES", *INBOUND):
        monkeypatch.delenv(name, raising=False)


def faults(monkeypatch: pytest.MonkeyPatch, **environment: str | None) -> str:
    for name, value in (WEBHOOK | environment).items():
        if value is not None:
            monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError) as error:
        load()
    return str(error.value)


def test_webhook_mode_with_several_bots(monkeypatch: pytest.MonkeyPatch):
    for name, value in WEBHOOK.items():
        monkeypatch.setenv(name, value)
    settings = load()
    assert settings.mode is Mode.WEBHOOK
    assert settings.address.public_base_url == "https://bot.example"
    assert list(settings.telegram.tokens_by_bot_id) == [1, 2]
    assert settings.offer.welcome_credits == 3
    assert settings.intake.http_port == 10000


def test_the_log_is_told_every_secret(monkeypatch: pytest.MonkeyPatch):
    for name, value in WEBHOOK.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("NEUROCARDS_CALLBACK_SECRET", "callback")
    monkeypatch.setenv("DB_PASS", "password")
    monkeypatch.setenv("NEUROCARDS_KIE_WEBHOOK_KEY", "provider")
    expected = {"1:a", "2:b", "secret_1-A", "callback", "password", "provider"}
    assert expected <= set(load().secrets)


@pytest.mark.parametrize("token", ["short", "fifteen-letters", "не по-английски, но длинно"])
def test_an_admin_token_that_could_be_guessed_is_refused(
    monkeypatch: pytest.MonkeyPatch, token: str
):
    """An empty one means that there is none."""
    told = faults(monkeypatch, NEUROCARDS_ADMIN_TOKEN=token)
    assert "NEUROCARDS_ADMIN_TOKEN: at least 16 plain characters" in told
    assert token not in told
    monkeypatch.setenv("NEUROCARDS_ADMIN_TOKEN", "")
    assert load().intake.admin_token is None


def test_the_old_name_of_the_public_address_works(monkeypatch: pytest.MonkeyPatch):
    for name, value in WEBHOOK.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("PUBLIC_BASE_URL")
    monkeypatch.setenv("WEBHOOK_URL", "https://old.example")
    assert load().address.public_base_url == "https://old.example"


def test_polling_needs_neither_address_nor_secret(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MODE", "polling")
    monkeypatch.setenv("TELEGRAM_BOT_TOKEN", "1:a")
    assert load().mode is Mode.POLLING


@pytest.mark.parametrize("name", ["PUBLIC_BASE_URL", "NEUROCARDS_WEBHOOK_SECRET"])
def test_webhook_mode_needs_address_and_secret(monkeypatch: pytest.MonkeyPatch, name: str):
    assert f"{name}: MODE=webhook needs" in faults(monkeypatch, **{name: None})


def test_an_address_without_tls_is_refused_once(monkeypatch: pytest.MonkeyPatch):
    told = faults(monkeypatch, PUBLIC_BASE_URL="http://bot.example")
    assert "must start with https://" in told
    assert told.count("PUBLIC_BASE_URL:") == 1


@pytest.mark.parametrize("secret", ["with space", "ключ", "x" * 257, "a.b"])
def test_a_secret_that_telegram_would_refuse_is_refused(
    monkeypatch: pytest.MonkeyPatch, secret: str
):
    told = faults(monkeypatch, NEUROCARDS_WEBHOOK_SECRET=secret)
    assert "NEUROCARDS_WEBHOOK_SECRET: 1 to 256 characters" in told
    assert secret not in told


@pytest.mark.parametrize("prices", ["5", "5=1", "5=1,10=0,15=2", "a=b", "5=1;10=1"])
def test_a_price_list_with_a_gap_or_a_slip_is_refused(monkeypatch: pytest.MonkeyPatch, prices: str):
    assert "NEUROCARDS_PRICES: write it like" in faults(monkeypatch, NEUROCARDS_PRICES=prices)


def test_a_price_list_is_read(monkeypatch: pytest.MonkeyPatch):
    for name, value in WEBHOOK.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("NEUROCARDS_PRICES", "5=1, 10=3, 15=7")
    assert dict(load().offer.prices.credits_by_duration_s) == {5: 1, 10: 3, 15: 7}


def test_the_inbound_limit_is_one_a_second_with_a_burst_of_twenty(monkeypatch: pytest.MonkeyPatch):
    for name, value in WEBHOOK.items():
        monkeypatch.setenv(name, value)
    assert load().intake.inbound_limit == InboundLimit(per_minute=60, burst=20)
    monkeypatch.setenv("NEUROCARDS_INBOUND_PER_MINUTE", "0")
    assert load().intake.inbound_limit is None


def test_a_burst_without_room_for_a_photo_is_refused(monkeypatch: pytest.MonkeyPatch):
    assert "NEUROCARDS_INBOUND_BURST:" in faults(monkeypatch, NEUROCARDS_INBOUND_BURST="2")


def test_faults_of_different_concerns_are_told_together(monkeypatch: pytest.MonkeyPatch):
    told = faults(
        monkeypatch,
        NEUROCARDS_TELEGRAM_TOKENS="no-token",
        NEUROCARDS_HTTP_PORT="70000",
        NEUROCARDS_NATS_REPLICAS="9",
    )
    for name in ("TELEGRAM_TOKENS", "HTTP_PORT", "NATS_REPLICAS"):
        assert f"NEUROCARDS_{name}:" in told
