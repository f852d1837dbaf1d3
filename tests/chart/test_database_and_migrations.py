"""Where the database is, who migrates it when, and that its connections suffice."""

from __future__ import annotations

import yaml  # type: ignore[import-untyped]

from support.chart import (
    CLOUD_NATIVE_PG,
    DEMO,
    EXTERNAL,
    FOLDER,
    WEBHOOK,
    Chart,
    Rendered,
    environment,
    main_container,
    merged,
    value_of,
)

CLUSTER = merged(
    EXTERNAL,
    {
        "database": {
            "mode": "cnpg",
            "users": {
                name: {"existingSecret": ""}
                for name in ("bot", "worker", "operator", "ops", "migrate")
            },
        }
    },
)


VERIFIED = {"database": {"sslMode": "verify-full"}}
SYSTEM = "/etc/ssl/certs/ca-certificates.crt"


def authorities(rendered: Rendered) -> dict[str, str | None]:
    """Give the file with the authority of each container that asks PostgreSQL."""
    return {
        name: value_of(container, "PGSSLROOTCERT")
        for name, container in rendered.containers()
        if "PGSSLMODE" in environment(container)
    }


def authority_volumes(rendered: Rendered) -> dict[str, dict[str, object]]:
    """Give the Secret with the authority as each pod mounts it."""
    return {
        name: volume["secret"]
        for name, pod in rendered.pods()
        for volume in pod["spec"].get("volumes", [])
        if volume["name"] == "postgres-authority"
    }


def migration(rendered: Rendered) -> dict[str, object]:
    found = [one for one in rendered.kind("Job") if "-migration" in one["metadata"]["name"]]
    assert len(found) == 1
    return found[0]


def test_an_external_database_is_migrated_before_anything_else(chart: Chart) -> None:
    """S2-14: a hook, so that a failed migration leaves the old release as it is."""
    job = migration(chart.render(EXTERNAL))
    metadata = job["metadata"]
    assert isinstance(metadata, dict)
    assert metadata["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"


def test_a_database_of_the_release_is_migrated_beside_it(chart: Chart) -> None:
    """A hook would wait for ever for a server that comes after it."""
    for rendered in (chart.render(DEMO), chart.render(CLUSTER, api=[CLOUD_NATIVE_PG])):
        job = migration(rendered)
        metadata = job["metadata"]
        assert isinstance(metadata, dict)
        assert "annotations" not in metadata
        # Another one for each revision: a Job cannot be changed.
        assert metadata["name"] == "neurocards-migration-1"


def test_a_hook_needs_nothing_that_comes_after_it(chart: Chart) -> None:
    """The password of the migration, if it is a value, is a hook too, and an earlier one."""
    values = {"database": {"users": {"migrate": {"existingSecret": "", "password": "secret"}}}}
    rendered = chart.render(EXTERNAL, values)
    secret = rendered.find("Secret", "neurocards-database-migrate")
    job = migration(rendered)
    metadata = job["metadata"]
    assert isinstance(metadata, dict)
    weights = [
        int(one["annotations"]["helm.sh/hook-weight"]) for one in (secret["metadata"], metadata)
    ]
    assert weights == sorted(weights)
    assert weights[0] < weights[1]
    spec = job["spec"]
    assert isinstance(spec, dict)
    assert "serviceAccountName" not in spec["template"]["spec"]


def test_a_password_for_the_migration_is_not_left_behind(chart: Chart) -> None:
    """It is the schema owner's, and an uninstall does not know of hooks."""
    values = {"database": {"users": {"migrate": {"existingSecret": "", "password": "secret"}}}}
    secret = chart.render(EXTERNAL, values).find("Secret", "neurocards-database-migrate")
    policy = secret["metadata"]["annotations"]["helm.sh/hook-delete-policy"]
    assert set(policy.split(",")) == {"before-hook-creation", "hook-succeeded"}


def test_the_passwords_of_a_cluster_stay_as_long_as_it(chart: Chart) -> None:
    """An uninstall leaves the Cluster, whose roles nobody could log in to without them."""
    keep = "helm.sh/resource-policy", "keep"
    kept = chart.render(CLUSTER, api=[CLOUD_NATIVE_PG])
    for name in ("bot", "worker", "operator", "ops", "migrate"):
        secret = kept.find("Secret", f"neurocards-database-{name}")
        assert keep in secret["metadata"]["annotations"].items()
        # CloudNativePG reads both, and refuses a name that is not the role's.
        assert secret["stringData"].keys() == {"username", "password"}
        assert secret["stringData"]["username"] == f"neurocards_{name}"
    for secret in chart.render(DEMO).kind("Secret"):
        assert "annotations" not in secret["metadata"]


def test_a_verified_server_is_known_by_an_authority_of_ones_own(chart: Chart) -> None:
    """Every container that asks PostgreSQL finds the file, and nothing else of the Secret."""
    values = {"database": {"caSecret": "authority", "caKey": "root.pem"}}
    rendered = chart.render(EXTERNAL, VERIFIED, values)
    found = authorities(rendered)
    assert len(found) > 8
    assert set(found.values()) == {"/etc/postgres-authority/root.pem"}
    for name, container in rendered.containers():
        mounts = {one["name"]: one for one in container["volumeMounts"]}
        assert ("postgres-authority" in mounts) is (name in found), name
        if name in found:
            assert mounts["postgres-authority"]["mountPath"] == "/etc/postgres-authority"
            assert mounts["postgres-authority"]["readOnly"] is True
    secret = {"secretName": "authority", "items": [{"key": "root.pem", "path": "root.pem"}]}
    volumes = authority_volumes(rendered)
    assert volumes.keys() == {name.rsplit("/", 1)[0] for name in found}
    assert all(one == secret for one in volumes.values())


def test_without_a_secret_the_authorities_of_the_system_count(chart: Chart) -> None:
    """The driver does not look for them by itself."""
    for mode in ("verify-ca", "verify-full"):
        rendered = chart.render(EXTERNAL, {"database": {"sslMode": mode}})
        assert set(authorities(rendered).values()) == {SYSTEM}
        assert authority_volumes(rendered) == {}


def test_the_authority_of_a_cluster_leaves_its_key_behind(chart: Chart) -> None:
    """The Secret that CloudNativePG makes holds the key that signs, too."""
    rendered = chart.render(CLUSTER, VERIFIED, api=[CLOUD_NATIVE_PG])
    assert set(authorities(rendered).values()) == {"/etc/postgres-authority/ca.crt"}
    for name, secret in authority_volumes(rendered).items():
        assert secret["secretName"] == "neurocards-postgres-ca", name
        assert secret["items"] == [{"key": "ca.crt", "path": "ca.crt"}], name


def test_where_nothing_is_verified_no_authority_is_named(chart: Chart) -> None:
    """Neither by a weaker mode nor beside the demo's server, which has no TLS."""
    weak = chart.render(EXTERNAL, {"database": {"sslMode": "require"}})
    demo = chart.render(DEMO, VERIFIED, {"database": {"caSecret": "authority"}})
    for rendered in (weak, demo):
        assert set(authorities(rendered).values()) == {None}
        assert authority_volumes(rendered) == {}


def test_the_owner_of_the_schema_may_have_any_name(chart: Chart) -> None:
    """The migrations grant nothing to it, so that the chart can make it by another one."""
    values = {"database": {"users": {"migrate": {"name": "shop_owner"}}}}
    cluster = chart.render(CLUSTER, values, api=[CLOUD_NATIVE_PG])
    initdb = cluster.find("Cluster", "neurocards-postgres")["spec"]["bootstrap"]["initdb"]
    assert initdb["owner"] == "shop_owner"
    secret = cluster.find("Secret", initdb["secret"]["name"])
    assert secret["stringData"]["username"] == "shop_owner"


def test_each_process_has_a_login_of_its_own(chart: Chart) -> None:
    """None is a superuser, and none knows the password of another."""
    rendered = chart.render(DEMO)
    seen = set()
    for part in ("bot", "worker", "operator"):
        container = main_container(rendered.find("Deployment", f"neurocards-{part}"))
        secret = environment(container)["DB_PASS"]["valueFrom"]["secretKeyRef"]["name"]
        seen.add((value_of(container, "DB_USER"), secret))
    assert seen == {
        (f"neurocards_{part}", f"neurocards-database-{part}")
        for part in ("bot", "worker", "operator")
    }


def test_the_roles_of_a_cluster_exist_before_the_migration_grants(chart: Chart) -> None:
    """CloudNativePG sets their passwords later; a missing role would be left without rights."""
    cluster = chart.render(CLUSTER, api=[CLOUD_NATIVE_PG]).find("Cluster", "neurocards-postgres")
    made = cluster["spec"]["bootstrap"]["initdb"]["postInitSQL"]
    managed = {role["name"] for role in cluster["spec"]["managed"]["roles"]}
    assert managed == {f"neurocards_{name}" for name in ("bot", "worker", "operator", "ops")}
    assert {line.split()[2] for line in made} == managed
    assert cluster["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"


def test_the_profiles_size_the_server_as_the_documents_do(chart_once: Chart) -> None:
    """S2-38, S4-7..S4-10, C-22: rendered into the server's own configuration."""
    expected = {
        "values-production.yaml": {"shared_buffers": "2GB", "effective_cache_size": "6GB"},
        "values-large.yaml": {
            "shared_buffers": "8GB",
            "effective_cache_size": "24GB",
            "max_worker_processes": "8",
            "max_parallel_workers_per_gather": "4",
            "max_parallel_workers": "8",
            "checkpoint_completion_target": "0.9",
            "wal_buffers": "16MB",
            "default_statistics_target": "100",
            "maintenance_work_mem": "2GB",
        },
    }
    layers: list[dict[str, object]] = [CLUSTER, WEBHOOK]
    for name, parameters in expected.items():
        layers.append(yaml.safe_load((FOLDER / name).read_text()))
        cluster = chart_once.render(*layers, api=[CLOUD_NATIVE_PG]).find(
            "Cluster", "neurocards-postgres"
        )
        assert parameters.items() <= cluster["spec"]["postgresql"]["parameters"].items()
    assert cluster["spec"]["ephemeralVolumesSizeLimit"] == {"shm": "8Gi"}


def test_a_server_has_the_memory_that_its_connections_may_take(chart_once: Chart) -> None:
    """S4-8, C-22: work_mem for each of them beside the buffers; 128 MB would be too much."""
    mebibytes = {"MB": 1, "GB": 1024, "Mi": 1, "Gi": 1024}

    def size(text: str) -> int:
        return int(text[:-2]) * mebibytes[text[-2:]]

    layers: list[dict[str, object]] = [CLUSTER, WEBHOOK]
    for name, work_mem in (("values-production.yaml", "16MB"), ("values-large.yaml", "32MB")):
        layers.append(yaml.safe_load((FOLDER / name).read_text()))
        cluster = chart_once.render(*layers, api=[CLOUD_NATIVE_PG]).find(
            "Cluster", "neurocards-postgres"
        )["spec"]
        parameters = cluster["postgresql"]["parameters"]
        assert parameters["work_mem"] == work_mem
        connections = int(parameters["max_connections"])
        buffers = size(parameters["shared_buffers"])
        memory = size(cluster["resources"]["limits"]["memory"])
        assert buffers + connections * size(work_mem) <= memory
    assert buffers + connections * size("128MB") > 2 * memory


def test_the_demo_server_takes_the_same_settings(chart: Chart) -> None:
    """As arguments; the number of connections comes from the same value as the check."""
    values = {
        "database": {
            "parameters": {"shared_buffers": "64MB"},
            "sharedMemory": "128Mi",
            "maxConnections": 150,
        }
    }
    server = chart.render(DEMO, values).find("StatefulSet", "neurocards-postgres")
    arguments = main_container(server)["args"]
    assert "max_connections=150" in arguments
    assert "shared_buffers=64MB" in arguments
    volumes = {one["name"]: one for one in server["spec"]["template"]["spec"]["volumes"]}
    assert volumes["shared-memory"]["emptyDir"] == {"medium": "Memory", "sizeLimit": "128Mi"}


def test_behind_a_pooler_nothing_is_prepared(chart: Chart) -> None:
    """A pooler hands another connection to every transaction."""
    rendered = chart.render(EXTERNAL, {"database": {"preparedStatements": False}})
    worker = main_container(rendered.find("Deployment", "neurocards-worker"))
    assert value_of(worker, "NEUROCARDS_DB_STATEMENT_CACHE_SIZE") == "0"


def test_maintenance_never_runs_twice_at_a_time(chart: Chart) -> None:
    """S0-44, S0-46."""
    rendered = chart.render(EXTERNAL)
    for period in ("weekly", "monthly"):
        job = rendered.find("CronJob", f"neurocards-maintenance-{period}")
        assert job["spec"]["concurrencyPolicy"] == "Forbid"
        pod = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
        assert pod["containers"][0]["command"] == ["neurocards", "ops", "maintenance", period]


def test_the_definition_is_there_first_and_brought_up_to_date(chart: Chart) -> None:
    """Helm installs crds/ once; later versions are applied by a Job with rights for this one."""
    rendered = chart.render(EXTERNAL)
    assert rendered.find("CustomResourceDefinition", "neurocardsscalings.neurocards.io")
    job = rendered.find("Job", "neurocards-crd-upgrade")
    assert job["metadata"]["annotations"]["helm.sh/hook"] == "pre-upgrade"
    role = rendered.find("ClusterRole", "shop-neurocards-crd-upgrade")
    assert role["rules"] == [
        {
            "apiGroups": ["apiextensions.k8s.io"],
            "resources": ["customresourcedefinitions"],
            "resourceNames": ["neurocardsscalings.neurocards.io"],
            "verbs": ["get", "patch"],
        }
    ]
    definition = rendered.find("ConfigMap", "neurocards-crd-upgrade")["data"]
    written = yaml.safe_load(definition["neurocardsscaling.yaml"])
    assert written == yaml.safe_load((FOLDER / "crds" / "neurocardsscaling.yaml").read_text())
