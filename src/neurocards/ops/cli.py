"""The commands of `neurocards ops`, put together."""

from __future__ import annotations

import logging
import sys

import structlog
import typer

from neurocards.ops.bundle import support_bundle
from neurocards.ops.capacity import show_capacity
from neurocards.ops.doctor import doctor
from neurocards.ops.jobs import jobs, queue
from neurocards.ops.keys import keys
from neurocards.ops.maintenance import database, maintenance, record, recover
from neurocards.ops.users import user
from neurocards.ops.workers import logs, restart, stop, workers

ops = typer.Typer(
    no_args_is_help=True,
    help="Operations by hand: look, mend, and leave a record of it. Exit codes: 0 done, 1 refused "
    "or failed, 2 wrong usage or settings. The database role for it is neurocards_ops.",
    epilog="Examples: neurocards ops doctor | neurocards ops queue | neurocards ops keys list",
)


@ops.callback()
def begin() -> None:
    """Keep what adapters log out of what a command shows: its answer is its output."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


ops.command(epilog="Example: neurocards ops queue --since 1h")(queue)
ops.add_typer(jobs, name="jobs")
ops.add_typer(keys, name="keys")
ops.add_typer(user, name="user")
ops.add_typer(workers, name="workers")
ops.command(epilog="Example: neurocards ops logs worker --tail 50 --job 01912d5e-…")(logs)
ops.command(
    "capacity", epilog="Example: neurocards ops capacity --replicas 50 --jobs-per-replica 20"
)(show_capacity)
ops.add_typer(database, name="db")
ops.add_typer(maintenance, name="maintenance")
ops.command("support-bundle", epilog="Example: neurocards ops support-bundle --to bundle.tar.gz")(
    support_bundle
)
ops.command(epilog="Example: neurocards ops stop --bot")(stop)
ops.command(epilog="Example: neurocards ops restart")(restart)
ops.command(epilog="Example: neurocards ops doctor --output json")(doctor)
ops.command(epilog="Example: neurocards ops recover --older-than 30m")(recover)
ops.command("record", epilog="Example: neurocards ops record --tail 50")(record)
