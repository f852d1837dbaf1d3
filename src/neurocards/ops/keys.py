"""`neurocards ops keys`: the provider keys, by fingerprint; a key itself is shown nowhere."""

from __future__ import annotations

from typing import Annotated

import typer

from neurocards.adapters.postgres.operations import Unblocked
from neurocards.ops.bench import EXIT_USAGE, Bench, OutputOption, with_database
from neurocards.ops.sheets import Output, Row, Sheet, show

keys = typer.Typer(
    no_args_is_help=True,
    help="Health of the provider keys, by fingerprint.",
    epilog="Examples: neurocards ops keys list | neurocards ops keys unblock --all",
)


@keys.command("list", epilog="Example: neurocards ops keys list --output json")
def list_keys(*, output: OutputOption = Output.TABLE) -> None:
    """Every key that a worker has ever had: healthy, blocked until when and why, how much used."""

    async def look(bench: Bench) -> list[Row]:
        operating = bench.settings.operating
        return list(
            await bench.overviews.keys(
                window_s=operating.ops_window_s, limit=operating.ops_window_limit
            )
        )

    show(output, Sheet("keys", with_database(look), empty="no worker has registered a key"))


@keys.command(epilog="Example: neurocards ops keys events --tail 20")
def events(
    *,
    tail: Annotated[int, typer.Option(min=1, max=10_000, help="How many, newest first.")] = 20,
    output: OutputOption = Output.TABLE,
) -> None:
    """What happened to the keys: added, blocked, unblocked by hand, recovered by time."""

    async def look(bench: Bench) -> list[Row]:
        return list(await bench.overviews.key_events(limit=tail))

    show(output, Sheet("events", with_database(look), empty="nothing happened"))


@keys.command(
    epilog="Examples: neurocards ops keys unblock 3f2a… | neurocards ops keys unblock --all"
)
def unblock(
    fingerprints: Annotated[
        list[str] | None, typer.Argument(help="Fingerprints, as in the list.")
    ] = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="All blocked keys.")] = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """End the rest of keys now and wake the jobs that wait for one. Workers need no restart."""
    if bool(fingerprints) == everything:
        typer.echo("name fingerprints, or say --all", err=True)
        raise typer.Exit(EXIT_USAGE)

    async def end(bench: Bench) -> list[Unblocked]:
        return list(await bench.operations.unblock_keys(None if everything else fingerprints))

    unblocked = with_database(end)
    rows = [
        {"key": one.fingerprint, "was_blocked_for": one.reason, "until": one.blocked_until}
        for one in unblocked
    ]
    show(output, Sheet("unblocked", rows, empty="no such key was blocked"))
    if output is Output.TABLE and unblocked:
        typer.echo(f"{unblocked[0].woken} waiting jobs try again now")
