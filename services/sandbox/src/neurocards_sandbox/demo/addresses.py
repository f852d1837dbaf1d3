"""Who listens where in a demo, and the environment that tells each process so.

Pure but for `Addresses.pick`. The environments are made from nothing: what stands in the shell of
the one who starts the demo (keys of real providers, a proxy, another database) reaches no process.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import quote

from neurocards_sandbox.demo.data_folder import DemoSecrets
from neurocards_sandbox.demo.options import DemoOptions
from neurocards_sandbox.embedded.ports import LOOPBACK, free_ports

PUBLIC_BASE_URL = "https://neurocards.localhost"
"""What Telegram and KIE are told; the simulators route it to the bot as an ingress would."""
DATABASE = "neurocards"
KIE_CREATES_PER_WINDOW = 20
KIE_WINDOW_S = 10.0

Environment = dict[str, str]


@dataclass(frozen=True, slots=True)
class Addresses:
    """The ports of the processes that we start ourselves; all but the page on 127.0.0.1."""

    page: int
    telegram: int
    kie: int
    openai: int
    bot: int
    bot_probe: int
    worker_probes: tuple[int, ...]

    @classmethod
    def pick(cls, options: DemoOptions) -> Self:
        page, telegram, kie, openai, bot, probe, *workers = free_ports(6 + options.workers_max)
        return cls(options.port or page, telegram, kie, openai, bot, probe, tuple(workers))


def local(port: int) -> str:
    return f"http://{LOOPBACK}:{port}"


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that the environments are made of."""

    options: DemoOptions
    secrets: DemoSecrets
    addresses: Addresses
    postgres_port: int
    nats_url: str

    def database_url(self, role: str, password: str) -> str:
        at = f"{LOOPBACK}:{self.postgres_port}"
        return f"postgresql://{role}:{quote(password, safe='')}@{at}/{DATABASE}"

    @property
    def work_folder(self) -> Path:
        return self.options.data_dir.absolute() / "work"

    @property
    def scaling_file(self) -> Path:
        """Where the scaler shows what it sees and decides, for the page."""
        return self.work_folder / "scaling.json"

    @property
    def creates_per_window(self) -> int:
        """The createTask calls that the simulated provider allows within its window."""
        return round(KIE_CREATES_PER_WINDOW * self.options.limit_factor)

    @property
    def operator_url(self) -> str:
        return self.database_url("neurocards_operator", self.secrets.operator_password)

    @property
    def migrate_url(self) -> str:
        return self.database_url("neurocards_migrate", self.secrets.migrate_password)

    @property
    def page_database_url(self) -> str:
        return self.database_url("neurocards_page", self.secrets.page_password)


def pod_name(number: int) -> str:
    """Give the name under which a worker leases its jobs."""
    return f"demo-worker-{number + 1}"


def migrate_environment(plan: Plan) -> Environment:
    return _base() | {"NEUROCARDS_DATABASE_URL": plan.migrate_url}


def bot_environment(plan: Plan) -> Environment:
    secrets, addresses = plan.secrets, plan.addresses
    return _common(plan) | {
        "NEUROCARDS_DATABASE_URL": plan.database_url("neurocards_bot", secrets.bot_password),
        "MODE": "polling" if plan.options.polling else "webhook",
        "NEUROCARDS_WEBHOOK_SECRET": secrets.webhook_secret,
        "NEUROCARDS_KIE_WEBHOOK_KEY": secrets.kie_webhook_key,
        "NEUROCARDS_HTTP_HOST": LOOPBACK,
        "NEUROCARDS_HTTP_PORT": str(addresses.bot),
        "NEUROCARDS_METRICS_PORT": str(addresses.bot_probe),
        "NEUROCARDS_WELCOME_CREDITS": str(plan.options.welcome_credits),
        "NEUROCARDS_WORKERS_CONFIGURED": str(plan.options.workers_max),
        "NEUROCARDS_POD_NAME": "demo-bot",
    }


def worker_environment(plan: Plan, number: int) -> Environment:
    secrets, addresses = plan.secrets, plan.addresses
    return _common(plan) | {
        "NEUROCARDS_DATABASE_URL": plan.database_url("neurocards_worker", secrets.worker_password),
        "WORKER_CONCURRENCY": str(plan.options.worker_concurrency),
        "KIE_API_KEY": secrets.kie_key,
        "NEUROCARDS_KIE_API_URL": local(addresses.kie),
        "NEUROCARDS_KIE_UPLOAD_URL": local(addresses.kie),
        "NEUROCARDS_KIE_TRUSTED_ORIGINS": local(addresses.kie),
        "NEUROCARDS_KIE_CREATES_PER_WINDOW": str(plan.creates_per_window),
        "OPENAI_API_KEY": secrets.openai_key,
        "OPENAI_BASE_URL": f"{local(addresses.openai)}/v1",
        "NEUROCARDS_WORK_FOLDER": str(plan.work_folder),
        "NEUROCARDS_METRICS_PORT": str(addresses.worker_probes[number]),
        "NEUROCARDS_POD_NAME": pod_name(number),
    }


def sandbox_environment(plan: Plan) -> Environment:
    secrets, addresses, options = plan.secrets, plan.addresses, plan.options
    values = {
        "DATA_DIR": str(options.data_dir.absolute()),
        "PAGE_HOST": options.host,
        "PAGE_PORT": str(addresses.page),
        "TELEGRAM_PORT": str(addresses.telegram),
        "KIE_PORT": str(addresses.kie),
        "OPENAI_PORT": str(addresses.openai),
        "BOT_TOKEN": secrets.bot_token,
        "KIE_KEY": secrets.kie_key,
        "KIE_WEBHOOK_KEY": secrets.kie_webhook_key,
        "OPENAI_KEY": secrets.openai_key,
        "INGRESS": json.dumps({PUBLIC_BASE_URL: local(addresses.bot)}),
        "DATABASE_URL": plan.page_database_url,
        "TIME_FACTOR": str(options.time_factor),
        "LIMIT_FACTOR": str(options.limit_factor),
        "CACHED_RENDERS": str(options.cached_renders),
        "ALIKE_RENDERS_LINKED": str(options.alike_renders_linked),
        "HEIGHT_MAX": str(options.height_max),
    }
    if options.policy is not None:
        values["SCALING_FILE"] = str(plan.scaling_file)
    return _base() | {f"NEUROCARDS_{name}": value for name, value in values.items()}


def _common(plan: Plan) -> Environment:
    """What bot and worker must agree on."""
    return _base() | {
        "NEUROCARDS_TELEGRAM_TOKENS": plan.secrets.bot_token,
        "NEUROCARDS_TELEGRAM_API_URL": local(plan.addresses.telegram),
        "NEUROCARDS_NATS_URL": plan.nats_url,
        "PUBLIC_BASE_URL": PUBLIC_BASE_URL,
        "NEUROCARDS_CALLBACK_SECRET": plan.secrets.callback_secret,
        "NEUROCARDS_METRICS_HOST": LOOPBACK,
        "NEUROCARDS_LOG_FORMAT": "json",
        **_timings(plan.options),
    }


def _timings(options: DemoOptions) -> Mapping[str, str]:
    """Shorten what follows from the length of a render; leases and retries stay as they are."""
    return {
        "NEUROCARDS_RENDER_EXPECTED_S": str(options.render_s),
        "NEUROCARDS_STATUS_EDIT_S": "1.2" if options.time_factor > 1 else "3",
    }


def _base() -> Environment:
    return {"PATH": os.defpath, "LANG": "C.UTF-8", "PYTHONUNBUFFERED": "1"}
