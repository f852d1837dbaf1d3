"""`neurocards sandbox ...`: each simulator can be started alone."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from neurocards_sandbox.embedded.ports import free_ports

WITHIN_S = 60.0


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "neurocards.cli", "sandbox", *arguments]


def until_answered(url: str, process: subprocess.Popen[str]) -> httpx.Response:
    deadline = time.monotonic() + WITHIN_S
    while True:
        try:
            return httpx.get(url, timeout=5, trust_env=False)
        except httpx.TransportError:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.1)


@pytest.mark.parametrize(
    ("name", "path", "status"),
    [
        ("telegram", "/bot42:test/getMe", 200),
        ("kie", "/api/v1/chat/credit", 200),
        ("openai", "/v1/models", 401),
    ],
)
def test_a_simulator_runs_alone_and_ends_with_ctrl_c(name: str, path: str, status: int):
    """It answers as the real service does, to a caller with and without a key."""
    (port,) = free_ports(1)
    with subprocess.Popen(
        command(name, "--port", str(port)), stderr=subprocess.PIPE, text=True
    ) as process:
        answer = until_answered(f"http://127.0.0.1:{port}{path}", process)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=WITHIN_S)
    assert answer.status_code == status
    assert process.returncode == 0
    assert f"http://127.0.0.1:{port}" in said


def test_all_of_them_serve_the_chat_page_too(tmp_path: Path):
    """For a bot and a worker that are started by hand, e.g. under a debugger."""
    page, telegram, kie, openai = free_ports(4)
    ports = [f"--page-port={page}", f"--telegram-port={telegram}"]
    ports += [f"--kie-port={kie}", f"--openai-port={openai}"]
    with subprocess.Popen(
        command("all", "--bot-token", "42:test", "--data", str(tmp_path), *ports),
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        facts = until_answered(f"http://127.0.0.1:{page}/api/page", process).json()
        named = until_answered(f"http://127.0.0.1:{telegram}/bot42:test/getMe", process).json()
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=WITHIN_S)
    assert facts == {"bot_id": 42, "are_jobs_shown": False, "is_scaling_shown": False}
    assert named["result"]["first_name"] == "Neurocards"
    assert process.returncode == 0


def test_a_taken_port_ends_with_1_and_words():
    """No traceback for a mistake of every day."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run(
            command("telegram", "--port", str(port)),
            capture_output=True,
            text=True,
            timeout=WITHIN_S,
            check=False,
        )
    assert done.returncode == 1
    assert "choose another port" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_route_that_cannot_be_read_is_wrong_usage():
    """The words show how it is written."""
    done = subprocess.run(
        command("telegram", "--ingress", "bot.example"),
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
        check=False,
    )
    assert done.returncode == 2
    assert "https://public.example" in done.stderr
