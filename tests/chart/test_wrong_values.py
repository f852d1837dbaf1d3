"""Values that are wrong are refused, before anything is installed, by a sentence with their key."""

from __future__ import annotations

from typing import Any

import pytest

from support.chart import CLOUD_NATIVE_PG, EXTERNAL, WEBHOOK, Chart, RefusedError, merged

# What Helm says about a key that does not exist names its parent and the key.
WRONG: list[tuple[dict[str, Any], str]] = [
    ({"replicas": 3}, "replicas"),
    ({"bot": {"replica": 3}}, "replica"),
    ({"worker": {"concurency": 5}}, "concurency"),
    ({"worker": {"concurrency": 0}}, "concurrency"),
    ({"worker": {"concurrency": "many"}}, "concurrency"),
    ({"worker": {"resources": {"limits": {"memory": None}}}}, "memory"),
    ({"worker": {"canary": {"enabled": True, "replicas": 0}}}, "canary"),
    ({"worker": {"extraEnv": [{"value": "nameless"}]}}, "extraEnv"),
    ({"worker": {"extraEnv": {"NAME": "value"}}}, "extraEnv"),
    ({"worker": {"extraEnv": [{"name": "WORKER_CONCURRENCY", "value": "7"}]}}, "worker.extraEnv"),
    ({"worker": {"kie": {"account": "Studio One"}}}, "account"),
    ({"bot": {"mode": "websocket"}}, "mode"),
    ({"bot": {"replicas": 2}}, "bot.replicas"),
    ({"bot": {"mode": "webhook"}}, "publicBaseUrl"),
    ({"bot": {"prices": "five credits"}}, "prices"),
    ({"bot": {"blueGreen": {"enabled": True}}}, "bot.blueGreen.enabled"),
    ({"bot": {"blueGreen": {"active": "red"}}}, "active"),
    ({"bot": {"service": {"type": "ExternalName"}}}, "type"),
    ({"bot": {"podDisruptionBudget": {"maxUnavailable": 0}}}, "maxUnavailable"),
    ({"publicBaseUrl": "http://bot.example.com"}, "publicBaseUrl"),
    ({"publicBaseUrl": "bot.example.com"}, "publicBaseUrl"),
    ({"publicBaseUrl": "https://bot.example.com/neurocards"}, "publicBaseUrl"),
    ({"publicBaseUrl": "https://bot.example.com:10000"}, "publicBaseUrl"),
    ({"ingress": {"enabled": True}}, "publicBaseUrl"),
    ({"httpRoute": {"enabled": True}, **WEBHOOK}, "httpRoute.parentRefs"),
    ({"database": {"mode": "mysql"}}, "mode"),
    ({"database": {"mode": "cnpg"}}, "database.mode"),
    ({"database": {"external": {"host": ""}}}, "database.external.host"),
    ({"database": {"external": {"port": 70000}}}, "port"),
    ({"database": {"users": {"worker": {"existingSecret": ""}}}}, "database.users.worker"),
    ({"database": {"users": {"bot": {"password": "both"}}}}, "database.users.bot.password"),
    ({"database": {"users": {"bot": {"name": "bot; DROP"}}}}, "name"),
    ({"database": {"sslMode": "yes"}}, "sslMode"),
    ({"database": {"maxConnections": 60}}, "database.maxConnections"),
    ({"scaling": {"spec": {"replicas": {"max": 200}}}}, "database.maxConnections"),
    ({"nats": {"url": ""}}, "nats.url"),
    ({"nats": {"url": "http://nats:4222"}}, "url"),
    ({"nats": {"streamReplicas": 2}}, "streamReplicas"),
    ({"nats": {"user": "neurocards"}}, "nats.existingSecret"),
    ({"nats": {"user": "a", "password": "b", "credentialsSecret": "c"}}, "nats.user"),
    ({"secrets": {"existingSecret": ""}}, "secrets.telegramTokens"),
    ({"secrets": {"kieApiKeys": ["one"]}}, "secrets.kieApiKeys"),
    ({"secrets": {"existingSecret": "", "telegramTokens": ["no token"]}}, "telegramTokens"),
    ({"secrets": {"existingSecret": "", "kieApiKeys": ["a,b"]}}, "kieApiKeys"),
    ({"secrets": {"webhookSecret": "with a space"}}, "webhookSecret"),
    ({"pool": "Premium Pool"}, "pool"),
    ({"scaling": {"spec": {"jobsPerReplica": 7}}}, "jobsPerReplica"),
    ({"scaling": {"spec": {"replicas": {"min": 9, "max": 5}}}}, "scaling.spec.replicas.min"),
    ({"scaling": {"spec": {"replicas": {"base": 50}}}}, "scaling.spec.replicas.base"),
    ({"scaling": {"spec": {"slo": {"wait": "soon"}}}}, "wait"),
    ({"scaling": {"spec": {"queue": {"steps": [{"queuedAbove": 100}]}}}}, "steps"),
    ({"worker": {"enabled": False}}, "scaling.enabled"),
    ({"operator": {"replicas": -1}}, "replicas"),
    ({"maintenance": {"weekly": "sundays"}}, "weekly"),
    ({"networkPolicy": {"exceptCidrs": ["intranet"]}}, "exceptCidrs"),
    ({"networkPolicy": {"databaseTo": [{"cidr": "10.0.0.0/8"}]}}, "databaseTo"),
    ({"images": {"pullPolicy": "Sometimes"}}, "pullPolicy"),
    ({"images": {"bot": {"digest": "latest"}}}, "digest"),
    ({"monitoring": {"podMonitor": {"interval": "often"}}}, "interval"),
    ({"log": {"level": "chatty"}}, "level"),
    ({"demo": {"timeFactor": 0}}, "timeFactor"),
]


@pytest.mark.parametrize(
    ("values", "key"), WRONG, ids=[f"{n}-{k}" for n, (_, k) in enumerate(WRONG)]
)
def test_each_wrong_file_is_refused_by_its_key(
    chart: Chart, values: dict[str, Any], key: str
) -> None:
    """S1-32, S4-14, C-22, C-35: a typo, an impossible number, values that do not fit together."""
    with pytest.raises(RefusedError) as refused:
        chart.render(EXTERNAL, values)
    assert key in str(refused.value)


def test_all_faults_are_told_at_once(chart: Chart) -> None:
    """Whoever fixes one does not meet the next one by another try."""
    with pytest.raises(RefusedError) as refused:
        chart.render({})
    said = str(refused.value)
    for key in ("database.external.host", "nats.url", "secrets.telegramTokens"):
        assert key in said


def test_a_real_key_has_no_business_in_the_demo(chart_once: Chart) -> None:
    """The demo would send it to a simulator."""
    with pytest.raises(RefusedError, match=r"demo\.enabled"):
        chart_once.render({"demo": {"enabled": True}, "secrets": {"kieApiKeys": ["real"]}})


def test_what_the_cases_start_from_is_right(chart: Chart) -> None:
    """Otherwise every case above would be refused for another reason."""
    assert chart.render(EXTERNAL).kind("Deployment")
    cluster = merged(EXTERNAL, {"database": {"mode": "cnpg"}})
    assert chart.render(cluster, api=[CLOUD_NATIVE_PG]).kind("Cluster")
