"""The command `neurocards`: migrations, scaling plans, and whatever installed packages add.

A package adds commands by the entry point group `neurocards.commands`; a value is a typer app (a
group of commands) or a function (one command). So the core never imports the demo, and an image
without it has no such command.

Exit codes: 0 done, 1 failed, 2 wrong usage or configuration, 130 interrupted.
"""

from __future__ import annotations

import asyncio
import sys
from importlib.metadata import entry_points
from typing import Annotated

import typer

import neurocards
from neurocards.errors import ConfigurationError, NeurocardsError
from neurocards.migrate import LOCK_TIMEOUT_S, Migrator, migrations_folder, read_migrations
from neurocards.ops.cli import ops
from neurocards.scaling_commands import scaling
from neurocards.settings import Database, Loader

COMMANDS_GROUP = "neurocards.commands"
EXIT_FAILED = 1
EXIT_USAGE = 2

LockTimeout = Annotated[
    float, typer.Option(min=0.1, help="Seconds to wait for a lock on a table before giving up.")
]

migrate = typer.Typer(
    no_args_is_help=True,
    help="The schema of the database. The address: NEUROCARDS_DATABASE_URL, or DB_HOST and so on.",
    epilog="Example: DB_HOST=localhost DB_USER=neurocards neurocards migrate up",
)


@migrate.command(epilog="Example: neurocards migrate up --lock-timeout 5")
def up(*, lock_timeout: LockTimeout = LOCK_TIMEOUT_S) -> None:
    """Apply what is pending. A schema newer than this program is left as it is."""
    before, applied = asyncio.run(_migrator().up(lock_timeout_s=lock_timeout))
    if before.schema_is_newer:
        typer.echo(
            f"nothing changed: the schema is at {before.schema_version}, "
            f"newer than this program's {before.program_version}"
        )
        return
    for title in applied:
        typer.echo(f"applied {title}")
    typer.echo(f"the schema is at {before.program_version}")


@migrate.command(epilog="Example: neurocards migrate status")
def status() -> None:
    """List all migrations and when they were applied."""
    comparison = asyncio.run(_migrator().compare())
    for migration in comparison.migrations:
        applied = comparison.applied.get(migration.version)
        when = "pending" if applied is None else f"{applied.applied_at:%Y-%m-%d %H:%M:%S} UTC"
        typer.echo(f"{migration.title:<32} {when}")
    for applied in comparison.applied.values():
        if applied.version > comparison.program_version:
            title = f"{applied.version:04d}_{applied.name}"
            typer.echo(f"{title:<32} {applied.applied_at:%Y-%m-%d %H:%M:%S} UTC, newer than this")
    for fault in comparison.faults:
        typer.echo(f"fault: {fault}")


@migrate.command(epilog="Example: neurocards migrate check && start-the-service")
def check() -> None:
    """Exit with 0 when the schema is what this program needs (or newer), with 1 otherwise."""
    comparison = asyncio.run(_migrator().compare())
    faults = [*comparison.faults, *(f"{m.title} is pending" for m in comparison.pending)]
    for fault in faults:
        typer.echo(fault, err=True)
    if faults:
        raise typer.Exit(EXIT_FAILED)
    typer.echo(f"the schema is at {comparison.schema_version}")


@migrate.command(epilog="Example: neurocards migrate wait --at-least 2 --timeout 120")
def wait(
    *,
    at_least: Annotated[
        int | None, typer.Option(min=0, help="Version; this program's own one by default.")
    ] = None,
    timeout: Annotated[float, typer.Option(min=0, help="Seconds.")] = 300.0,
) -> None:
    """Wait until the schema has reached a version, and until there is a database at all."""
    migrations = read_migrations(migrations_folder())
    wanted = len(migrations) if at_least is None else at_least
    version = asyncio.run(_migrator().wait(wanted, timeout_s=timeout))
    typer.echo(f"the schema is at {version}")


@migrate.command(epilog="Example: neurocards migrate down --to 1 --yes")
def down(
    *,
    to: Annotated[int, typer.Option(min=0, help="The version that is to be left.")],
    yes: Annotated[
        bool, typer.Option("--yes", help="Really: what the newer tables hold is lost.")
    ] = False,
    lock_timeout: LockTimeout = LOCK_TIMEOUT_S,
) -> None:
    """Undo migrations, newest first. Nothing calls this but you."""
    if not yes:
        raise typer.BadParameter("data are lost; say --yes if that is meant")
    for title in asyncio.run(_migrator().down(to, lock_timeout_s=lock_timeout)):
        typer.echo(f"undone {title}")
    typer.echo(f"the schema is at {to}")


def _migrator() -> Migrator:
    loader = Loader()
    settings = loader.read(Database)
    loader.finish()
    if settings is None:
        raise ConfigurationError("the database is not configured")
    return Migrator(settings.dsn, read_migrations(migrations_folder()))


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"neurocards {neurocards.__version__}")
        raise typer.Exit


def build() -> typer.Typer:
    """Put the command together out of the core's and the installed packages' commands."""
    app = typer.Typer(
        name="neurocards",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
        epilog="Examples: neurocards migrate status | neurocards demo --once --photo mug.jpg",
    )

    @app.callback()
    def neurocards_command(
        *,
        version: Annotated[
            bool,
            typer.Option("--version", callback=_show_version, is_eager=True, help="Show it."),
        ] = False,
    ) -> None:
        """Neurocards: from a product photo in a chat to a marketing video."""

    app.add_typer(migrate, name="migrate")
    app.add_typer(ops, name="ops")
    app.add_typer(scaling, name="scaling")
    for entry in sorted(entry_points(group=COMMANDS_GROUP), key=lambda entry: entry.name):
        command = entry.load()
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=entry.name)
        else:
            app.command(entry.name)(command)
    return app


def main() -> None:
    """Run it; errors that we know are sentences on stderr, never a traceback."""
    try:
        build()()
    except ConfigurationError as error:
        typer.echo(error, err=True)
        sys.exit(EXIT_USAGE)
    except NeurocardsError as error:
        typer.echo(error, err=True)
        sys.exit(EXIT_FAILED)


if __name__ == "__main__":
    main()
