"""`neurocards ops queue` and `neurocards ops jobs`."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

import typer

from neurocards.adapters.postgres.operations import Cancelled, Requeued, Retried
from neurocards.domain.identifiers import RANDOM_BITS, uuid7
from neurocards.ops.bench import EXIT_FAILED, Bench, OutputOption, refuse, with_database
from neurocards.ops.periods import period_s, shown
from neurocards.ops.sheets import Output, Row, Sheet, facts, show, tell

jobs = typer.Typer(
    no_args_is_help=True,
    help="Orders on their way.",
    epilog="Examples: neurocards ops jobs show 019… | neurocards ops jobs failed --since 7d",
)
JobId = Annotated[UUID, typer.Argument(help="Id of the job, as in the logs.")]
Since = Annotated[str, typer.Option(help="How far back: 30m, 1h, 7d.", metavar="PERIOD")]

OlderThan = Annotated[str, typer.Option(help="Age of the current attempt.", metavar="PERIOD")]


class Payer(StrEnum):
    HOUSE = "house"
    USER = "user"


def queue(*, since: Since = "1h", output: OutputOption = Output.TABLE) -> None:
    """How many jobs wait, rest and are worked on, and what became of the newest ones."""
    since_s = period_s(since)

    async def look(bench: Bench) -> tuple[Row, list[Row]]:
        now = await bench.overviews.queue_now()
        return now, list(await bench.overviews.queue_by_status(since_s=since_s))

    now, by_status = with_database(look)
    accepted = Sheet(f"accepted_within_{shown(since_s)}", by_status, empty="no order")
    show(output, facts("queue", now), accepted)


@jobs.command("show", epilog="Example: neurocards ops jobs show 01912d5e-… --output json")
def show_job(job_id: JobId, *, output: OutputOption = Output.TABLE) -> None:
    """Where a job stands, what it went through, and what was booked for it."""

    async def look(bench: Bench) -> tuple[Row | None, list[Row]]:
        bookings = await bench.overviews.job_bookings(job_id)
        return await bench.overviews.job(job_id), list(bookings)

    job, bookings = with_database(look)
    if job is None:
        raise refuse(f"there is no job {job_id}")
    show(output, facts("job", job), Sheet("credits_of_the_user", bookings))


@jobs.command(epilog="Example: neurocards ops jobs failed --since 7d")
def failed(*, since: Since = "7d", output: OutputOption = Output.TABLE) -> None:
    """Failed orders by their class and code, with the newest of each."""
    since_s = period_s(since)

    async def look(bench: Bench) -> list[Row]:
        return list(await bench.overviews.failed_jobs(since_s=since_s))

    show(output, Sheet("failed", with_database(look), empty="no order failed"))


@jobs.command("requeue-stuck", epilog="Example: neurocards ops jobs requeue-stuck --older-than 30m")
def requeue_stuck(
    *,
    older_than: OlderThan = "30m",
    output: OutputOption = Output.TABLE,
) -> None:
    """Take jobs from workers that have held them for too long; another one goes on with each."""
    older_than_s = period_s(older_than)

    async def take(bench: Bench) -> list[Requeued]:
        return list(await bench.operations.requeue_stuck(older_than_s=older_than_s))

    show(output, requeued_sheet(with_database(take)))


@jobs.command(epilog="Example: neurocards ops jobs cancel 01912d5e-…")
def cancel(job_id: JobId, *, output: OutputOption = Output.TABLE) -> None:
    """Cancel an order that is not rendered yet, with the refund; its user is told."""

    async def end(bench: Bench) -> Cancelled:
        return await bench.operations.cancel(job_id)

    ended = with_database(end)
    sentences = {
        "cancelled": "cancelled and refunded; a worker tells the user",
        "cancelled_before": "it was cancelled before",
        "too_late": f"it is {ended.status}: a render that may be paid for is not cancelled",
        "no_job": f"there is no job {job_id}",
    }
    tell(output, {"job": job_id, "outcome": ended.outcome}, sentences[ended.outcome])
    if ended.outcome in {"too_late", "no_job"}:
        raise typer.Exit(EXIT_FAILED)


@jobs.command(epilog="Example: neurocards ops jobs retry 01912d5e-… --paid-by user")
def retry(
    job_id: JobId,
    *,
    paid_by: Annotated[
        Payer,
        typer.Option(help="Who pays for an order that failed and was refunded."),
    ] = Payer.HOUSE,
    output: OutputOption = Output.TABLE,
) -> None:
    """Try a waiting job now, bring an undelivered video again, or order a failed one anew, once."""

    async def again(bench: Bench) -> Retried:
        return await bench.operations.retry(
            job_id,
            new_id=uuid7(datetime.now(UTC), secrets.randbits(RANDOM_BITS)),
            house_pays=paid_by is Payer.HOUSE,
            deadline_s=bench.settings.timings.job_deadline_s,
        )

    retried = with_database(again)
    sentences = {
        "due": "it is due now",
        "deliver": "the video is brought again",
        "ordered": f"ordered anew as {retried.ordered}; the {paid_by} pays",
        "ordered_before": f"it was ordered anew before, as {retried.ordered}",
        "under_way": "a worker has it, or will have it in a moment",
        "delivered": "its video was delivered",
        "no_credit": "the user has too few credits",
        "no_job": f"there is no job {job_id}",
    }
    row = {"job": job_id, "outcome": retried.outcome, "ordered": retried.ordered}
    tell(output, row, sentences[retried.outcome])
    if retried.outcome in {"delivered", "no_credit", "no_job"}:
        raise typer.Exit(EXIT_FAILED)


def requeued_sheet(requeued: list[Requeued]) -> Sheet:
    rows = [
        {
            "job": one.job_id,
            "status": one.status,
            "attempt": one.attempt,
            "worker": one.worker,
            "claimed_at": one.claimed_at,
        }
        for one in requeued
    ]
    return Sheet("requeued", rows, empty="no job is stuck")
