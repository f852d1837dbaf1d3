"""Who owns the number of workers, and what they are told."""

from __future__ import annotations

import yaml  # type: ignore[import-untyped]

from neurocards.scaling_policies import load_policy, read_policy
from support.chart import (
    ADMISSION,
    DEMO,
    EXTERNAL,
    FOLDER,
    Chart,
    Rendered,
    environment,
    main_container,
    value_of,
)

WITHOUT_OPERATOR = {
    "operator": {"enabled": False},
    "scaling": {"enabled": False},
    "worker": {"replicas": 7},
}
PREMIUM = {
    "pool": "premium",
    "bot": {"enabled": False},
    "operator": {"enabled": False},
    "migrations": {"enabled": False},
    "maintenance": {"enabled": False},
}


def test_the_chart_names_no_number_while_the_operator_owns_it(chart: Chart) -> None:
    """S2-37: an upgrade does not set it back, and server-side apply finds no conflict."""
    worker = chart.render(EXTERNAL).find("Deployment", "neurocards-worker")
    assert "replicas" not in worker["spec"]


def test_without_the_operator_the_number_is_a_value(chart: Chart) -> None:
    """S2-12, S2-15."""
    rendered = chart.render(EXTERNAL, WITHOUT_OPERATOR)
    assert rendered.find("Deployment", "neurocards-worker")["spec"]["replicas"] == 7
    assert not rendered.kind("NeurocardsScaling")
    assert not rendered.has("Deployment", "neurocards-operator")


def test_another_autoscaler_finds_no_number_to_fight_over(chart: Chart) -> None:
    """worker.replicas null: an upgrade neither sets it back nor is refused. 0 stays a number."""
    counted = "NEUROCARDS_WORKERS_CONFIGURED"
    for replicas, told in ((None, "1"), (0, "0")):
        rendered = chart.render(EXTERNAL, WITHOUT_OPERATOR, {"worker": {"replicas": replicas}})
        worker = rendered.find("Deployment", "neurocards-worker")
        assert worker["spec"].get("replicas") == replicas
        assert ("replicas" in worker["spec"]) is (replicas is not None)
        bot = main_container(rendered.find("Deployment", "neurocards-bot"))
        assert value_of(bot, counted) == told


def test_the_slots_of_a_worker_come_from_one_value(chart: Chart) -> None:
    """Otherwise the operator would count other slots than there are."""
    rendered = chart.render(EXTERNAL, {"worker": {"concurrency": 33}})
    worker = main_container(rendered.find("Deployment", "neurocards-worker"))
    assert value_of(worker, "WORKER_CONCURRENCY") == "33"
    policy = rendered.find("NeurocardsScaling", "workers")
    assert policy["spec"]["jobsPerReplica"] == 33
    assert policy["spec"]["scaleTargetRef"]["name"] == "neurocards-worker"


def test_the_policies_of_all_profiles_can_be_read(chart_once: Chart) -> None:
    """What the chart makes is what the operator understands."""
    for names in (
        [],
        ["values-small.yaml"],
        ["values-production.yaml"],
        ["values-production.yaml", "values-large.yaml"],
    ):
        layers = [yaml.safe_load((FOLDER / name).read_text()) for name in names]
        address = {"publicBaseUrl": "https://bot.example.com"} if len(names) else {}
        rendered = chart_once.render(EXTERNAL, *layers, address)
        document = rendered.find("NeurocardsScaling", "workers")
        policy = read_policy(document)
        assert policy.replicas.max == document["spec"]["replicas"]["max"]


def test_the_standard_rules_are_those_of_the_ready_policy(chart_once: Chart) -> None:
    """They stand in the chart a second time, since a package holds nothing of docs."""
    path = FOLDER.parents[1] / "docs" / "policies" / "standard.yaml"
    standard = yaml.safe_load(path.read_text())["spec"]
    made = chart_once.render(EXTERNAL).find("NeurocardsScaling", "workers")["spec"]
    assert standard.keys() - {"scaleTargetRef"} <= made.keys()
    for key in standard.keys() - {"scaleTargetRef", "replicas"}:
        assert made[key] == standard[key], key


def test_looking_on_and_holding_a_number_leave_the_rules(chart: Chart) -> None:
    """mode and override are no rules: the standard ones hold beside them."""
    standard = chart.render(EXTERNAL).find("NeurocardsScaling", "workers")
    held = {"mode": "Observe", "override": {"replicas": 5, "until": "2026-12-01T00:00:00Z"}}
    document = chart.render(EXTERNAL, {"scaling": {"spec": held}}).find(
        "NeurocardsScaling", "workers"
    )
    assert document["spec"] == standard["spec"] | held
    assert read_policy(document).override is not None


def test_every_ready_policy_can_be_a_value(chart_once: Chart) -> None:
    """docs/policies fit scaling.spec and replace its rules altogether."""
    own = {"scaleTargetRef", "pool", "jobsPerReplica"}
    policies = sorted((FOLDER.parents[1] / "docs" / "policies").glob("*.yaml"))
    assert policies
    for path in policies:
        load_policy(path)
        spec = yaml.safe_load(path.read_text())["spec"]
        values = {key: value for key, value in spec.items() if key not in own}
        rendered = chart_once.render(
            EXTERNAL, {"scaling": {"spec": values}, "database": {"maxConnections": 500}}
        )
        made = rendered.find("NeurocardsScaling", "workers")["spec"]
        assert {key: value for key, value in made.items() if key not in own} == values, path.name


def test_a_canary_takes_from_the_same_queue_with_a_fixed_number(chart: Chart) -> None:
    """G-17: another version, the same pool, its slots told to the operator."""
    values = {"worker": {"concurrency": 5, "canary": {"enabled": True, "tag": "2", "replicas": 3}}}
    rendered = chart.render(EXTERNAL, values)
    canary = rendered.find("Deployment", "neurocards-worker-canary")
    assert canary["spec"]["replicas"] == 3
    worker = main_container(rendered.find("Deployment", "neurocards-worker"))
    assert main_container(canary)["image"].endswith(":2")
    assert environment(main_container(canary)) == environment(worker)
    policy = rendered.find("NeurocardsScaling", "workers")
    assert policy["metadata"]["annotations"]["neurocards.io/fixed-slots"] == "15"
    assert policy["spec"]["scaleTargetRef"]["name"] == "neurocards-worker"


def test_a_worker_that_is_ended_has_the_time_to_hand_over(chart: Chart) -> None:
    """A createTask that was sent is waited for 20 s."""
    worker = chart.render(EXTERNAL).find("Deployment", "neurocards-worker")
    assert worker["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] == 30


def test_a_second_release_adds_a_pool(chart: Chart) -> None:
    """Several pools: workers of their own on the same database, one operator for all."""
    rendered = chart.render(EXTERNAL, PREMIUM, release="premium")
    deployments = [one["metadata"]["name"] for one in rendered.kind("Deployment")]
    assert deployments == ["premium-neurocards-worker"]
    policy = rendered.find("NeurocardsScaling", "workers-premium")
    assert policy["spec"]["pool"] == "premium"
    assert policy["spec"]["scaleTargetRef"]["name"] == deployments[0]
    worker = main_container(rendered.find("Deployment", deployments[0]))
    assert value_of(worker, "NEUROCARDS_POOL") == "premium"


def test_two_releases_of_one_namespace_share_no_name(chart: Chart) -> None:
    """The second would be refused, or take over what is the first one's."""

    def names(rendered: Rendered) -> set[tuple[str, str]]:
        found = {(one["kind"], one["metadata"]["name"]) for one in rendered.manifests}
        return {one for one in found if one[0] != "CustomResourceDefinition"}

    networks = {"networkPolicy": {"enabled": True}}
    first = names(chart.render(EXTERNAL, networks, api=[ADMISSION]))
    second = names(chart.render(EXTERNAL, networks, PREMIUM, api=[ADMISSION], release="premium"))
    assert first & second == set()


def test_a_policy_may_have_a_name_of_ones_own(chart: Chart) -> None:
    """Otherwise it is called after its pool."""
    rendered = chart.render(EXTERNAL, PREMIUM, {"scaling": {"name": "first-class"}})
    assert [one["metadata"]["name"] for one in rendered.kind("NeurocardsScaling")] == [
        "first-class"
    ]


def test_a_variable_of_ones_own_replaces_the_charts(chart: Chart) -> None:
    """Merged by name, in its place: a later variable may refer to an earlier one."""
    extra = [
        {"name": "NEUROCARDS_LOG_LEVEL", "value": "debug"},
        {"name": "OF_MY_OWN", "value": "$(DB_HOST)"},
        {"name": "OF_MY_OWN", "value": "twice"},
    ]
    worker = main_container(
        chart.render(EXTERNAL, {"worker": {"extraEnv": extra}}).find(
            "Deployment", "neurocards-worker"
        )
    )
    names = [entry["name"] for entry in worker["env"]]
    assert names.count("NEUROCARDS_LOG_LEVEL") == names.count("OF_MY_OWN") == 1
    assert value_of(worker, "NEUROCARDS_LOG_LEVEL") == "debug"
    assert names.index("DB_HOST") < names.index("OF_MY_OWN")


def test_keys_of_the_provider_are_a_list(chart: Chart) -> None:
    """S0-10, S1-37: they take turns in every worker."""
    values = {
        "secrets": {
            "existingSecret": "",
            "telegramTokens": ["1:a"],
            "openaiApiKey": "o",
            "kieApiKeys": ["first", "second"],
        }
    }
    rendered = chart.render(EXTERNAL, values)
    secret = rendered.find("Secret", "neurocards")
    assert secret["stringData"]["kie-api-keys"] == "first,second"
    worker = main_container(rendered.find("Deployment", "neurocards-worker"))
    reference = environment(worker)["KIE_API_KEY"]["valueFrom"]["secretKeyRef"]
    assert reference == {"name": "neurocards", "key": "kie-api-keys"}


def test_keys_of_one_account_share_its_quota(chart: Chart) -> None:
    """The provider counts by account, not by key."""
    rendered = chart.render(EXTERNAL, {"worker": {"kie": {"account": "studio"}}})
    worker = main_container(rendered.find("Deployment", "neurocards-worker"))
    assert value_of(worker, "KIE_API_KEY_ACCOUNT") == "studio"
    own = main_container(chart.render(EXTERNAL).find("Deployment", "neurocards-worker"))
    assert "KIE_API_KEY_ACCOUNT" not in environment(own)


def test_a_new_key_restarts_the_workers(chart: Chart) -> None:
    """S0-11: by an annotation of the pods, one after the other and draining."""

    def annotations(keys: list[str]) -> dict[str, str]:
        values = {
            "secrets": {
                "existingSecret": "",
                "telegramTokens": ["1:a"],
                "openaiApiKey": "o",
                "kieApiKeys": keys,
            }
        }
        worker = chart.render(EXTERNAL, values).find("Deployment", "neurocards-worker")
        found: dict[str, str] = worker["spec"]["template"]["metadata"]["annotations"]
        return found

    assert annotations(["first"]) == annotations(["first"])
    assert annotations(["first"]) != annotations(["first", "second"])


def test_the_demo_talks_to_its_simulators_only(chart: Chart) -> None:
    """No key, no token, no address of the outside."""
    rendered = chart.render(DEMO)
    worker = main_container(rendered.find("Deployment", "neurocards-worker"))
    bot = main_container(rendered.find("Deployment", "neurocards-bot"))
    for name in (
        "NEUROCARDS_KIE_API_URL",
        "NEUROCARDS_KIE_UPLOAD_URL",
        "NEUROCARDS_OPENAI_BASE_URL",
        "NEUROCARDS_TELEGRAM_API_URL",
    ):
        address = value_of(worker, name)
        assert address is not None
        assert address.startswith("http://neurocards-sandbox:808"), name
    telegram = value_of(bot, "NEUROCARDS_TELEGRAM_API_URL")
    assert telegram == "http://neurocards-sandbox:8081"
    assert value_of(worker, "NEUROCARDS_RENDER_EXPECTED_S") == "15"
