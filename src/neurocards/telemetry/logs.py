"""Logs: one pipeline for our own lines and for those of every library.

JSON in production, coloured lines in a terminal, both on standard error, so that the standard
output stays free for results. Invariant: what goes through here holds no secret (the finished
line is redacted) and no Telegram id (`user_id` and the like are replaced by a pseudonym).
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterable
from types import TracebackType
from typing import TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from neurocards.settings import LogFormat, Telemetry
from neurocards.telemetry.identity import user_hash
from neurocards.telemetry.redaction import Redactor

PERSONAL_KEYS = ("tg_user_id", "user_id", "chat_id")
_OUTSPOKEN_LIBRARIES = (
    *("aiogram.event", "asyncio", "httpcore", "httpcore2", "httpx", "httpx2", "openai"),
    "uvicorn.access",
)
"""They tell each request, some with an address that holds a token, at `info` or `debug`."""
_LIBRARIES_WITH_OWN_HANDLERS = ("uvicorn", "uvicorn.error", "uvicorn.access")


class _OurHandler(logging.StreamHandler[TextIO]):
    """Tells our handler from those of others, so that a second `configure` replaces only it."""


def configure(
    settings: Telemetry, *, secrets: Iterable[str] = (), stream: TextIO | None = None
) -> None:
    """Send every log line of this process through one pipeline; may be called again."""
    target = stream or sys.stderr
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    user_key = settings.log_user_key.get_secret_value()
    redact = Redactor([*secrets, user_key])
    before: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _Pod(settings.pod_name),
        _Pseudonyms(user_key.encode()),
    ]
    structlog.configure(
        processors=[
            *before,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=False,
    )
    handler = _OurHandler(target)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=before,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _Line(_renderers(settings.log_format, target), redact),
            ],
        )
    )
    _install(handler, level)
    sys.excepthook = _log_crash


def _renderers(log_format: LogFormat, stream: TextIO) -> tuple[Processor, ...]:
    terminal = stream.isatty()
    if log_format is LogFormat.CONSOLE or (log_format is LogFormat.AUTO and terminal):
        # The default shows the local variables of every frame: secrets among them.
        plain = structlog.dev.plain_traceback
        return (structlog.dev.ConsoleRenderer(colors=terminal, exception_formatter=plain),)
    return (structlog.processors.format_exc_info, _to_json)


def _to_json(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    return json.dumps(event, ensure_ascii=False, default=str)


def _install(handler: logging.Handler, level: int) -> None:
    root = logging.getLogger()
    for other in [other for other in root.handlers if isinstance(other, _OurHandler)]:
        root.removeHandler(other)
    root.addHandler(handler)
    root.setLevel(level)
    for name in _LIBRARIES_WITH_OWN_HANDLERS:
        library = logging.getLogger(name)
        library.handlers.clear()
        library.propagate = True
    for name in _OUTSPOKEN_LIBRARIES:
        logging.getLogger(name).setLevel(max(logging.WARNING, level))


class _Pod:
    def __init__(self, name: str) -> None:
        self._name = name

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        event.setdefault("pod", self._name)
        return event


class _Pseudonyms:
    def __init__(self, key: bytes) -> None:
        self._key = key

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        for name in PERSONAL_KEYS:
            value = event.get(name)
            if isinstance(value, int):
                event[name] = user_hash(value, key=self._key)
        return event


class _Line:
    """Renders an event and redacts what came out."""

    def __init__(self, renderers: tuple[Processor, ...], redact: Redactor) -> None:
        self._renderers = renderers
        self._redact = redact

    def __call__(self, logger: WrappedLogger, method: str, event: EventDict) -> str:
        result: object = event
        for renderer in self._renderers:
            result = renderer(logger, method, result)  # type: ignore[arg-type]
        return self._redact(str(result))


def _log_crash(
    kind: type[BaseException], error: BaseException, traceback: TracebackType | None
) -> None:
    """Log what would end the process: Python's own report would pass the redaction by."""
    if issubclass(kind, KeyboardInterrupt):
        return
    log = structlog.get_logger(__name__)
    log.critical("process.crashed", exc_info=(kind, error, traceback))
