"""`neurocards scaling`: a policy tried on paper, and the decision that was made, explained."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from neurocards.domain.scaling_policy import ScalingPolicy
from neurocards.errors import ConfigurationError
from neurocards.ops.sheets import Output
from neurocards.replay.clairvoyant import NAME as CLAIRVOYANT
from neurocards.replay.contest import KEDA, Contest
from neurocards.replay.figures import Figures, figures
from neurocards.replay.fleet import Cluster
from neurocards.replay.picture import picture
from neurocards.replay.recorded import trace_of
from neurocards.replay.table import sentences, table
from neurocards.replay.trace import read_trace
from neurocards.replay.traces import Shape, from_counts, invent, write_trace
from neurocards.scaling_explanation import explain_object, explain_record
from neurocards.scaling_policies import PolicyError, load_policy
from neurocards.scaling_sources import last_decision, read_object, recorded_jobs

BEGINS = "2026-01-05T00:00:00+00:00"
DAY_S = 86_400.0
EXIT_FAILED = 1

scaling = typer.Typer(
    no_args_is_help=True,
    help="Scaling: try policies on recorded or invented traffic, and ask why there are so many.",
    epilog="Example: neurocards scaling plan -f docs/policies/single.yaml --trace week.csv",
)


File = Annotated[
    Path, typer.Option("--file", "-f", help="A NeurocardsScaling object in YAML.", metavar="POLICY")
]
TraceFile = Annotated[
    Path | None, typer.Option(help="CSV with the header arrival_s,service_s.", metavar="TRACE")
]
Against = Annotated[
    list[str] | None,
    typer.Option(
        help="A rival: keda, keda-tuned, keda-lag10 (its threshold untouched), rules (cron lines "
        "and a script), static:N or clairvoyant. May be repeated, or take several names.",
        metavar="RIVAL",
    ),
]
More = Annotated[list[str] | None, typer.Argument(metavar="[RIVAL]...", show_default=False)]


@scaling.command(
    epilog="Example: neurocards scaling plan -f docs/policies/single.yaml --trace week.csv "
    "--against keda --against static:20 --svg week.svg"
)
def plan(
    *,
    file: File,
    trace: TraceFile = None,
    from_database: Annotated[
        bool,
        typer.Option("--from-database", help="Replay the jobs of the policy's pool instead."),
    ] = False,
    since_days: Annotated[
        float, typer.Option(min=0.01, max=400, help="With --from-database: how far back.")
    ] = 7.0,
    against: Against = None,
    more: More = None,
    service_s: Annotated[
        float | None, typer.Option(min=0.001, help="Seconds per job, instead of the column.")
    ] = None,
    pod_start_s: Annotated[float, typer.Option(min=0, help="From wanted to ready.")] = 15.0,
    kill_grace_s: Annotated[
        float, typer.Option(min=0, help="What a rival's busy pod has left before it is killed.")
    ] = 30.0,
    seed: Annotated[int, typer.Option(help="Decides what chance does.")] = 1,
    begins: Annotated[
        str | None,
        typer.Option(
            help=f"When the trace begins: schedules need a date. Recorded traffic has its own, "
            f"else it is {BEGINS}.",
            metavar="TIME",
            show_default=False,
        ),
    ] = None,
    svg: Annotated[Path | None, typer.Option(help="Draw a picture.", metavar="OUT.svg")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Replay a trace with a policy and with rivals: what waits, and what it costs."""
    if (trace is None) is not from_database:
        raise typer.BadParameter("say either --trace TRACE or --from-database")
    policy = _policy(file)
    if trace is None:
        jobs = asyncio.run(recorded_jobs(policy.pool, since_s=since_days * DAY_S))
        traffic, began = trace_of(jobs, service_s=service_s)
    else:
        traffic, began = read_trace(trace, service_s=service_s), _moment(BEGINS)
    contest = Contest(
        policy,
        traffic,
        Cluster(policy.jobs_per_replica, pod_start_s, kill_grace_s, seed),
        began if begins is None else _moment(begins),
    )
    rivals = [*(against or []), *(more or [])] or [KEDA, CLAIRVOYANT]
    rivals = [name for part in rivals for name in part.split(",") if name]
    runs = list(contest.runs(rivals))
    all_figures = [figures(contest.trace, run, slo_s=contest.slo_s) for run in runs]
    if svg is not None:
        title = f"{len(contest.trace):,} jobs: {file.name} against its rivals"
        _write(svg, picture(contest.trace, runs, all_figures, title))
    remarks = contest.remarks(rivals)
    if as_json:
        typer.echo(json.dumps(_document(contest, all_figures, remarks), indent=2))
    else:
        typer.echo(_page(all_figures, remarks))


@scaling.command(
    epilog="Example: neurocards scaling explain workers -n shop | neurocards scaling explain "
    "workers -n shop --database --output json"
)
def explain(
    name: Annotated[str, typer.Argument(help="Of the NeurocardsScaling object.")],
    *,
    namespace: Annotated[
        str | None,
        typer.Option("--namespace", "-n", help="The context's own by default."),
    ] = None,
    context: Annotated[str | None, typer.Option(help="Of the kubeconfig.")] = None,
    database: Annotated[
        bool,
        typer.Option("--database", help="Ask the database for the last change instead."),
    ] = False,
    output: Annotated[Output, typer.Option("--output", "-o")] = Output.TABLE,
) -> None:
    """Tell why there are so many workers: the last decision, with every wish and limit."""
    if database:
        record = asyncio.run(last_decision(namespace or "default", name))
        explanation = None if record is None else explain_record(record)
    else:
        explanation = explain_object(read_object(name, namespace=namespace, context=context))
    if explanation is None:
        typer.echo(f"no decision about {name} is known yet", err=True)
        raise typer.Exit(EXIT_FAILED)
    if output is Output.JSON:
        typer.echo(json.dumps(explanation.as_json(), indent=2))
    else:
        typer.echo(explanation.as_text())


@scaling.command("invent", epilog="Example: neurocards scaling invent week.csv --days 7 --seed 3")
def invent_trace(
    out: Annotated[Path, typer.Argument(help="Where to write it.", metavar="TRACE")],
    *,
    days: Annotated[float, typer.Option(min=0.01, max=400)] = 7.0,
    jobs_per_hour: Annotated[float, typer.Option(min=0.1, max=100_000)] = 60.0,
    bursts_per_day: Annotated[float, typer.Option(min=0, max=1000)] = 6.0,
    crowd_at_h: Annotated[
        float | None, typer.Option(min=0, help="A flash crowd, ten times as many for half an hour.")
    ] = None,
    like: Annotated[
        Path | None,
        typer.Option(help="Take the shape from a series of counts (CSV, column value) instead."),
    ] = None,
    period_s: Annotated[float, typer.Option(min=1, help="Seconds per count.")] = 1800.0,
    service_s: Annotated[float, typer.Option(min=1, help="Mean seconds per job.")] = 300.0,
    seed: Annotated[int, typer.Option(help="The same seed gives the same trace.")] = 1,
) -> None:
    """Invent traffic to try a policy on: days and weeks, bursts, a flash crowd."""
    shape = Shape(
        jobs_per_hour=jobs_per_hour,
        bursts_per_day=bursts_per_day,
        crowd_at_s=None if crowd_at_h is None else crowd_at_h * 3600,
        service_s=service_s,
    )
    if like is None:
        trace = invent(shape, days=days, seed=seed)
    else:
        trace = from_counts(like, shape, period_s=period_s, seed=seed)
    try:
        write_trace(trace, out)
    except OSError as error:
        raise ConfigurationError(f"{out} cannot be written: {error.strerror}") from error
    typer.echo(f"wrote {len(trace):,} jobs to {out}")


def _policy(path: Path) -> ScalingPolicy:
    try:
        return load_policy(path)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from error
    except PolicyError as error:
        raise ConfigurationError(f"{path} is no policy that can be tried:\n{error}") from error


def _moment(text: str) -> datetime:
    """Read a date and time; without a zone it is UTC."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no time; write {BEGINS}") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {error.strerror}") from error


def _document(
    contest: Contest, all_figures: Sequence[Figures], remarks: Sequence[str]
) -> dict[str, Any]:
    cluster = contest.cluster
    return {
        "jobs": len(contest.trace),
        "begins": contest.begins.isoformat(),
        "slo_s": contest.slo_s,
        "jobs_per_replica": cluster.slots,
        "pod_start_s": cluster.pod_start_s,
        "kill_grace_s": cluster.kill_grace_s,
        "seed": cluster.seed,
        "policies": [one.as_json() for one in all_figures],
        "remarks": list(remarks),
    }


def _page(all_figures: Sequence[Figures], remarks: Sequence[str]) -> str:
    parts = [table(all_figures), sentences(all_figures), "\n".join(remarks)]
    return "\n\n".join(part for part in parts if part)
