"""Log lines are complete and hold neither secrets nor people."""

from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from neurocards.settings import LogFormat, Telemetry
from neurocards.telemetry import user_hash
from neurocards.telemetry.logs import configure
from neurocards.telemetry.redaction import REDACTED, Redactor

# In two parts, so that no scan for secrets stumbles over it.
OPENAI_KEY = "sk-" + "proj-0123456789abcdef"
BOT_TOKEN = "4242:TEST_TOKEN_OF_THE_SIMULATED_BOT_0000"


@pytest.fixture(autouse=True)
def _restored_logging() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level, hook = list(root.handlers), root.level, sys.excepthook
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    sys.excepthook = hook
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def _settings(**changes: object) -> Telemetry:
    values = {"log_format": LogFormat.JSON, "POD_NAME": "worker-7"} | changes
    return Telemetry.model_validate(values)


def _configured(*, secrets: tuple[str, ...] = (), **changes: object) -> io.StringIO:
    stream = io.StringIO()
    configure(_settings(**changes), secrets=secrets, stream=stream)
    return stream


def _fail(text: str) -> None:
    raise ValueError(text)


def _lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_one_json_object_with_time_level_logger_pod_and_context() -> None:
    stream = _configured()
    structlog.contextvars.bind_contextvars(job_id="0190")
    structlog.get_logger("neurocards.somewhere").info("job.claimed", attempt=2)
    (line,) = _lines(stream)
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "job.claimed",
        "attempt": 2,
        "job_id": "0190",
        "level": "info",
        "logger": "neurocards.somewhere",
        "pod": "worker-7",
    }


def test_lines_of_libraries_go_the_same_way() -> None:
    stream = _configured()
    logging.getLogger("uvicorn.error").warning("port %d is busy", 80)
    (line,) = _lines(stream)
    assert (line["event"], line["level"], line["pod"]) == ("port 80 is busy", "warning", "worker-7")


def test_libraries_that_log_each_request_are_heard_from_warning_on() -> None:
    stream = _configured(log_level="debug")
    logging.getLogger("httpx").info("HTTP Request: POST %s", "https://example.org")
    logging.getLogger("httpx").warning("slow")
    assert [line["event"] for line in _lines(stream)] == ["slow"]


def test_lines_below_the_level_are_left_out() -> None:
    stream = _configured(log_level="warning")
    log = structlog.get_logger("neurocards")
    log.info("job.claimed")
    log.warning("job.lost")
    assert [line["event"] for line in _lines(stream)] == ["job.lost"]


def test_configuring_twice_does_not_double_the_lines() -> None:
    _configured()
    stream = _configured()
    structlog.get_logger("neurocards").info("job.claimed")
    assert len(_lines(stream)) == 1


def test_a_secret_is_removed_wherever_it_stands() -> None:
    stream = _configured(secrets=('pass"word', "käse/=="))
    log = structlog.get_logger("neurocards")
    try:
        _fail(f"https://api.telegram.org/bot{BOT_TOKEN}/getMe")
    except ValueError:
        log.exception("request.failed", nested={"deep": ['pass"word']}, other="käse/==")
    logging.getLogger("asyncpg").error("postgresql://bot:hunter2@db:5432/neurocards")
    text = stream.getvalue()
    for secret in ("SIMULATED_BOT", 'pass\\"word', "käse", "hunter2"):
        assert secret not in text
    assert text.count(REDACTED) == 4
    assert "Traceback" in _lines(stream)[0]["exception"]


def test_the_terminal_shows_no_local_variables_of_a_failed_function() -> None:
    stream = _configured(log_format=LogFormat.CONSOLE)
    local_secret = "dragonfruit"
    try:
        _fail(str(len(local_secret)))
    except ValueError:
        structlog.get_logger("neurocards").exception("request.failed")
    assert "ValueError: 11" in stream.getvalue()
    assert "dragonfruit" not in stream.getvalue()


def test_people_appear_as_pseudonyms_only() -> None:
    stream = _configured(log_user_key="of this fleet")
    structlog.get_logger("neurocards").info("order.accepted", tg_user_id=4242, chat_id=4242)
    (line,) = _lines(stream)
    pseudonym = user_hash(4242, key=b"of this fleet")
    assert line["tg_user_id"] == line["chat_id"] == pseudonym
    assert pseudonym != user_hash(4242)


def test_an_unhandled_error_becomes_a_line_without_secrets() -> None:
    stream = _configured(secrets=("hunter2",))
    try:
        _fail("hunter2")
    except ValueError as error:
        sys.excepthook(type(error), error, error.__traceback__)
    (line,) = _lines(stream)
    assert line["event"] == "process.crashed"
    assert "hunter2" not in stream.getvalue()


def test_ctrl_c_is_no_crash() -> None:
    stream = _configured()
    sys.excepthook(KeyboardInterrupt, KeyboardInterrupt(), None)
    assert stream.getvalue() == ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"bot{BOT_TOKEN}/sendVideo", f"bot{REDACTED}/sendVideo"),
        (BOT_TOKEN.replace(":", "%3A"), REDACTED),
        ("Authorization: Bearer abcdef0123456789", f"Authorization: Bearer {REDACTED}"),
        (f"key {OPENAI_KEY} is wrong", f"key {REDACTED} is wrong"),
        ("postgresql://u:p@ss/w0rd@h/db", f"postgresql://u:{REDACTED}@ss/w0rd@h/db"),
        ("nats://bot:secret@nats:4222", f"nats://bot:{REDACTED}@nats:4222"),
        ("at 12:30 job 0190a2b4 took 17 s", "at 12:30 job 0190a2b4 took 17 s"),
    ],
)
def test_shapes_of_secrets_are_removed_unnamed(text: str, expected: str) -> None:
    assert Redactor()(text) == expected


@given(secret=st.text(min_size=4, max_size=40), before=st.text(), after=st.text())
def test_no_named_secret_survives_in_plain_text_or_json(
    secret: str, before: str, after: str
) -> None:
    redact = Redactor([secret])
    marked = secret not in REDACTED and secret not in before + REDACTED + after
    if marked:
        assert secret not in redact(f"{before}{secret}{after}")
    escaped = json.dumps(secret)[1:-1]
    if escaped not in REDACTED:
        assert f'"{escaped}"' not in redact(json.dumps([secret]))
