"""`neurocards ops user`: what a user has, and giving him credits."""

from __future__ import annotations

from typing import Annotated
from uuid import uuid4

import typer

from neurocards.adapters.postgres.operations import Granted
from neurocards.ops.bench import EXIT_FAILED, EXIT_USAGE, Bench, OutputOption, refuse, with_database
from neurocards.ops.sheets import Output, Row, Sheet, facts, show, tell

ROWS_MAX = 10

user = typer.Typer(
    no_args_is_help=True,
    help="Users, by the number that Telegram gives them.",
    epilog="Examples: neurocards ops user show 123 | neurocards ops user grant 123 10",
)
UserId = Annotated[int, typer.Argument(min=1, help="Telegram's number of the user.")]


@user.command("show", epilog="Example: neurocards ops user show 123")
def show_user(user_id: UserId, *, output: OutputOption = Output.TABLE) -> None:
    """Credits, newest bookings and newest orders of a user."""

    async def look(bench: Bench) -> tuple[Row | None, list[Row], list[Row]]:
        overviews = bench.overviews
        return (
            await overviews.user(user_id),
            list(await overviews.user_bookings(user_id, limit=ROWS_MAX)),
            list(await overviews.user_jobs(user_id, limit=ROWS_MAX)),
        )

    person, bookings, orders = with_database(look)
    if person is None:
        raise refuse(f"there is no user {user_id}: nobody of that number has talked to the bot")
    show(output, facts("user", person), Sheet("bookings", bookings), Sheet("orders", orders))
    if person["balance"] != person["booked"]:
        raise refuse("the balance is not the sum of the bookings: see the runbook, 'Money'")


@user.command(
    context_settings={"ignore_unknown_options": True},  # -2 is a number
    epilog="Example: neurocards ops user grant 123 10 --request-id ticket-88 --reason 'bad video'",
)
def grant(
    user_id: UserId,
    credit_count: Annotated[
        int,
        typer.Argument(metavar="CREDITS", min=-100_000, max=100_000, help="Below 0: take back."),
    ],
    *,
    request_id: Annotated[
        str | None,
        typer.Option(help="The same id gives once, however often; a new one by default."),
    ] = None,
    reason: Annotated[str, typer.Option(help="For the record.")] = "",
    output: OutputOption = Output.TABLE,
) -> None:
    """Give a user credits. Repeat it with the same --request-id when the answer was lost."""
    if credit_count == 0:
        typer.echo("a grant of nothing is no grant", err=True)
        raise typer.Exit(EXIT_USAGE)
    request = request_id or uuid4().hex
    if output is Output.TABLE:
        typer.echo(f"request id: {request}")

    async def give(bench: Bench) -> Granted:
        return await bench.operations.grant(
            user_id, credit_count, request_id=request, reason=reason
        )

    granted = with_database(give)
    sentences = {
        "granted": f"booked; user {user_id} has {granted.balance} credits",
        "repeated": f"booked before; user {user_id} has {granted.balance} credits",
        "no_user": f"there is no user {user_id}: he must have talked to the bot first",
        "other_request": "this request id stands for another grant; nothing was booked",
        "too_low": f"he has {granted.balance} credits, fewer than are to be taken",
    }
    row = {"outcome": granted.outcome, "balance": granted.balance, "request_id": request}
    tell(output, row, sentences[granted.outcome])
    if granted.outcome not in {"granted", "repeated"}:
        raise typer.Exit(EXIT_FAILED)
