"""The command `neurocards` as a process: exit codes, words on stderr, no colour in a pipe."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from neurocards import __version__
from neurocards.migrate import migrations_folder

TITLES = sorted(path.name.removesuffix(".up.sql") for path in migrations_folder().glob("*.up.sql"))


def _run(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("DB_", "NEUROCARDS_", "FORCE_COLOR"))
    }
    return subprocess.run(
        [sys.executable, "-m", "neurocards.cli", *words],
        capture_output=True,
        text=True,
        env=clean | environment,
        timeout=120,
        check=False,
    )


def test_the_schema_is_brought_up_shown_checked_and_taken_down(empty_database_url: str):
    address = {"NEUROCARDS_DATABASE_URL": empty_database_url}
    assert _run("migrate", "check", **address).returncode == 1
    up = _run("migrate", "up", **address)
    assert (up.returncode, up.stderr) == (0, "")
    assert up.stdout.splitlines() == [
        *(f"applied {title}" for title in TITLES),
        f"the schema is at {len(TITLES)}",
    ]
    assert _run("migrate", "up", **address).stdout == f"the schema is at {len(TITLES)}\n"
    status = _run("migrate", "status", **address).stdout.splitlines()
    assert [line.split()[0] for line in status] == TITLES
    assert _run("migrate", "check", **address).returncode == 0
    assert _run("migrate", "wait", "--timeout", "1", **address).returncode == 0
    refused = _run("migrate", "down", "--to", "0", **address)
    assert refused.returncode == 2
    assert "--yes" in refused.stderr
    down = _run("migrate", "down", "--to", "1", "--yes", **address)
    undone = [f"undone {title}" for title in reversed(TITLES[1:])]
    assert down.stdout.splitlines() == [*undone, "the schema is at 1"]


def test_all_faults_of_the_configuration_come_in_one_message():
    run = _run("migrate", "up", DB_PORT="x", DB_POOL_SIZE="0")
    assert run.returncode == 2
    assert [line.split(":")[0] for line in run.stderr.splitlines()] == ["DB_PORT", "DB_POOL_SIZE"]
    assert "Traceback" not in run.stderr


def test_a_database_that_is_away_is_a_sentence_and_exit_1():
    run = _run("migrate", "status", DB_HOST="127.0.0.1", DB_PORT="1")
    assert run.returncode == 1
    assert run.stderr.startswith("PostgreSQL cannot be reached")
    assert len(run.stderr.splitlines()) == 1


@pytest.mark.parametrize("words", [("bogus",), ("migrate", "up", "--bogus"), ("migrate", "down")])
def test_wrong_usage_exits_with_2(words: tuple[str, ...]):
    assert _run(*words).returncode == 2


def test_help_names_every_command_with_an_example_and_without_colour_in_a_pipe():
    run = _run("--help")
    assert run.returncode == 0
    for command in ("migrate", "demo", "sandbox", "Examples:"):
        assert command in run.stdout
    assert "\x1b[" not in run.stdout
    assert "Example:" in _run("migrate", "up", "-h").stdout


def test_the_version_is_that_of_the_package():
    assert _run("--version").stdout == f"neurocards {__version__}\n"
