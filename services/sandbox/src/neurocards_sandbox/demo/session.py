"""What the command `demo` does: run until Ctrl-C, or once; exit codes and words for a person."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import structlog

from neurocards.domain.scaling_policy import ScalingPolicy
from neurocards.scaling_policies import PolicyError, load_policy
from neurocards_sandbox.demo.errors import DemoError, UsageError
from neurocards_sandbox.demo.once import OnceResult, order_once
from neurocards_sandbox.demo.options import DemoOptions
from neurocards_sandbox.demo.ordering import RefusedByBotError, Wish
from neurocards_sandbox.demo.stack import DemoStack, require_page_port

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130
DEMO_POLICY = Path(__file__).with_name("policy.yaml")
WORKERS_MAX = 16


class Console:
    """Calm lines on stderr with the seconds since the start; stdout belongs to results."""

    def __init__(self) -> None:
        self._started = time.monotonic()

    def __call__(self, words: str) -> None:
        self.plain(f"{time.monotonic() - self._started:5.1f} s  {words}")

    def plain(self, words: str) -> None:
        sys.stderr.write(words + "\n")
        sys.stderr.flush()


@asynccontextmanager
async def ended_by_signals() -> AsyncIterator[asyncio.Event]:
    """Give an event that Ctrl-C or SIGTERM sets."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    for number in numbers:
        loop.add_signal_handler(number, ended.set)
    try:
        yield ended
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


def run_demo(options: DemoOptions, policy_file: Path | None = None) -> int:
    """Serve the page until a signal; give the exit code."""
    console = Console()
    try:
        scaled = replace(options, policy=_policy(policy_file))
        require_page_port(options.host, options.port)
        return asyncio.run(_serve(scaled, console))
    except UsageError as error:
        console.plain(str(error))
        return EXIT_USAGE
    except DemoError as error:
        console.plain(f"\n{error}")
        return EXIT_FAILED


def _policy(path: Path | None) -> ScalingPolicy:
    """Read what the workers are scaled by; UsageError for what this machine should not try."""
    try:
        policy = load_policy(path or DEMO_POLICY)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
    except PolicyError as error:
        raise UsageError(f"{path} is no policy:\n{error}") from error
    if DemoOptions(data_dir=Path(), policy=policy).workers_max > WORKERS_MAX:
        raise UsageError(f"{path} allows more than the {WORKERS_MAX} workers of a demo")
    return policy


async def _serve(options: DemoOptions, console: Console) -> int:
    console.plain(f"Neurocards demo, data in {options.data_dir}")
    async with ended_by_signals() as ended, contextlib.AsyncExitStack() as exit_stack:
        stack = DemoStack(options, console)
        exit_stack.enter_context(_logging_into(stack.folder.logs / "scaler.log"))
        starting = asyncio.ensure_future(exit_stack.enter_async_context(stack))
        if not await _unless_ended(starting, ended):
            console.plain("ended before it had started")
            return EXIT_OK
        console.plain(_invitation(stack))
        watching = asyncio.ensure_future(stack.watch())
        await _unless_ended(watching, ended)
        console.plain("")
        console("ending: bot and worker first, then simulators, NATS and PostgreSQL")
    console("everything has ended; the data stay for the next time")
    return EXIT_OK


@contextmanager
def _logging_into(path: Path) -> Iterator[None]:
    """Keep what the scaler's adapters log out of the terminal."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        structlog.configure(
            processors=[
                structlog.processors.add_log_level,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                structlog.processors.JSONRenderer(),
            ],
            logger_factory=structlog.WriteLoggerFactory(file),
        )
        try:
            yield
        finally:
            structlog.reset_defaults()


async def _unless_ended(work: asyncio.Future[Any], ended: asyncio.Event) -> bool:
    """Wait for the work or the signal; the work's error is raised, its loss cancels it."""
    signalled = asyncio.ensure_future(ended.wait())
    await asyncio.wait({work, signalled}, return_when=asyncio.FIRST_COMPLETED)
    signalled.cancel()
    if work.done():
        work.result()
        return True
    work.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await work
    return False


def _invitation(stack: DemoStack) -> str:
    return f"\n  Chat   {stack.page_url}\n  Logs   {_shown(stack.folder.logs)}\n  End    Ctrl-C\n"


def _shown(path: Path) -> str:
    with contextlib.suppress(ValueError):
        return str(path.relative_to(Path.cwd()))
    return str(path)


def run_once(
    options: DemoOptions, wish: Wish, *, keep_data: bool, out: Path | None, as_json: bool
) -> int:
    """Make one video; give the exit code."""
    console = Console()
    try:
        wish.check()
        with _data_folder(options.data_dir, keep=keep_data) as folder:
            once = replace(options, data_dir=folder, port=0)
            result = asyncio.run(_order(once, wish, out, console))
    except UsageError as error:
        console.plain(str(error))
        return EXIT_USAGE
    except RefusedByBotError as error:
        result = OnceResult(None, None, "the bot did not take the order", str(error))
    except DemoError as error:
        result = OnceResult(None, None, str(error), None)
    if result is None:
        return EXIT_INTERRUPTED
    _print(result, as_json=as_json, console=console)
    return EXIT_OK if result.video else EXIT_FAILED


async def _order(
    options: DemoOptions, wish: Wish, out: Path | None, console: Console
) -> OnceResult | None:
    async with ended_by_signals() as ended:
        ordering = asyncio.ensure_future(_start_and_order(options, wish, out, console))
        return ordering.result() if await _unless_ended(ordering, ended) else None


async def _start_and_order(
    options: DemoOptions, wish: Wish, out: Path | None, console: Console
) -> OnceResult:
    async with DemoStack(options, console) as stack:
        return await order_once(stack, wish, out, console)


@contextmanager
def _data_folder(path: Path, *, keep: bool) -> Iterator[Path]:
    if keep:
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="neurocards-") as folder:
        yield Path(folder)


def _print(result: OnceResult, *, as_json: bool, console: Console) -> None:
    if as_json:
        sys.stdout.write(json.dumps(result.as_json(), ensure_ascii=False, indent=2) + "\n")
    elif result.video:
        sys.stdout.write(f"{result.video['path']}\n")
    if result.error:
        console.plain(f"{result.error}: {result.text}" if result.text else result.error)
