"""The environment of the operator: what it means, and what is refused."""

from __future__ import annotations

import os

import pytest

from neurocards.errors import ConfigurationError
from neurocards_operator.access import ClusterAccess
from neurocards_operator.settings import Cluster, load

PREFIXES = ("NEUROCARDS_", "DB_", "POD_", "KUBE")


@pytest.fixture(autouse=True)
def _empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(PREFIXES)]:
        monkeypatch.delenv(name)


def test_an_operator_needs_no_setting_to_follow_the_whole_cluster():
    settings = load()
    assert settings.cluster.watch_namespace == ()
    assert settings.cluster.lease_duration_s == 15
    assert settings.evaluations.wakes_apart_s == 0.25


def test_namespaces_are_listed_with_commas(monkeypatch: pytest.MonkeyPatch):
    """S3-17: many regions, one operator."""
    monkeypatch.setenv("NEUROCARDS_WATCH_NAMESPACE", " shop , ,north,shop")
    assert load().cluster.watch_namespace == ("shop", "north")


def test_all_faults_come_in_one_message(monkeypatch: pytest.MonkeyPatch):
    """A request that may hang longer than a third of the lease would cost the lease."""
    monkeypatch.setenv("NEUROCARDS_LEASE_DURATION_S", "12")
    monkeypatch.setenv("NEUROCARDS_STATUS_APART_S", "-1")
    monkeypatch.setenv("DB_PORT", "no")
    with pytest.raises(ConfigurationError) as error:
        load()
    text = str(error.value)
    assert "NEUROCARDS_API_TIMEOUT_S: at most a third of NEUROCARDS_LEASE_DURATION_S" in text
    assert "NEUROCARDS_STATUS_APART_S" in text
    assert "DB_PORT" in text


def test_secrets_are_named_for_the_redaction(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DB_PASS", "hidden")
    monkeypatch.setenv("NEUROCARDS_NATS_PASSWORD", "hidden too")
    assert set(load().secrets()) == {"hidden", "hidden too"}


def test_without_a_way_to_a_cluster_the_settings_are_wrong():
    with pytest.raises(ConfigurationError, match="KUBECONFIG"):
        _ = ClusterAccess(Cluster.model_validate({})).info


def test_a_kubeconfig_that_cannot_be_read_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("KUBECONFIG", "/nowhere/config")
    with pytest.raises(ConfigurationError, match="KUBECONFIG"):
        _ = ClusterAccess(Cluster.model_validate({})).info
