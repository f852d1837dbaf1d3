"""How the bot is rolled out, reached and multiplied."""

from __future__ import annotations

import pytest

from support.chart import (
    EXTERNAL,
    WEBHOOK,
    Chart,
    RefusedError,
    environment,
    main_container,
    merged,
    value_of,
)

ROOM = {"database": {"maxConnections": 200}}
THREE = merged(EXTERNAL, WEBHOOK, ROOM, {"bot": {"replicas": 3}})
COLOURS = ROOM | {
    "bot": {
        "blueGreen": {
            "enabled": True,
            "active": "blue",
            "blue": {"replicas": 2},
            "green": {"replicas": 2, "tag": "2.0.0"},
        }
    }
}
OFF = {"enabled": False}
ALONE = {"scaling": OFF}


def test_without_an_address_one_bot_polls(chart: Chart) -> None:
    """S4-14: two that poll would take each other's updates away, in an upgrade as well."""
    bot = chart.render(EXTERNAL).find("Deployment", "neurocards-bot")
    assert bot["spec"]["replicas"] == 1
    assert bot["spec"]["strategy"] == {"type": "Recreate"}
    assert value_of(main_container(bot), "MODE") == "polling"
    assert "NEUROCARDS_WEBHOOK_SECRET" not in environment(main_container(bot))


def test_with_an_address_bots_are_called_and_replaced_one_by_one(chart: Chart) -> None:
    """G-8, G-17, C-31, S3-39: start first, none less than wanted, 10 s each."""
    bot = chart.render(THREE).find("Deployment", "neurocards-bot")
    spec = bot["spec"]
    assert spec["replicas"] == 3
    assert spec["minReadySeconds"] == 10
    assert spec["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    container = main_container(bot)
    assert value_of(container, "MODE") == "webhook"
    assert value_of(container, "PUBLIC_BASE_URL") == "https://bot.example.com"
    assert "secretKeyRef" in environment(container)["NEUROCARDS_WEBHOOK_SECRET"]["valueFrom"]


def test_three_bots_leave_one_at_a_time(chart: Chart) -> None:
    """S4-40: a node that is emptied takes one of them."""
    rendered = chart.render(THREE)
    assert rendered.find("PodDisruptionBudget", "neurocards-bot")["spec"]["maxUnavailable"] == 1
    # A single one would keep a node from ever being emptied.
    assert not chart.render(EXTERNAL).has("PodDisruptionBudget", "neurocards-bot")


def test_the_active_colour_says_whether_bots_may_leave(chart: Chart) -> None:
    """One at a time where there are several; bot.replicas counts nothing there."""
    budget = "PodDisruptionBudget", "neurocards-bot"
    assert chart.render(EXTERNAL, WEBHOOK, COLOURS).has(*budget)
    single = {"bot": {"replicas": 3, "blueGreen": {"blue": {"replicas": 1}}}}
    assert not chart.render(EXTERNAL, WEBHOOK, COLOURS, single).has(*budget)
    turned = merged(single, {"bot": {"blueGreen": {"active": "green"}}})
    assert chart.render(EXTERNAL, WEBHOOK, COLOURS, turned).has(*budget)


def test_the_ingress_lets_in_what_telegram_and_the_provider_call(chart: Chart) -> None:
    """S1-33, S4-16: TLS, the two paths, and neither statistics nor administration."""
    values = {"ingress": {"enabled": True, "className": "nginx", "annotations": {"a/b": "60"}}}
    ingress = chart.render(THREE, values).find("Ingress", "neurocards-bot")
    spec = ingress["spec"]
    assert spec["tls"] == [{"hosts": ["bot.example.com"], "secretName": "neurocards-tls"}]
    paths = [path["path"] for path in spec["rules"][0]["http"]["paths"]]
    assert paths == ["/telegram", "/kie"]
    assert ingress["metadata"]["annotations"] == {"a/b": "60"}


def test_a_gateway_does_as_well(chart: Chart) -> None:
    """The same two paths; TLS is the listener's."""
    values = {"httpRoute": {"enabled": True, "parentRefs": [{"name": "public"}]}}
    route = chart.render(THREE, values).find("HTTPRoute", "neurocards-bot")
    assert route["spec"]["hostnames"] == ["bot.example.com"]
    matches = [match["path"]["value"] for match in route["spec"]["rules"][0]["matches"]]
    assert matches == ["/telegram", "/kie"]


def test_green_stands_beside_blue_until_the_service_turns(chart: Chart) -> None:
    """S3-40, G-17: start green, look at it, turn, stop blue."""
    before = chart.render(EXTERNAL, WEBHOOK, COLOURS)
    colour = "neurocards.io/colour"
    assert before.find("Service", "neurocards-bot")["spec"]["selector"][colour] == "blue"
    assert before.find("Service", "neurocards-bot-preview")["spec"]["selector"][colour] == "green"
    green = main_container(before.find("Deployment", "neurocards-bot-green"))
    assert green["image"].endswith(":2.0.0")
    turned = chart.render(EXTERNAL, WEBHOOK, COLOURS, {"bot": {"blueGreen": {"active": "green"}}})
    assert turned.find("Service", "neurocards-bot")["spec"]["selector"][colour] == "green"
    # Turning changes no pod.
    for name in ("neurocards-bot-blue", "neurocards-bot-green"):
        assert turned.find("Deployment", name) == before.find("Deployment", name)


def test_the_service_never_turns_to_nothing(chart: Chart) -> None:
    """The colour that is to be active has pods."""
    wrong = {"bot": {"blueGreen": {"active": "green", "green": {"replicas": 0}}}}
    with pytest.raises(RefusedError, match=r"bot\.blueGreen\.green\.replicas"):
        chart.render(EXTERNAL, WEBHOOK, COLOURS, wrong)


def test_the_token_of_the_administrators_comes_out_of_a_secret(chart: Chart) -> None:
    """C-23, S4-35: a value or a key of one's own Secret; without it there is no such page."""
    token = {"secrets": {"adminToken": "a-token-of-16-letters-or-more"}}
    own = {"secrets": {"existingSecret": "", "telegramTokens": ["1:a"]}, "worker": OFF, **ALONE}
    for layers, key in (((own, token), True), ((own,), False)):
        rendered = chart.render(EXTERNAL, *layers)
        secret = rendered.find("Secret", "neurocards")["stringData"]
        assert ("admin-token" in secret) is key
        bot = main_container(rendered.find("Deployment", "neurocards-bot"))
        assert environment(bot)["NEUROCARDS_ADMIN_TOKEN"]["valueFrom"]["secretKeyRef"] == {
            "name": "neurocards",
            "key": "admin-token",
            "optional": True,
        }
    with pytest.raises(RefusedError, match=r"secrets\.adminToken"):
        chart.render(EXTERNAL, token)
    with pytest.raises(RefusedError, match="adminToken"):
        chart.render(EXTERNAL, own, {"secrets": {"adminToken": "short"}})


def test_a_new_token_restarts_the_bot(chart_once: Chart) -> None:
    """It is read at the start only."""

    def annotations(token: str) -> dict[str, str]:
        values = {"secrets": {"existingSecret": "", "telegramTokens": ["1:a"], "adminToken": token}}
        bot = chart_once.render(EXTERNAL, values, {"worker": OFF}, ALONE).find(
            "Deployment", "neurocards-bot"
        )
        found: dict[str, str] = bot["spec"]["template"]["metadata"]["annotations"]
        return found

    assert annotations("a" * 16) != annotations("b" * 16)


def test_the_port_of_the_bot_is_the_documents(chart: Chart) -> None:
    """C-34."""
    rendered = chart.render(THREE)
    ports = {
        port["name"]: port["containerPort"]
        for port in main_container(rendered.find("Deployment", "neurocards-bot"))["ports"]
    }
    assert ports == {"http": 10000, "metrics": 9090}
    assert rendered.find("Service", "neurocards-bot")["spec"]["ports"][0]["targetPort"] == "http"
