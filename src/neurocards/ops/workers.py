"""`neurocards ops workers`, `stop`, `restart` and `logs`: what runs in the cluster."""

from __future__ import annotations

import asyncio
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, TypeVar

import typer

from neurocards.adapters.kubernetes.cluster import (
    OURS,
    ClusterRefusedError,
    ClusterUnavailableError,
    ComponentState,
    ScalingState,
)
from neurocards.errors import NeurocardsError
from neurocards.ops.bench import Bench, OutputOption, cluster_of, opened, refuse, with_database
from neurocards.ops.periods import period_s
from neurocards.ops.settings import OpsSettings, load
from neurocards.ops.sheets import Output, Row, Sheet, facts, show, tell
from neurocards.telemetry.redaction import Redactor

REPLICAS_MAX = 10_000
STOPPED_FOR_S = 30 * 24 * 3600.0
LINES_MAX = 100_000
PODS_FOLLOWED_MAX = 200
_RELATIVE = re.compile(r"([+-]?)(\d{1,5})")
Answer = TypeVar("Answer")

workers = typer.Typer(
    no_args_is_help=True,
    help="Workers: who holds jobs, and how many there should be.",
    epilog="Examples: neurocards ops workers status | neurocards ops workers scale 50 --for 2h",
)


class Component(StrEnum):
    BOT = "bot"
    WORKER = "worker"
    OPERATOR = "operator"


@workers.command(epilog="Example: neurocards ops workers status")
def status(*, output: OutputOption = Output.TABLE) -> None:
    """Workers that hold jobs, by their leases, and what the scaling object says of all of them.

    A worker without a job has no lease and is counted by the cluster only.
    """
    settings = load()

    async def look(bench: Bench) -> list[Row]:
        return list(await bench.overviews.worker_leases())

    leases = Sheet("leases", with_database(look), empty="no worker holds a job")
    try:
        cluster = cluster_of(settings)
        scaling = cluster.scaling(settings.operating.ops_scaling_name)
        sheets = [facts("scaling", _scaling_row(scaling)), components_sheet(cluster.components())]
    except NeurocardsError as error:
        sheets = [facts("scaling", {"unknown": str(error)})]
    show(output, leases, *sheets)


@workers.command(
    context_settings={"ignore_unknown_options": True},  # -2 is a step
    epilog="Examples: neurocards ops workers scale 50 --for 2h | neurocards ops workers scale +2 | "
    "neurocards ops workers scale --auto",
)
def scale(
    replicas: Annotated[
        str | None, typer.Argument(help="A number, or +2 and -2 from what runs now.")
    ] = None,
    *,
    duration: Annotated[
        str, typer.Option("--for", help="Then the policy decides again.", metavar="PERIOD")
    ] = "2h",
    auto: Annotated[bool, typer.Option("--auto", help="Let the policy decide again now.")] = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Ask for a number of workers by hand, for a while. None of those that stay is restarted."""
    if (replicas is None) != auto:
        raise typer.BadParameter("give a number of replicas, or --auto")
    until = datetime.now(UTC) + timedelta(seconds=_longer_than_nothing(duration))
    asked = None if replicas is None else _asked(replicas)
    settings = load()
    name = settings.operating.ops_scaling_name
    cluster = cluster_of(settings)
    if asked is None:
        _deed(settings, "workers.scale", {"auto": True}, lambda: cluster.end_override(name))
        tell(output, {"override": None}, "the policy decides again")
        return
    wanted = asked.number if not asked.sign else _step(asked, cluster.scaling(name).replicas)
    arguments = {"replicas": wanted, "until": until.isoformat(timespec="seconds")}
    _deed(
        settings,
        "workers.scale",
        arguments,
        lambda: cluster.override(name, replicas=wanted, until=until),
    )
    tell(output, arguments, f"{wanted} workers until {until:%Y-%m-%d %H:%M} UTC")


def stop(
    *,
    bot: Annotated[
        bool, typer.Option("--bot", help="The bot too; Telegram keeps updates for 24 hours.")
    ] = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """End all workers; what they carry waits. `neurocards ops restart` starts everything again."""
    settings = load()
    cluster, name = cluster_of(settings), settings.operating.ops_scaling_name
    until = datetime.now(UTC) + timedelta(seconds=STOPPED_FOR_S)

    def end() -> None:
        cluster.override(name, replicas=0, until=until)
        for component in cluster.components() if bot else ():
            if component.component == Component.BOT and component.replicas:
                cluster.stop(component)

    _deed(settings, "stop", {"bot": bot}, end)
    tell(output, {"stopped": True, "bot": bot}, "the workers end; their jobs wait in the database")


def restart(*, output: OutputOption = Output.TABLE) -> None:
    """Replace the pods of bot and worker one after another; start what was stopped by hand."""
    settings = load()
    cluster, name = cluster_of(settings), settings.operating.ops_scaling_name
    now = datetime.now(UTC)
    restarted: list[str] = []

    def begin() -> None:
        override = cluster.scaling(name).override
        if override is not None and override.get("replicas") == 0:
            cluster.end_override(name)
        for component in cluster.components():
            if component.component not in {Component.BOT, Component.WORKER}:
                continue
            if component.stopped_with is not None:
                cluster.start(component)
            cluster.restart(component.name, now=now)
            restarted.append(component.name)

    _deed(settings, "restart", {}, begin)
    tell(output, {"restarted": restarted}, f"rolling: {', '.join(restarted) or 'nothing'}")


def logs(
    component: Annotated[Component, typer.Argument(help="Whose.")] = Component.WORKER,
    *,
    pod: Annotated[str | None, typer.Option(help="One pod only.")] = None,
    job: Annotated[str | None, typer.Option(help="Lines that name this job only.")] = None,
    tail: Annotated[int, typer.Option(min=1, max=LINES_MAX, help="Lines of each pod.")] = 100,
    follow: Annotated[
        bool,
        typer.Option(
            "--follow", "-f", help="Show no line; print the kubectl command that follows them."
        ),
    ] = False,
) -> None:
    """The last log lines of all pods of a component, each behind the name of its pod.

    To follow them is kubectl's work: sh -c "$(neurocards ops logs worker -f)"
    """
    settings = load()
    kubectl = _kubectl(settings, component, pod=pod, job=job, tail=tail)
    if follow:
        typer.echo(kubectl)
        return
    try:
        cluster = cluster_of(settings)
        pods = [pod] if pod else cluster.pods(component)
        texts = [(name, cluster.log(name, lines=tail)) for name in pods]
    except ClusterUnavailableError as error:
        raise refuse(f"{error}\nby kubectl: {kubectl}") from error
    redacted = Redactor(settings.secrets())
    for name, text in texts:
        for line in text.splitlines():
            if job is None or job in line:
                typer.echo(f"{name} {redacted(line)}")


def components_sheet(components: Sequence[ComponentState]) -> Sheet:
    rows = [
        {
            "component": one.component,
            "deployment": one.name,
            "replicas": one.replicas,
            "ready": one.ready,
            "stopped_with": one.stopped_with,
        }
        for one in components
    ]
    return Sheet("deployments", rows, empty="no Deployment of ours in this namespace")


def _scaling_row(scaling: ScalingState) -> Row:
    return {
        "mode": scaling.mode,
        "override": scaling.override,
        "desired": scaling.desired,
        "replicas": scaling.replicas,
        "ready": scaling.ready,
        "reason": scaling.reason or None,
        "message": scaling.message or None,
    }


@dataclass(frozen=True, slots=True)
class _Asked:
    """A number of replicas, or with a sign a step from what runs now."""

    sign: str
    number: int


def _asked(replicas: str) -> _Asked:
    match = _RELATIVE.fullmatch(replicas)
    if match is None or int(match[2]) > REPLICAS_MAX:
        raise typer.BadParameter(
            f"{replicas!r} is neither a number up to {REPLICAS_MAX} nor a step such as +2"
        )
    return _Asked(match[1], int(match[2]))


def _step(asked: _Asked, present: int | None) -> int:
    if present is None:
        raise refuse("the scaling object does not say how many workers run: give a number")
    step = asked.number if asked.sign == "+" else -asked.number
    return min(REPLICAS_MAX, max(0, present + step))


def _longer_than_nothing(period: str) -> float:
    seconds = period_s(period)
    if seconds <= 0:
        raise typer.BadParameter("the override must last for a while: --for 2h")
    return seconds


def _deed(
    settings: OpsSettings,
    action: str,
    arguments: Mapping[str, object],
    work: Callable[[], Answer],
) -> Answer:
    """Do something in the cluster between two rows of the record: that it begins, and its end.

    Without the first row nothing is done; a deed without the second one may have been done.
    """

    async def run() -> Answer:
        async with opened(settings) as bench:
            await bench.operations.note(action, arguments, "begun")
            try:
                answer = await asyncio.to_thread(work)
            except (ClusterRefusedError, ClusterUnavailableError) as error:
                await bench.operations.note(action, arguments, f"failed: {error}")
                raise
            await bench.operations.note(action, arguments, "done")
            return answer

    return asyncio.run(run())


def _kubectl(
    settings: OpsSettings, component: Component, *, pod: str | None, job: str | None, tail: int
) -> str:
    """Write the command that follows these lines, as a shell takes it."""
    operating = settings.operating
    words = ["kubectl"]
    if operating.ops_context:
        words += ["--context", operating.ops_context]
    if operating.ops_namespace:
        words += ["-n", operating.ops_namespace]
    words += ["logs", "--follow", "--prefix", "--tail", str(tail)]
    if pod:
        words.append(pod)
    else:
        # Without the number kubectl refuses to follow more than five pods.
        selector = f"{OURS},app.kubernetes.io/component={component}"
        words += ["-l", selector, "--max-log-requests", str(PODS_FOLLOWED_MAX)]
    line = shlex.join(words)
    return line if job is None else f"{line} | grep --line-buffered -F {shlex.quote(job)}"
