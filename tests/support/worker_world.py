"""A worker's world: PostgreSQL, NATS, all three simulators, a relay, and workers as processes.

The bot has no part in it: orders are accepted straight through the OrderStore, and a small relay
inside the test publishes what the bot's relay and reaper would.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from neurocards.adapters.nats.connection import NatsConnection
from neurocards.adapters.nats.hints import NatsHints
from neurocards.adapters.nats.publisher import NatsPublisher
from neurocards.adapters.nats.stream import JobStream
from neurocards.adapters.postgres import PostgresOrderStore, PostgresOutbox, open_database
from neurocards.adapters.postgres.statements import parse
from neurocards.domain.identifiers import RANDOM_BITS, uuid7
from neurocards.domain.orders import OrderOptions
from neurocards.errors import QueueUnavailableError, StoreUnavailableError
from neurocards.ports.orders import AcceptRequest, Draft
from neurocards.settings import Broker
from neurocards.settings import Database as DatabaseSettings
from neurocards.telemetry.metrics import CommonMetrics
from neurocards_sandbox.embedded.ports import free_port
from neurocards_sandbox.embedded.processes import ChildProcess
from neurocards_sandbox.kie import KieSandboxSettings
from neurocards_sandbox.kie.testing import Kie, kie_simulator
from neurocards_sandbox.openai import OpenAiSandboxSettings
from neurocards_sandbox.openai import create_app as create_openai
from neurocards_sandbox.simulation.serving import serving
from neurocards_sandbox.telegram.settings import TelegramSandboxSettings
from neurocards_sandbox.telegram.testing import Simulator, simulator
from support.pictures import picture
from support.telegram_person import Person
from support.waiting import LOOK_S, PATIENCE_S, until

TOKEN = "4242:TEST_TOKEN_OF_THE_SIMULATED_BOT_0000"
BOT_ID = 4242
USER_ID = 770_001
SUPPORT = "@helpdesk"
PUBLIC_URL = "https://bot.example"
LONG_LEASES = {
    "NEUROCARDS_LEASE_S": "600",
    "NEUROCARDS_ACK_WAIT_S": "600",
    "NEUROCARDS_RENDER_DEADLINE_S": "600",
}
"""Of a worker that keeps its jobs even when the machine pauses."""
CALLBACK_SECRET = "callback-secret"
KIE_KEYS = ("sandbox-kie-key", "second-kie-key")
TEMPLATE_ID = "worker_test"
SQL = parse(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
QUICK = {
    "NEUROCARDS_PROFILE": "fast",
    "NEUROCARDS_RENDER_POLL_S": "0.2",
    "NEUROCARDS_RENDER_POLL_CALLBACK_S": "0.5",
    "NEUROCARDS_STATUS_EDIT_S": "0.1",
}


@dataclass
class WorkerProcess:
    child: ChildProcess
    probes_url: str

    async def until_ready(self, http: httpx.AsyncClient) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                assert self.child.is_running, self.child.log_tail()
                try:
                    reply = await http.get(f"{self.probes_url}/readyz")
                except httpx.HTTPError:
                    reply = None
                if reply is not None and reply.status_code == 200:
                    return
                await asyncio.sleep(LOOK_S)

    def log(self) -> str:
        return self.child.log_path.read_text(encoding="utf-8")


@dataclass
class WorkerWorld:
    folder: Path
    pool: asyncpg.Pool
    orders: PostgresOrderStore
    hints: NatsHints
    telegram: Simulator
    kie: Kie
    openai: httpx.AsyncClient
    http: httpx.AsyncClient
    environment: dict[str, str]
    stack: AsyncExitStack
    person: Person = field(init=False)

    async def order(
        self,
        *,
        caption: str = "A mug",
        photo: bytes | None = None,
        balance: int = 3,
        deadline_s: float = 600.0,
        user_id: int = USER_ID,
    ) -> UUID:
        """Let a user send a photo and accept an order of it; gives the job's id."""
        file_id = await self.send_photo(photo, user_id=user_id)
        status = await self.telegram.call("sendMessage", TOKEN, chat_id=user_id, text="Accepted")
        await self.orders.welcome(user_id, bot_id=BOT_ID, language="en", welcome_credits=balance)
        draft = Draft(
            id=uuid4(),
            bot_id=BOT_ID,
            tg_user_id=user_id,
            chat_id=user_id,
            photo_file_id=file_id,
            caption=caption,
            template_id=TEMPLATE_ID,
            options=OrderOptions(duration_s=5),
            price_credits=1,
            language="en",
        )
        await self.orders.save_draft(draft)
        accepted = await self.orders.accept(
            AcceptRequest(
                bot_id=BOT_ID,
                update_id=int(uuid4()) % 2**31,
                draft_id=draft.id,
                job_id=_new_job_id(),
                tg_user_id=user_id,
                chat_id=user_id,
                message_id=status.json()["result"]["message_id"],
                pool="default",
                deadline_s=deadline_s,
            )
        )
        assert accepted.job_id is not None, accepted
        return accepted.job_id

    async def send_photo(self, photo: bytes | None, *, user_id: int = USER_ID) -> str:
        """Send it as a file, so that Telegram keeps it as it is; gives the file id."""
        data = photo or picture(self.folder / "photo.jpg", size=(600, 800)).read_bytes()
        reply = await self.telegram.send_file(user_id, "document", "photo.jpg", data)
        return str(reply.raise_for_status().json()["messages"][0]["media"]["file_id"])

    async def start_worker(self, **environment: str) -> WorkerProcess:
        number, port = uuid4().hex[:6], free_port()
        child = ChildProcess(
            "worker",
            [sys.executable, "-m", "neurocards_worker"],
            log_path=self.folder / f"worker-{number}.log",
            environment={
                **self.environment,
                "NEUROCARDS_METRICS_PORT": str(port),
                "NEUROCARDS_POD_NAME": f"worker-{number}",
                **environment,
            },
        )
        worker = WorkerProcess(child, f"http://127.0.0.1:{port}")
        self.stack.push_async_callback(child.stop, timeout_s=40.0)
        await worker.until_ready(self.http)
        return worker

    async def job(self, job_id: UUID) -> asyncpg.Record:
        row = await self.pool.fetchrow(SQL["job"].sql, job_id)
        assert row is not None
        return row

    async def until_status(self, job_id: UUID, *statuses: str) -> asyncpg.Record:
        async def reached() -> bool:
            return (await self.job(job_id))["status"] in statuses

        try:
            await until(reached)
        except TimeoutError:
            raise AssertionError(f"not {statuses}: {dict(await self.job(job_id))}") from None
        return await self.job(job_id)

    async def balance(self) -> int:
        return int(await self.pool.fetchval(SQL["balance"].sql, USER_ID))

    async def refunds(self, job_id: UUID) -> int:
        return int(await self.pool.fetchval(SQL["refunds"].sql, f"refund:{job_id}"))

    async def message(self, message_id: int) -> dict[str, Any]:
        reply = await self.telegram.control(f"/chats/{USER_ID}/messages/{message_id}")
        return dict(reply)

    async def texts(self) -> list[str]:
        return [message["text"] or "" for message in await self.person.from_bot()]

    async def created(self) -> int:
        return int((await self.kie.look("/counters"))["created"])


@asynccontextmanager
async def worker_world(
    folder: Path,
    *,
    database_url: str,
    nats_url: str,
    bot_url: str | None = None,
    **kie_changes: Any,
) -> AsyncIterator[WorkerWorld]:
    """With `bot_url` a real bot gets updates and callbacks there, and relays; else the test does.

    The caller starts it.
    """
    async with AsyncExitStack() as stack:
        metrics = CommonMetrics(CollectorRegistry())
        broker = Broker.model_validate({"nats_url": nats_url})
        stored = DatabaseSettings.model_validate({"database_url": database_url})
        connection = await stack.enter_async_context(
            NatsConnection(broker, name="test", metrics=metrics)
        )
        hints = NatsHints(connection)
        callbacks_url = await stack.enter_async_context(serving(_callback_app(hints)))
        ingress = {PUBLIC_URL: bot_url or callbacks_url}
        kie, telegram, openai_url = await _providers(stack, ingress, **kie_changes)
        database = await stack.enter_async_context(open_database(stored, application_name="test"))
        openai = httpx.AsyncClient(base_url=openai_url, trust_env=False)
        world = WorkerWorld(
            folder=folder,
            pool=await stack.enter_async_context(
                asyncpg.create_pool(database_url, min_size=1, max_size=4)
            ),
            orders=PostgresOrderStore(database),
            hints=hints,
            telegram=telegram,
            kie=kie,
            openai=await stack.enter_async_context(openai),
            http=await stack.enter_async_context(httpx.AsyncClient(trust_env=False, timeout=60)),
            environment=_environment(
                folder,
                database_url=database_url,
                nats_url=nats_url,
                telegram_url=telegram.url,
                kie_url=kie.url,
                openai_url=openai_url,
            ),
            stack=stack,
        )
        await _settle(world)
        relay = None
        if bot_url is None:
            stream = JobStream(connection, broker, ack_wait_s=2.0, metrics=metrics)
            publisher = NatsPublisher(connection, stream, metrics)
            relay = asyncio.create_task(_relay(PostgresOutbox(database), publisher))
        try:
            yield world
        finally:
            if relay is not None:
                relay.cancel()
                await asyncio.wait({relay})
            await stack.aclose()


async def _providers(
    stack: AsyncExitStack, ingress: dict[str, str], **kie_changes: Any
) -> tuple[Kie, Simulator, str]:
    kie = await stack.enter_async_context(
        kie_simulator(
            KieSandboxSettings(
                time_factor=600, render=False, rate_limit=False, keys=KIE_KEYS, ingress=ingress
            ),
            **kie_changes,
        )
    )
    telegram = await stack.enter_async_context(
        simulator(TelegramSandboxSettings(limits=False, ingress=ingress, time_factor=10))
    )
    return (
        kie,
        telegram,
        await stack.enter_async_context(serving(create_openai(OpenAiSandboxSettings()))),
    )


async def _settle(world: WorkerWorld) -> None:
    """Make the one person and the one template of this world."""
    world.person = Person(world.telegram.http, USER_ID, bot_id=BOT_ID)
    await world.pool.execute(
        SQL["add_template"].sql, TEMPLATE_ID, '{"en": "Studio"}', '{"en": "Soft light."}'
    )
    await world.telegram.call("getMe", TOKEN)
    await world.person.register()


async def _relay(outbox: PostgresOutbox, publisher: NatsPublisher) -> None:
    while True:
        # As the bot's relay: it tries again.
        with contextlib.suppress(QueueUnavailableError, StoreUnavailableError):
            await outbox.enqueue_due(batch=100, unseen_s=5.0)
            await outbox.relay(publisher.publish, batch=100)
        await asyncio.sleep(0.1)


def _callback_app(hints: NatsHints) -> Starlette:
    """What the bot does with a callback: a word on NATS, nothing else."""

    async def take(request: Request) -> Response:
        body = await request.json()
        task_id = str(body["data"]["taskId"]).encode()
        await hints.announce(f"wake.render.{request.path_params['job_id']}", task_id)
        return Response()

    path = "/kie/callback/{job_id}/{attempt}/{mac}"
    return Starlette(routes=[Route(path, take, methods=["POST"])])


def _environment(
    folder: Path,
    *,
    database_url: str,
    nats_url: str,
    telegram_url: str,
    kie_url: str,
    openai_url: str,
) -> dict[str, str]:
    kept: Mapping[str, str] = os.environ
    work_folder = folder / "work"
    work_folder.mkdir(exist_ok=True)
    return {
        "PATH": kept["PATH"],
        "NEUROCARDS_DATABASE_URL": database_url,
        "NEUROCARDS_NATS_URL": nats_url,
        "NEUROCARDS_TELEGRAM_API_URL": telegram_url,
        "NEUROCARDS_TELEGRAM_TOKENS": TOKEN,
        "NEUROCARDS_KIE_API_URL": kie_url,
        "NEUROCARDS_KIE_UPLOAD_URL": kie_url,
        "NEUROCARDS_KIE_TRUSTED_ORIGINS": kie_url,
        "KIE_API_KEY": KIE_KEYS[0],
        "OPENAI_API_KEY": "sandbox-openai-key",
        "OPENAI_BASE_URL": f"{openai_url}/v1",
        "NEUROCARDS_SUPPORT_HANDLE": SUPPORT,
        "NEUROCARDS_METRICS_HOST": "127.0.0.1",
        "NEUROCARDS_LOG_FORMAT": "json",
        "NEUROCARDS_WORK_FOLDER": str(work_folder),
        "DB_POOL_SIZE": "4",
        **QUICK,
    }


def _new_job_id() -> UUID:
    return uuid7(datetime.now(UTC), random.getrandbits(RANDOM_BITS))
