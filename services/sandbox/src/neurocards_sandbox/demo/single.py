"""Serving one simulator, or all of them, for somebody who starts the rest himself."""

from __future__ import annotations

import asyncio
import signal
import sys

import uvicorn

from neurocards_sandbox.demo.sandbox_process import SandboxSettings, run_until_signal
from neurocards_sandbox.telegram.server import serving

EXIT_OK = 0
EXIT_FAILED = 1


def run(name: str, server: uvicorn.Server, host: str, port: int) -> int:
    """Serve one simulator until Ctrl-C; give the exit code."""
    try:
        asyncio.run(_serve(name, server, host, port))
    except OSError as error:
        return _port_failed(host, error)
    return EXIT_OK


async def _serve(name: str, server: uvicorn.Server, host: str, port: int) -> None:
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    async with serving(server, host, port) as url:
        _say(f"{name} simulator: {url} (control: {url}/sim), Ctrl-C ends it")
        await ended.wait()


def run_all(settings: SandboxSettings) -> int:
    """Serve all simulators and the page until Ctrl-C; give the exit code."""
    names = ("page", "telegram", "kie", "openai")
    for name, port in zip(names, _ports(settings), strict=True):
        host = settings.page_host if name == "page" else settings.host
        _say(f"{name:9} http://{host}:{port}")
    try:
        asyncio.run(run_until_signal(settings))
    except OSError as error:
        return _port_failed(settings.host, error)
    return EXIT_OK


def _ports(settings: SandboxSettings) -> tuple[int, ...]:
    return settings.page_port, settings.telegram_port, settings.kie_port, settings.openai_port


def _port_failed(host: str, error: OSError) -> int:
    _say(f"cannot listen on {host}: {error.strerror}; choose another port")
    return EXIT_FAILED


def _say(words: str) -> None:
    sys.stderr.write(words + "\n")
