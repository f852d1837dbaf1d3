"""No secret leaves the worker: canaries in every setting, refused by its neighbours."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from neurocards_sandbox.embedded.ports import free_port
from neurocards_sandbox.embedded.processes import ChildProcess
from neurocards_worker.settings import load
from support.canaries import bare_secrets, canary, seen_in, with_password
from support.waiting import until
from support.worker_world import PUBLIC_URL, TOKEN, WorkerWorld

WAIT_S_MAX = 60.0
PLANTED = {
    "KIE_API_KEY": f"{canary('kie')},{canary('second-kie')}",
    "OPENAI_API_KEY": canary("openai"),
    "NEUROCARDS_CALLBACK_SECRET": canary("callback"),
    "NEUROCARDS_LOG_USER_KEY": canary("log-user"),
    "NEUROCARDS_NATS_USER": "nobody",
    "NEUROCARDS_NATS_PASSWORD": canary("nats"),
    "DB_PASS": canary("database"),
}
DEBUG = {"NEUROCARDS_LOG_LEVEL": "debug", "PUBLIC_BASE_URL": PUBLIC_URL}


def test_every_secret_of_the_worker_has_a_canary(monkeypatch: pytest.MonkeyPatch):
    """Whoever adds a secret adds its canary above, and the log knows all of them."""
    elsewhere = {
        "NEUROCARDS_TELEGRAM_TOKENS": f"1:{canary('token')}",
        "NEUROCARDS_DATABASE_URL": f"postgresql://a:{canary('database-url')}@db/name",
    }
    for name, value in (PLANTED | elsewhere).items():
        monkeypatch.setenv(name, value)
    settings = load()
    assert bare_secrets(settings) == []
    for name in ("token", "kie", "second-kie", "openai", "callback", "nats", "database-url"):
        assert any(canary(name) in secret for secret in settings.secrets()), name


@pytest.mark.parametrize(
    ("refusing", "event"), [("OPENAI_API_KEY", "job.failed"), ("KIE_API_KEY", "key.blocked")]
)
async def test_no_secret_leaves_a_worker_whose_provider_refuses_its_key(
    world: WorkerWorld, refusing: str, event: str
):
    """Each in turn, since the first refusal ends the job."""
    (taken,) = {"OPENAI_API_KEY", "KIE_API_KEY"} - {refusing}
    planted = PLANTED | {taken: world.environment[taken]}
    worker = await world.start_worker(**planted, **DEBUG)
    job_id = await world.order()
    await world.until_status(job_id, "failed")

    async def is_told() -> bool:
        return event in worker.log()

    await until(is_told)
    pages = ("/metrics", "/readyz", "/healthz")
    texts = {page: (await world.http.get(worker.probes_url + page)).text for page in pages}
    texts |= {"log": worker.log(), "job": str(dict(await world.job(job_id)))}

    assert seen_in(texts) == {}
    for secret in (TOKEN.partition(":")[2], _password(world.environment)):
        assert [name for name, text in texts.items() if secret in text] == []


async def test_no_secret_leaves_a_worker_that_postgresql_refuses(
    database_url: str, nats_url: str, tmp_path: Path
):
    """It waits for its keys to be registered, and says why."""
    port = free_port()
    child = ChildProcess(
        "worker",
        [sys.executable, "-m", "neurocards_worker"],
        log_path=tmp_path / "worker.log",
        environment={
            "PATH": os.environ["PATH"],
            "NEUROCARDS_PROFILE": "fast",
            "NEUROCARDS_LOG_FORMAT": "json",
            "NEUROCARDS_METRICS_HOST": "127.0.0.1",
            "NEUROCARDS_METRICS_PORT": str(port),
            "NEUROCARDS_TELEGRAM_TOKENS": f"1:{canary('token')}",
            **PLANTED,
            **DEBUG,
            "NEUROCARDS_NATS_URL": with_password(nats_url, canary("nats-url")),
            "NEUROCARDS_DATABASE_URL": with_password(database_url, canary("database-url")),
        },
    )
    try:
        async with asyncio.timeout(WAIT_S_MAX):
            while "InvalidPasswordError" not in child.log_path.read_text(encoding="utf-8"):
                assert child.is_running, child.log_tail()
                await asyncio.sleep(0.05)
        async with httpx.AsyncClient() as client:
            ready = await client.get(f"http://127.0.0.1:{port}/readyz")
    finally:
        await child.stop(timeout_s=WAIT_S_MAX)
    assert ready.status_code == 503
    texts = {"log": child.log_path.read_text(encoding="utf-8"), "/readyz": ready.text}
    assert seen_in(texts) == {}


def _password(environment: dict[str, str]) -> str:
    password = urlsplit(environment["NEUROCARDS_DATABASE_URL"]).password
    assert password
    return password
