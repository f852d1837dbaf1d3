"""A rule machine over whole orders: the worker's code on real PostgreSQL, dying wherever it may.

What happens in which order is hypothesis' choice: orders, updates that come twice, claims, deaths
at any point, workers that wake up too late, lost and forged callbacks, refusals, cancellations,
blocked chats and jumps of the clock. The invariants are asked after every rule, and at the end
everything is led to its end and the bill and the chats are looked at.
"""

from __future__ import annotations

import asyncio
import os
import re
import tempfile
from collections import deque
from collections.abc import Awaitable
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import asyncpg
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)
from prometheus_client import CollectorRegistry

from neurocards.adapters.postgres import open_database
from neurocards.adapters.postgres.pool import set_codecs
from neurocards.domain.failures import ClassifiedFailure, FailureClass, FailureSource
from neurocards.ports.jobs import Claimed, NothingToDo
from neurocards.ports.orders import AcceptOutcome, AcceptRequest
from neurocards.ports.providers import Render, RenderState
from neurocards.settings import Database as DatabaseSettings
from neurocards.telemetry.metrics import CommonMetrics
from neurocards.testing.crash import CrashOrder, guarded
from neurocards.testing.outbound import OpenBuckets
from neurocards.testing.providers import (
    FakeMessage,
    FakeMessenger,
    FakePhotoInspector,
    FakeScriptWriter,
    FakeVideoProvider,
)
from neurocards.testing.queue import MemoryBroker, MemoryHints, MemoryJobQueue
from neurocards.testing.world import BOT_ID, LEASE_S, drafted, taken_messages
from neurocards_worker.assembly import Assembly, Outside
from neurocards_worker.metrics import WorkerMetrics
from neurocards_worker.run import Run
from support import history, invariants
from support.postgres_world import PostgresWorld
from support.statements import load
from support.worker_bench import no_answer, worker_settings

Result = TypeVar("Result")
FIRST_USER_ID = 6_000_000
DEADLINE_S = 3 * 3600.0
EXAMPLES = int(os.environ.get("NEUROCARDS_TEST_EXAMPLES", "25"))
"""With `CI` set hypothesis takes the same ones each time; `make test-model` looks for new ones."""
POINTS_MAX = 60
"""An order that nothing goes wrong with passes about so many."""
LEADING_ROUNDS_MAX = 120
JOB_IN_ADDRESS = re.compile(r"/callback/([0-9a-f-]{36})/")
REFUSED = ClassifiedFailure(FailureClass.USER_VIOLATION, "400", "Flagged", FailureSource.KIE)
PASSING = ClassifiedFailure(FailureClass.TEMPORARY, "500", "internal error", FailureSource.KIE)


class DiedError(BaseException):
    """The process is gone; nothing of it may catch this."""


class Fuse(CrashOrder):
    """Dies at the n-th point that is passed; `left` None lives for ever."""

    def __init__(self) -> None:
        super().__init__(Path("/nowhere"))
        self.left: int | None = None

    def reached(self, point: str) -> None:
        if self.left is None:
            return
        self.left -= 1
        if self.left < 0:
            self.left = None
            raise DiedError(point)


class LeapingMoments:
    """The time of a worker: every wait is over at once."""

    def __init__(self) -> None:
        self._leapt_s = 0.0

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self._leapt_s)

    def monotonic(self) -> float:
        return self._leapt_s

    async def sleep(self, seconds: float) -> None:
        self._leapt_s += seconds
        await asyncio.sleep(0)


class CalledBack:
    """Hints that were given before; otherwise the whole wait passes."""

    def __init__(self, moments: LeapingMoments, hints: deque[str]) -> None:
        self._moments = moments
        self._hints = hints

    async def wait(self, job_id: UUID, *, timeout_s: float) -> str | None:
        del job_id
        if self._hints:
            return self._hints.popleft()
        await self._moments.sleep(timeout_s)
        return None


class BilledProvider(FakeVideoProvider):
    """Keeps the bill: what it has made and has not called failed is paid."""

    def __init__(self) -> None:
        super().__init__()
        self._failed: dict[str, int] = {}
        self._moment = 0

    async def render(self, key: Any, task_id: str) -> Render:
        self._moment += 1
        addresses = [made.callback_url for made in self.created if made.task_id == task_id]
        address = addresses[0] if addresses else None
        if task_id in self._failed:
            return Render(RenderState.FAILED, failure=PASSING, callback_url=address)
        told = await super().render(key, task_id)
        if told.state is RenderState.FAILED:
            self._failed[task_id] = len(self.created)
        return replace(told, callback_url=address)

    def bill(self) -> list[invariants.Task]:
        tasks = []
        for number, made in enumerate(self.created):
            found = JOB_IN_ADDRESS.search(made.callback_url or "")
            failed_after = self._failed.get(made.task_id)
            tasks.append(
                invariants.Task(
                    job_id=found.group(1) if found else "",
                    created_ms=2 * number,
                    ended_ms=None if failed_after is None else 2 * failed_after - 1,
                    succeeded=failed_after is None,
                )
            )
        return tasks


class OrderMachine(RuleBasedStateMachine):
    orders = Bundle("orders")
    frozen = Bundle("frozen")
    database_url: str
    folder: Path
    users = iter(range(FIRST_USER_ID, 10 * FIRST_USER_ID))

    def __init__(self) -> None:
        super().__init__()
        self._runner = asyncio.Runner()
        self._exit = AsyncExitStack()
        self._fuse = Fuse()
        self._messenger = FakeMessenger({"photo": b"a photo"})
        self._provider = BilledProvider()
        self._hints: deque[str] = deque()
        self._own: set[UUID] = set()
        self._people: set[int] = set()
        self._world = self._run(self._open())
        self._worker = self._run(self._new_worker())

    def _run(self, work: Awaitable[Result]) -> Result:
        async def run() -> Result:
            return await work

        return self._runner.run(run())

    async def _open(self) -> PostgresWorld:
        chosen = {"database_url": self.database_url, "DB_POOL_SIZE": 2}
        database = await self._exit.enter_async_context(
            open_database(DatabaseSettings.model_validate(chosen), application_name=_APPLICATION)
        )
        pool = await self._exit.enter_async_context(
            asyncpg.create_pool(self.database_url, min_size=0, max_size=2, init=set_codecs)
        )
        return PostgresWorld(database, pool)

    async def _new_worker(self) -> Assembly:
        """Another process over the same world, after the one before it has died."""
        moments, world = LeapingMoments(), self._world
        self._fuse.left = None

        def behind(door: str, inside: object) -> Any:
            return guarded(inside, door=door, order=self._fuse)

        broker = MemoryBroker()
        worker = Assembly(
            worker_settings(self.folder, keys=("key-1", "key-2")),
            Outside(
                jobs=behind("jobs", world.jobs),
                leases=world.jobs,
                keys=behind("keys", world.keys),
                templates=behind("templates", world.templates),
                queue=MemoryJobQueue(broker),
                hints=behind("hints", MemoryHints(broker)),
                messenger=behind("messenger", self._messenger),
                outbound=OpenBuckets(),
                writer=behind("writer", FakeScriptWriter()),
                provider=behind("provider", self._provider),
                inspector=behind("inspector", FakePhotoInspector()),
            ),
            common=CommonMetrics(CollectorRegistry()),
            metrics=WorkerMetrics(CollectorRegistry()),
            moments=moments,
            wakes=CalledBack(moments, self._hints),
        )
        await worker.gate.register()
        return worker

    @rule(target=orders)
    def an_order_is_accepted(self) -> AcceptRequest:
        return self._accepted()

    def _accepted(self) -> AcceptRequest:
        request = self._run(drafted(self._world, user_id=next(self.users)))
        accepted = self._run(self._world.orders.accept(request))
        assert accepted.outcome is AcceptOutcome.CREATED
        chat = self._messenger.chat(request.chat_id)
        chat.messages[request.message_id] = FakeMessage("The order is accepted.")
        self._own.add(request.job_id)
        self._people.add(request.tg_user_id)
        return request

    @rule(order=orders)
    def its_update_comes_again(self, order: AcceptRequest) -> None:
        again = self._run(self._world.orders.accept(order))
        assert (again.outcome, again.job_id) == (AcceptOutcome.EXISTS, order.job_id)

    @rule(order=orders, passes=st.none() | st.integers(0, POINTS_MAX))
    def a_worker_gets_its_message(self, order: AcceptRequest, passes: int | None) -> None:
        """It dies after so many points, or lives through its run."""
        self._fuse.left = passes
        try:
            self._run(self._handled(order.job_id))
        except DiedError:
            self._worker = self._run(self._new_worker())
        self._fuse.left = None

    async def _handled(self, job_id: UUID) -> None:
        claim = await self._worker.jobs.claim(job_id, worker="a", lease_s=LEASE_S)
        if isinstance(claim, Claimed):
            await self._worker.carrier.carry(Run(claim.job))
        elif isinstance(claim, NothingToDo) and claim.untold is not None:
            await self._worker.carrier.tell(claim.untold)

    @rule(target=frozen, order=orders)
    def a_worker_freezes_after_its_claim(self, order: AcceptRequest) -> Run | None:
        claim = self._run(self._worker.jobs.claim(order.job_id, worker="b", lease_s=LEASE_S))
        return Run(claim.job) if isinstance(claim, Claimed) else None

    @rule(run=frozen)
    def it_wakes_up_and_goes_on(self, run: Run | None) -> None:
        if run is not None:
            self._run(self._worker.carrier.carry(run))

    @rule(order=orders)
    def a_worker_hands_it_over(self, order: AcceptRequest) -> None:
        stored = self._run(self._world.stored(order.job_id))
        self._run(self._world.jobs.release([(order.job_id, stored.attempt)]))

    @rule(failure=st.sampled_from([PASSING, REFUSED]))
    def the_next_render_fails(self, failure: ClassifiedFailure) -> None:
        self._provider.renders.append(Render(RenderState.FAILED, failure=failure))

    @rule(looks=st.sampled_from([1, 12]))
    def the_next_results_are_missing(self, looks: int) -> None:
        """For a moment, or for so long that the render is given up."""
        self._provider.renders.extend([Render(RenderState.SUCCEEDED)] * looks)

    @rule()
    def the_next_answer_of_the_provider_is_lost(self) -> None:
        self._provider.lost_answers += 1

    @rule(data=st.data())
    def somebody_calls_back(self, data: st.DataObject) -> None:
        """Late, early, or with the task of another job."""
        known = [made.task_id for made in self._provider.created]
        self._hints.append(data.draw(st.sampled_from([*known, "task-of-nobody"])))

    @rule(target=orders)
    def a_failed_task_calls_back_while_the_order_after_it_is_in_doubt(self) -> AcceptRequest:
        """Chance alone would hardly ever put these in a row."""
        order = self._accepted()
        self._provider.renders.append(Render(RenderState.FAILED, failure=PASSING))
        self._run(self._handled(order.job_id))
        self._run(self._world.pass_time(LEASE_S + 1))
        self._provider.lost_answers += 1
        self._hints.extend(made.task_id for made in self._provider.created)
        self._run(self._handled(order.job_id))
        return order

    @rule(call=st.sampled_from(["edit_status", "replace_with_video", "send_video", "send_text"]))
    def an_answer_of_telegram_is_lost(self, call: str) -> None:
        self._messenger.fail(call, no_answer())

    @rule(order=orders)
    def the_user_deletes_the_message(self, order: AcceptRequest) -> None:
        chat = self._messenger.chat(order.chat_id)
        message = chat.messages.get(order.message_id)
        if message is not None and message.video is None:
            del chat.messages[order.message_id]

    @rule(order=orders, blocked=st.booleans())
    def the_user_leaves_or_returns(self, order: AcceptRequest, *, blocked: bool) -> None:
        self._messenger.chat(order.chat_id).blocked = blocked
        if not blocked:
            self._run(self._world.orders.requeue_undelivered(order.tg_user_id, bot_id=BOT_ID))

    @rule(order=orders)
    def the_user_cancels(self, order: AcceptRequest) -> None:
        found = self._run(self._world.orders.cancel(order.job_id, tg_user_id=order.tg_user_id))
        assert found is not None
        if found[1]:
            self._draw_cancelled(order)

    def _draw_cancelled(self, order: AcceptRequest) -> None:
        """The bot says so itself."""
        message = self._messenger.chat(order.chat_id).messages.get(order.message_id)
        if message is not None:
            message.html = "The order is cancelled"

    @rule(seconds=st.sampled_from([1.0, LEASE_S + 1, 600.0, DEADLINE_S]))
    def the_clock_jumps(self, seconds: float) -> None:
        self._run(self._world.pass_time(seconds))

    @rule()
    def the_reaper_looks_round(self) -> None:
        self._run(self._reaped())

    async def _reaped(self) -> None:
        await self._world.outbox.enqueue_due(batch=100, unseen_s=60.0)
        for ended in await self._world.outbox.end_overdue(batch=100, grace_s=60.0):
            chat = self._messenger.chat(ended.chat_id)
            message = chat.messages.get(ended.status_message_id)
            if message is not None and not chat.blocked:
                message.html = "The video could not be made in time"
        await taken_messages(self._world)

    @invariant()
    def the_invariants_hold(self) -> None:
        assert self._run(self._broken()) == []

    async def _broken(self) -> list[str]:
        found = await invariants.always(self._world.pool)
        found += history.check(await history.operations(self._world.pool))
        return [str(breach) for breach in found]

    def teardown(self) -> None:
        try:
            if self._own:
                self._run(self._led_to_the_end())
        finally:
            self._run(self._exit.aclose())
            self._runner.close()

    async def _led_to_the_end(self) -> None:
        """Let everybody come back and every job end; then nothing may be owed to anybody."""
        for chat in self._messenger.chats.values():
            chat.blocked = False
        for user_id in self._people:
            await self._world.orders.requeue_undelivered(user_id, bot_id=BOT_ID)
        for _ in range(LEADING_ROUNDS_MAX):
            jobs = await self._endings()
            unfinished = [job for job in jobs if job.status not in _TERMINAL]
            if not unfinished:
                break
            await self._world.pass_time(LEASE_S + 1)
            for job in unfinished:
                await self._handled(job.job_id)
        for job in await self._endings():
            await self._handled(job.job_id)
        await self._reaped()
        jobs = await self._endings()
        found = await invariants.at_rest(self._world.pool)
        found = [breach for breach in found if not breach.words.endswith("after its deadline")]
        found += invariants.bill(jobs, self._provider.bill())
        found += invariants.chats(jobs, self._shown())
        assert [str(breach) for breach in found] == []

    async def _endings(self) -> list[invariants.Ending]:
        everything = await invariants.endings(self._world.pool)
        return [job for job in everything if job.job_id in self._own]

    def _shown(self) -> dict[int, list[invariants.Shown]]:
        return {
            chat_id: [
                invariants.Shown(number, message.html, has_video=message.video is not None)
                for number, message in chat.messages.items()
            ]
            for chat_id, chat in self._messenger.chats.items()
        }


_TERMINAL = frozenset({"done", "failed", "cancelled"})
_APPLICATION = "order-machine"


def test_whatever_happens_to_orders_in_whatever_order_the_invariants_hold(
    database_url: str,
) -> None:
    """Worker code, stores and schema together; I1 to I8 after every rule and at the end."""

    async def prepare() -> None:
        connection = await asyncpg.connect(database_url)
        await set_codecs(connection)
        await history.install(connection)
        add = load("world")["add_template"]
        await connection.execute(add, "first", 1, {"en": "First"}, {"en": "Zoom."})
        await connection.close()

    asyncio.run(prepare())
    OrderMachine.database_url = database_url
    with tempfile.TemporaryDirectory(prefix="neurocards-machine-") as folder:
        OrderMachine.folder = Path(folder)
        run_state_machine_as_test(
            OrderMachine,
            settings=settings(
                max_examples=EXAMPLES,
                stateful_step_count=25,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
