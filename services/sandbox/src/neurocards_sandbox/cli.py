"""The commands `neurocards demo` and `neurocards sandbox ...`.

Only words and defaults stand here. What a command needs is imported when it runs, so that
`neurocards --help` stays quick.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Host = Annotated[str, typer.Option(help="Address to listen on.")]
Data = Annotated[
    Path | None, typer.Option("--data", help="Folder to keep data in; without it, a temporary one.")
]
TimeFactor = Annotated[float, typer.Option(help="How many times faster than reality.", min=0.001)]
LimitFactor = Annotated[float, typer.Option(help="Multiplies the request limits.", min=0.001)]
Ingress = Annotated[
    list[str] | None,
    typer.Option(
        metavar="https://PUBLIC=http://LOCAL",
        help="Where calls to a public address really go; may be given several times.",
    ),
]
DEMO_DATA = Path(".neurocards") / "demo"


def demo(
    *,
    data: Annotated[
        Path | None,
        typer.Option(
            "--data", help=f"Data folder [default: {DEMO_DATA}, a temporary one with --once]."
        ),
    ] = None,
    host: Host = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Of the chat page; 0 = any.", min=0, max=65535)] = 8080,
    polling: Annotated[
        bool, typer.Option("--polling", help="The bot asks for updates instead of a webhook.")
    ] = False,
    real_time: Annotated[
        bool, typer.Option("--real-time", help="A render takes 5 minutes instead of 15 s.")
    ] = False,
    policy: Annotated[
        Path | None,
        typer.Option(help="A NeurocardsScaling object (YAML) to scale the workers by."),
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="Make one video and end.")] = False,
    photo: Annotated[Path | None, typer.Option(help="With --once: the photo.")] = None,
    template: Annotated[str | None, typer.Option(help="With --once: the style.")] = None,
    aspect: Annotated[str, typer.Option(help="With --once: 9:16, 1:1 or 16:9.")] = "9:16",
    length: Annotated[int, typer.Option(help="With --once: 5, 10 or 15 seconds.")] = 10,
    language: Annotated[str, typer.Option(help="With --once: ru, en, es or de.")] = "ru",
    caption: Annotated[str, typer.Option(help="With --once: what the product is.")] = "",
    out: Annotated[Path | None, typer.Option(help="With --once: where the video goes.")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="With --once: print one JSON object.")
    ] = False,
) -> None:
    """Run the whole product on this machine: http://localhost:8080 is its chat.

    PostgreSQL, NATS, the bot and the worker are real; Telegram, KIE and OpenAI are simulated. With
    --once it makes one video of one photo instead and ends: exit code 0, 1 (failed) or 2 (usage).
    Workers start and stop as --policy says, by the decision that the Kubernetes operator makes.
    """
    from neurocards_sandbox.demo import session  # noqa: PLC0415
    from neurocards_sandbox.demo.options import DEMO_RENDER_S, REAL_RENDER_S, DemoOptions  # noqa: PLC0415
    from neurocards_sandbox.demo.ordering import Wish  # noqa: PLC0415

    options = DemoOptions(
        data_dir=data or DEMO_DATA,
        host=host,
        port=port,
        polling=polling,
        render_s=REAL_RENDER_S if real_time else DEMO_RENDER_S,
    )
    if not once:
        if photo is not None or as_json:
            raise typer.BadParameter("--photo and --json belong to --once")
        raise typer.Exit(session.run_demo(options, policy))
    if photo is None:
        raise typer.BadParameter("--once needs --photo FILE")
    if policy is not None:
        raise typer.BadParameter("--policy has no meaning with --once: one order, one worker")
    wish = Wish(
        photo=photo,
        template=template,
        aspect=aspect,
        length_s=length,
        language=language,
        caption=caption,
    )
    code = session.run_once(options, wish, keep_data=data is not None, out=out, as_json=as_json)
    raise typer.Exit(code)


sandbox = typer.Typer(
    help="Run the simulators of Telegram, KIE and OpenAI by themselves.", no_args_is_help=True
)


@sandbox.command("telegram")
def sandbox_telegram(
    *,
    host: Host = "127.0.0.1",
    port: int = 8081,
    data: Data = None,
    time_factor: TimeFactor = 1.0,
    limit_factor: LimitFactor = 1.0,
    no_limits: Annotated[bool, typer.Option("--no-limits", help="Never answer 429.")] = False,
    local: Annotated[
        bool, typer.Option("--local", help="Like a local Bot API server: any webhook address.")
    ] = False,
    ingress: Ingress = None,
) -> None:
    """Simulate the Bot API; any well-formed token is a bot.

    Give its address to a bot as NEUROCARDS_TELEGRAM_API_URL. Its control API lies under /sim.
    """
    from neurocards_sandbox.demo import single  # noqa: PLC0415
    from neurocards_sandbox.telegram import TelegramSandboxSettings, create_app  # noqa: PLC0415
    from neurocards_sandbox.telegram.server import make_server  # noqa: PLC0415

    settings = TelegramSandboxSettings(
        data_dir=data,
        ingress=read_ingress(ingress),
        local=local,
        time_factor=time_factor,
        limits=not no_limits,
        limit_factor=limit_factor,
    )
    raise typer.Exit(
        single.run("Telegram", make_server(create_app(settings), host, port), host, port)
    )


@sandbox.command("kie")
def sandbox_kie(
    *,
    host: Host = "127.0.0.1",
    port: int = 8082,
    data: Data = None,
    key: Annotated[list[str] | None, typer.Option(help="A valid key; repeatable.")] = None,
    time_factor: TimeFactor = 1.0,
    limit_factor: LimitFactor = 1.0,
    render_s: Annotated[float, typer.Option(help="Simulated seconds of a render.")] = 300.0,
    ingress: Ingress = None,
) -> None:
    """Simulate KIE: API, upload host and result host under one address; renders real videos."""
    from neurocards_sandbox.demo import sandbox_process, single  # noqa: PLC0415
    from neurocards_sandbox.kie import KieSandboxSettings, create_app  # noqa: PLC0415

    settings = KieSandboxSettings(
        data_dir=data,
        keys=tuple(key or ("sandbox-kie-key",)),
        time_factor=time_factor,
        limit_factor=limit_factor,
        render_s=render_s,
        ingress=read_ingress(ingress),
    )
    server = sandbox_process.plain_server(create_app(settings))
    raise typer.Exit(single.run("KIE", server, host, port))


@sandbox.command("openai")
def sandbox_openai(
    *,
    host: Host = "127.0.0.1",
    port: int = 8083,
    key: Annotated[list[str] | None, typer.Option(help="A valid key; repeatable.")] = None,
    latency_s: Annotated[float, typer.Option(help="How long an answer takes.", min=0)] = 0.0,
    time_factor: TimeFactor = 1.0,
) -> None:
    """Simulate OpenAI's Responses API; give clients http://HOST:PORT/v1 as base address."""
    from neurocards_sandbox.demo import sandbox_process, single  # noqa: PLC0415
    from neurocards_sandbox.openai import OpenAiSandboxSettings, create_app  # noqa: PLC0415

    settings = OpenAiSandboxSettings(
        keys=tuple(key or ("sandbox-openai-key",)), latency_s=latency_s, time_factor=time_factor
    )
    server = sandbox_process.plain_server(create_app(settings))
    raise typer.Exit(single.run("OpenAI", server, host, port))


@sandbox.command("all")
def sandbox_all(
    *,
    bot_token: Annotated[str, typer.Option(help="Of the bot that the page talks to.")],
    host: Host = "127.0.0.1",
    page_port: int = 8080,
    telegram_port: int = 8081,
    kie_port: int = 8082,
    openai_port: int = 8083,
    data: Annotated[Path, typer.Option("--data", help="Data folder.")] = Path(
        ".neurocards", "sandbox"
    ),
    time_factor: TimeFactor = 20.0,
    limit_factor: LimitFactor = 1.0,
    ingress: Ingress = None,
) -> None:
    """Run the simulators and the chat page, for a bot and a worker that you start yourself."""
    from pydantic import SecretStr  # noqa: PLC0415

    from neurocards_sandbox.demo import sandbox_process, single  # noqa: PLC0415

    settings = sandbox_process.SandboxSettings(
        data_dir=data,
        page_host=host,
        host=host,
        page_port=page_port,
        telegram_port=telegram_port,
        kie_port=kie_port,
        openai_port=openai_port,
        bot_token=SecretStr(bot_token),
        ingress=read_ingress(ingress),
        time_factor=time_factor,
        limit_factor=limit_factor,
    )
    raise typer.Exit(single.run_all(settings))


def read_ingress(pairs: list[str] | None) -> dict[str, str]:
    """Read PUBLIC=LOCAL pairs; BadParameter (exit code 2) for anything else."""
    routes: dict[str, str] = {}
    for pair in pairs or []:
        public, separator, local = pair.partition("=")
        if not separator or not public.startswith("https://") or not local.startswith("http://"):
            raise typer.BadParameter(
                f"{pair!r}: write https://public.example=http://127.0.0.1:10000"
            )
        routes[public.rstrip("/")] = local.rstrip("/")
    return routes
