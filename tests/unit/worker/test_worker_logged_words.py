"""What the log may hold of a provider's words: class, code, and nothing that the user wrote."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from dataclasses import replace
from typing import Any

import pytest
from structlog.testing import capture_logs

from neurocards.domain.failures import ClassifiedFailure, Failure, FailureClass, FailureSource
from neurocards.domain.jobs import JobStatus
from neurocards.errors import ProviderError
from neurocards.ports.providers import Render, RenderState
from neurocards_worker.logged_words import CHARACTERS_MAX, MASK, logged_words
from support.worker_bench import WorkerBench, telegram_error

CAPTION = "Платье Канарейка, размер 44, звоните Zinaida 79990001122"
WORDS = ("Канарейка", "Zinaida", "79990001122", "Платье")
TEMPORARY = FailureClass.TEMPORARY


def echo(source: FailureSource, *, code: str | None = None, status: int = 500) -> ProviderError:
    """Refuse in words that quote the order, whole and in part."""
    text = f"Internal error: cannot handle '{CAPTION}' (…{CAPTION[7:30]}); try again later"
    return ProviderError(Failure(source, text=text, http_status=status, code=code))


async def _bug(*_args: object, **_named: object) -> None:
    raise ValueError(f"cannot read {CAPTION}")


def _writer_fails(bench: WorkerBench) -> None:
    bench.writer.errors.extend([echo(FailureSource.OPENAI)] * 3)


def _writer_refuses(bench: WorkerBench) -> None:
    words = f"I will not advertise a dress of {CAPTION}, worn by a celebrity."
    seen = Failure(FailureSource.OPENAI, text=words, code="refusal")
    bench.writer.errors.append(ProviderError(seen))


def _writer_is_broken(bench: WorkerBench) -> None:
    bench.writer.write = _bug  # type: ignore[assignment, method-assign]


def _upload_fails(bench: WorkerBench) -> None:
    bench.provider.upload_errors.extend([echo(FailureSource.KIE, code="500")] * 3)


def _order_fails(bench: WorkerBench) -> None:
    bench.provider.create_errors.extend([echo(FailureSource.KIE, code="422", status=200)] * 3)


def _order_is_broken(bench: WorkerBench) -> None:
    bench.provider.create = _bug  # type: ignore[assignment, method-assign]


def _look_fails(bench: WorkerBench) -> None:
    bench.provider.renders.extend([echo(FailureSource.KIE)] * 3)


def _render_fails(bench: WorkerBench) -> None:
    text = f"Server exception: prompt {CAPTION} failed"
    failure = ClassifiedFailure(TEMPORARY, "500", text, FailureSource.KIE)
    bench.provider.renders.extend([Render(RenderState.FAILED, failure=failure)] * 3)


def _fetch_fails(bench: WorkerBench) -> None:
    bench.provider.fetch_errors.extend([echo(FailureSource.NETWORK)] * 3)


def _delivery_is_refused(bench: WorkerBench) -> None:
    refused = telegram_error(f"Bad Request: can't parse entities in {CAPTION}", 400)
    bench.messenger.fail("replace_with_video", refused)


def _delivery_fails(bench: WorkerBench) -> None:
    busy = telegram_error(f"Too Many Requests: {CAPTION}", 429, retry_after_s=1.0)
    bench.messenger.fail("replace_with_video", busy, busy)


def _notice_fails(bench: WorkerBench) -> None:
    bench.messenger.fail("send_text", *[telegram_error(f"Internal: {CAPTION}", 500)] * 9)


TROUBLES: dict[str, tuple[Callable[[WorkerBench], None], str]] = {
    "the writer fails": (_writer_fails, "job.retry"),
    "the writer refuses": (_writer_refuses, "job.failed"),
    "the writer is broken": (_writer_is_broken, "job.bug"),
    "the upload fails": (_upload_fails, "job.retry"),
    "the order fails": (_order_fails, "job.failed"),
    "the order is broken": (_order_is_broken, "submit.broken"),
    "a look fails": (_look_fails, "render.unread"),
    "the render fails": (_render_fails, "render.failed"),
    "the fetch fails": (_fetch_fails, "fetch.failed"),
    "the delivery is refused": (_delivery_is_refused, "deliver.refused"),
    "the delivery fails": (_delivery_fails, "deliver.again"),
    "the notice fails": (_notice_fails, "tidings.failed"),
}


@pytest.mark.parametrize("trouble", TROUBLES)
async def test_no_word_of_an_order_reaches_the_log_however_a_provider_quotes_it(
    bench: WorkerBench, trouble: str
):
    """A canary caption; the row of the job keeps the words in full."""
    arrange, event = TROUBLES[trouble]
    job_id = await bench.accept()
    record = bench.record(job_id)
    record.order = replace(record.order, caption=CAPTION)
    arrange(bench)

    with capture_logs() as lines:
        await bench.carry_to_end(job_id)

    assert event in {line["event"] for line in lines}
    assert not [line for line in lines if any(word in _text(line) for word in WORDS)]


def _text(line: MutableMapping[str, Any]) -> str:
    return " ".join(repr(value) for value in line.values())


async def test_the_words_that_name_the_trouble_stay_readable(bench: WorkerBench):
    job = (await bench.claim(await bench.accept())).job
    job = replace(job, order=replace(job.order, caption="An internal server error mug"))
    failure = Failure(FailureSource.KIE, text="Internal Server Error: the mug is too heavy")

    assert logged_words(failure, job) == f"Internal Server Error: the {MASK} is too heavy"


async def test_what_is_logged_of_a_provider_s_words_is_short(bench: WorkerBench):
    job = (await bench.claim(await bench.accept())).job
    endless = Failure(FailureSource.KIE, text="no " * 100_000)

    assert len(logged_words(endless, job)) == CHARACTERS_MAX


async def test_class_and_code_stand_beside_the_words(bench: WorkerBench):
    bench.provider.create_errors.append(echo(FailureSource.KIE, code="422", status=200))
    job_id = await bench.accept()

    with capture_logs() as lines:
        await bench.carry(job_id)

    (line,) = [line for line in lines if line["event"] == "job.failed"]
    assert (line["failure_class"], line["code"], line["source"]) == ("UNKNOWN", "422", "kie")
    assert bench.record(job_id).status is JobStatus.FAILED
    assert CAPTION in (bench.record(job_id).error_text or "") or "mug" not in line["text"]
