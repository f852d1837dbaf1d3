"""`neurocards demo`: it starts everything, ends everything, and finds its data again."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import httpx

from neurocards_sandbox.embedded.processes import command_line
from support.demo_process import DemoProcess, demo_command, survivors

WAIT_S = 60.0
VISITOR = 700_000_001


def _api(page_url: str) -> httpx.Client:
    # The page says "localhost"; 127.0.0.1 needs no resolver.
    return httpx.Client(base_url=page_url.replace("localhost", "127.0.0.1"), timeout=20)


def _bot_id(api: httpx.Client) -> int:
    return int(api.get("/api/page").json()["bot_id"])


def _texts(api: httpx.Client) -> list[str]:
    chat = api.get(f"/sim/chats/{VISITOR}", params={"bot": _bot_id(api)}).json()
    return [message["text"] for message in chat["messages"]]


def _say(api: httpx.Client, text: str) -> None:
    api.post(
        f"/sim/chats/{VISITOR}/send",
        params={"bot": _bot_id(api)},
        json={"kind": "text", "text": text},
    ).raise_for_status()


def _until_answered(api: httpx.Client, count: int) -> list[str]:
    deadline = time.monotonic() + WAIT_S
    while len(texts := _texts(api)) < count:
        assert time.monotonic() < deadline, texts
        time.sleep(0.1)
    return texts


def _pid_of(demo: DemoProcess, module: str) -> int:
    return next(pid for pid in demo.children() if module in command_line(pid))


def test_a_second_run_finds_its_chats_and_balances_again(tmp_path: Path):
    """Ctrl-C ends every process; the next run goes on with the same data."""
    with DemoProcess(tmp_path / "data") as demo, _api(demo.page_url) as api:
        _say(api, "/start")
        first = _until_answered(api, 2)
        pids = demo.children()
        assert demo.end(signal.SIGINT) == 0
        assert survivors(pids) == []

    with DemoProcess(tmp_path / "data", "--polling") as demo, _api(demo.page_url) as api:
        assert _texts(api)[:2] == first
        _say(api, "/balance")
        assert "20" in _until_answered(api, 4)[3]


def test_ctrl_c_ends_nothing_that_somebody_else_started(tmp_path: Path):
    """Even of the same program: a demo that ends is told apart by its processes, not by names."""
    binary = shutil.which("nats-server", path=str(Path(sys.executable).parent))
    assert binary is not None
    other = subprocess.Popen([binary, "-a", "127.0.0.1", "-p", "-1"], stderr=subprocess.DEVNULL)
    try:
        with DemoProcess(tmp_path / "data") as demo:
            pids = demo.children()
            assert other.pid not in pids
            assert demo.end(signal.SIGINT) == 0
            assert survivors(pids) == []
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_nothing_goes_on_running_when_the_supervisor_is_killed(tmp_path: Path):
    """SIGKILL leaves the supervisor no time to tidy up; the kernel does it."""
    with DemoProcess(tmp_path / "data") as demo:
        pids = demo.children()
        assert len(pids) >= 5
        demo.end(signal.SIGKILL)
        assert survivors(pids) == []


def test_a_worker_that_dies_is_reported_and_started_again(tmp_path: Path):
    """The chat goes on, and the terminal tells what happened."""
    with DemoProcess(tmp_path / "data") as demo:
        os.kill(_pid_of(demo, "neurocards_worker"), signal.SIGKILL)
        deadline = time.monotonic() + WAIT_S
        while "the worker-1 runs again" not in demo.said():
            assert time.monotonic() < deadline, demo.said()
            time.sleep(0.1)
        assert "the worker-1 has died (SIGKILL)" in demo.said()
        assert _pid_of(demo, "neurocards_worker")


def test_a_second_demo_on_the_same_data_is_refused(tmp_path: Path):
    """Two bots with one token and one database would fight."""
    with DemoProcess(tmp_path / "data") as demo:
        second = subprocess.run(
            demo_command("--data", str(tmp_path / "data"), "--port", "0"),
            capture_output=True,
            text=True,
            timeout=WAIT_S,
            check=False,
        )
        assert second.returncode == 1
        assert f"already running on {tmp_path / 'data'} (process {demo.process.pid})" in (
            second.stderr
        )


def test_a_taken_port_is_named_with_what_to_do(tmp_path: Path):
    """Before anything is started."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run(
            demo_command("--data", str(tmp_path / "data"), "--port", str(port)),
            capture_output=True,
            text=True,
            timeout=WAIT_S,
            check=False,
        )
    assert done.returncode == 1
    assert f"port {port}" in done.stderr
    assert "--port" in done.stderr
    assert not (tmp_path / "data").exists()


def test_secrets_are_for_their_owner_only_and_stay_the_same(tmp_path: Path):
    """Nothing of them appears in the terminal or in a log."""
    with DemoProcess(tmp_path / "data") as demo:
        path = tmp_path / "data" / "secrets.json"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        secrets = path.read_text()
        said = demo.said()
    logs = "".join(log.read_text() for log in (tmp_path / "data" / "logs").glob("*.log"))
    values = [part for part in secrets.split('"')[3::4] if len(part) > 20]
    assert len(values) == 11
    assert [value for value in values if value in said + logs] == []


def test_keys_of_the_shell_reach_no_process(tmp_path: Path):
    """A demo never spends the money of a real account by accident."""
    shell = {"KIE_API_KEY": "real-key", "OPENAI_API_KEY": "real-key", "HTTP_PROXY": "http://x:1"}
    with DemoProcess(tmp_path / "data", environment=shell) as demo:
        for module in ("neurocards_bot", "neurocards_worker"):
            environment = Path(f"/proc/{_pid_of(demo, module)}/environ").read_bytes()
            assert b"real-key" not in environment
            assert b"HTTP_PROXY" not in environment
