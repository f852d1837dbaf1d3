"""What every VideoProvider keeps: the fake, and KIE's client against the simulator."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from uuid import uuid4

import httpx
import pytest

from neurocards.adapters.kie.client import KieLimits, KieOptions, KieVideoProvider
from neurocards.adapters.kie.dialects import DEFAULT_MODEL, DIALECTS
from neurocards.adapters.media.fetch import FetchPolicy, VideoDownload
from neurocards.adapters.media.mp4 import read_facts
from neurocards.domain.failures import Failure, FailureClass, FailureSource, classify
from neurocards.domain.keys import ProviderKey
from neurocards.domain.orders import AspectRatio, OrderOptions
from neurocards.errors import OutcomeUnknownError, ProviderError
from neurocards.ports.providers import RenderState, VideoProvider
from neurocards.testing.providers import FakeVideoProvider
from neurocards_sandbox.kie.testing import KEY, Kie, kie_simulator, photo_bytes

GOOD = ProviderKey(KEY, "good")
WRONG = ProviderKey("a key of nobody", "wrong")
CALLBACK = "https://bot.example/kie/callback/1/2/3"


class Trouble(Protocol):
    """Makes the next createTask go wrong."""

    async def refuse(self) -> None: ...

    async def lose_the_answer(self) -> None: ...

    async def created(self) -> int: ...


@dataclass
class FakeTrouble:
    provider: FakeVideoProvider

    async def refuse(self) -> None:
        failure = Failure(FailureSource.KIE, text="Rate limit exceeded", code="429")
        self.provider.create_errors.append(ProviderError(failure))

    async def lose_the_answer(self) -> None:
        self.provider.lost_answers += 1

    async def created(self) -> int:
        return len(self.provider.created)


@dataclass
class KieTrouble:
    kie: Kie

    async def refuse(self) -> None:
        await self.kie.control("/faults", {"fault": "rate", "next": 1})

    async def lose_the_answer(self) -> None:
        await self.kie.control("/faults", {"fault": "lost-reply", "next": 1})

    async def created(self) -> int:
        return int((await self.kie.look("/counters"))["created"])


@asynccontextmanager
async def kie_provider(
    kie: Kie, model: str = DEFAULT_MODEL, limits: KieLimits | None = None
) -> AsyncIterator[KieVideoProvider]:
    tls = ssl.create_default_context()
    policy = FetchPolicy(hosts=(), trusted_origins=(kie.url,))
    fresh = httpx.Limits(max_keepalive_connections=0)
    async with (
        httpx.AsyncClient(verify=tls, trust_env=False) as client,
        httpx.AsyncClient(verify=tls, trust_env=False, limits=fresh) as ordering,
    ):
        yield KieVideoProvider(
            KieOptions(kie.url, kie.url, model, limits or KieLimits()),
            client=client,
            ordering_client=ordering,
            download=VideoDownload(policy, client=client),
        )


@pytest.fixture(params=["fake", "kie"])
async def world(request: pytest.FixtureRequest) -> AsyncIterator[tuple[VideoProvider, Trouble]]:
    if request.param == "fake":
        fake = FakeVideoProvider()
        fake.known_keys = frozenset({KEY})
        yield fake, FakeTrouble(fake)
        return
    async with kie_simulator(visible_after_s=0.0) as kie, kie_provider(kie) as provider:
        yield provider, KieTrouble(kie)


async def ordered(provider: VideoProvider, key: ProviderKey = GOOD) -> str:
    image_url = await provider.upload(GOOD, photo_bytes(), file_name=f"{uuid4()}.jpg")
    return await provider.create(
        key,
        prompt="Soft light.",
        image_url=image_url,
        options=OrderOptions(duration_s=5),
        callback_url=CALLBACK,
    )


async def test_an_order_becomes_a_task_with_a_video_that_can_be_fetched(
    world: tuple[VideoProvider, Trouble], tmp_path: Path
):
    provider, _ = world
    task_id = await ordered(provider)
    render = await provider.render(GOOD, task_id)
    while render.state is RenderState.PENDING:
        render = await provider.render(GOOD, task_id)

    assert render.state is RenderState.SUCCEEDED
    assert render.result_url is not None
    await provider.fetch(render.result_url, tmp_path / "video.mp4")
    assert read_facts(tmp_path / "video.mp4").duration_s > 0


async def test_a_task_remembers_the_address_that_it_was_ordered_with(
    world: tuple[VideoProvider, Trouble],
):
    provider, _ = world
    task_id = await ordered(provider)

    assert (await provider.render(GOOD, task_id)).callback_url == CALLBACK


async def test_a_task_that_nobody_ordered_is_unknown(world: tuple[VideoProvider, Trouble]):
    provider, _ = world

    assert (await provider.render(GOOD, "task_of_nobody")).state is RenderState.UNKNOWN_TASK


async def test_a_refused_order_is_no_order(world: tuple[VideoProvider, Trouble]):
    provider, trouble = world
    await trouble.refuse()

    with pytest.raises(ProviderError) as caught:
        await ordered(provider)

    assert not isinstance(caught.value, OutcomeUnknownError)
    assert classify(caught.value.failure).failure_class is FailureClass.RATE_LIMIT
    assert await trouble.created() == 0


async def test_an_order_without_an_answer_may_have_been_taken(
    world: tuple[VideoProvider, Trouble],
):
    provider, trouble = world
    await trouble.lose_the_answer()

    with pytest.raises(OutcomeUnknownError):
        await ordered(provider)

    assert await trouble.created() == 1


async def test_a_key_of_nobody_is_named_as_such(world: tuple[VideoProvider, Trouble]):
    provider, _ = world

    with pytest.raises(ProviderError) as caught:
        await ordered(provider, WRONG)

    assert caught.value.failure.code == "401"


@pytest.mark.parametrize("model", [name for name in DIALECTS if not name.startswith("sora")])
@pytest.mark.parametrize("aspect_ratio", list(AspectRatio))
async def test_every_living_model_is_spoken_to_in_its_own_dialect(
    model: str, aspect_ratio: AspectRatio
):
    async with kie_simulator() as kie, kie_provider(kie, model) as provider:
        for duration_s in (5, 10, 15):
            options = OrderOptions(aspect_ratio=aspect_ratio, duration_s=duration_s)
            url = await kie.upload(photo_bytes())
            assert await provider.create(
                GOOD, prompt="Soft light.", image_url=url, options=options, callback_url=None
            )


@pytest.mark.parametrize("model", [name for name in DIALECTS if name.startswith("sora")])
async def test_the_closed_models_are_refused_while_closed_and_would_be_understood(model: str):
    async with kie_simulator() as kie, kie_provider(kie, model) as provider:
        with pytest.raises(ProviderError, match="not supported"):
            await ordered(provider)
    async with kie_simulator(dead_models=False) as kie, kie_provider(kie, model) as provider:
        assert await ordered(provider)


@pytest.mark.parametrize("fault", ["lost-reply", "garbage", "reply-500", "slow-reply", "http-502"])
async def test_whatever_leaves_the_order_in_doubt_says_so(fault: str):
    async with (
        kie_simulator(reply_delay_s=3_000_000.0) as kie,
        kie_provider(kie, limits=KieLimits(create_s=1.0)) as provider,
    ):
        await kie.control("/faults", {"fault": fault, "next": 1})
        with pytest.raises(OutcomeUnknownError):
            await ordered(provider)


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("billing", FailureClass.BILLING),
        ("billing-500", FailureClass.BILLING),
        ("subkey", FailureClass.BILLING),
        ("rate-430", FailureClass.RATE_LIMIT),
        ("unauthorized", FailureClass.UNKNOWN),
        ("dead-model-404", FailureClass.UNKNOWN),
        ("required", FailureClass.UNKNOWN),
        ("people-create", FailureClass.USER_VIOLATION),
        ("disabled", FailureClass.UNKNOWN),
        ("maintenance", FailureClass.TEMPORARY),
        ("create-500", FailureClass.TEMPORARY),
        ("cloudflare", FailureClass.UNKNOWN),
    ],
)
async def test_a_refusal_keeps_its_class(fault: str, expected: FailureClass):
    async with kie_simulator() as kie, kie_provider(kie) as provider:
        await kie.control("/faults", {"fault": fault, "next": 1})
        with pytest.raises(ProviderError) as caught:
            await ordered(provider)

    assert not isinstance(caught.value, OutcomeUnknownError)
    assert classify(caught.value.failure).failure_class is expected


async def test_a_firewall_that_wants_a_browser_lets_us_through():
    async with (
        kie_simulator(browser_user_agent_required=True) as kie,
        kie_provider(kie) as provider,
    ):
        assert await ordered(provider)


async def test_an_order_that_was_never_sent_leaves_no_doubt():
    async with kie_simulator() as kie, kie_provider(kie) as provider:
        unreachable = KieOptions("http://127.0.0.1:1", kie.url, DEFAULT_MODEL)
        provider._options = unreachable
        with pytest.raises(ProviderError) as caught:
            await ordered(provider)

    assert not isinstance(caught.value, OutcomeUnknownError)
    assert caught.value.failure.source is FailureSource.NETWORK


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("violation", FailureClass.USER_VIOLATION),
        ("flagged", FailureClass.USER_VIOLATION),
        ("sensitive-image", FailureClass.USER_VIOLATION),
        ("real-person", FailureClass.USER_VIOLATION),
        ("temporary", FailureClass.TEMPORARY),
        ("generation-failed", FailureClass.TEMPORARY),
        ("timeout", FailureClass.TEMPORARY),
        ("unknown", FailureClass.UNKNOWN),
    ],
)
async def test_a_failed_render_keeps_its_class(word: str, expected: FailureClass):
    async with kie_simulator() as kie, kie_provider(kie) as provider:
        task_id = await kie.created(f"Soft light [sim:{word}]")
        await kie.ended(task_id)
        render = await provider.render(GOOD, task_id)

    assert render.state is RenderState.FAILED
    assert render.failure is not None
    assert render.failure.failure_class is expected


@pytest.mark.parametrize("word", ["result-null", "result-empty", "result-broken"])
async def test_a_success_without_a_video_is_no_failure_since_it_is_paid_for(word: str):
    async with kie_simulator() as kie, kie_provider(kie) as provider:
        task_id = await kie.created(f"Soft light [sim:{word}]")
        await kie.ended(task_id)
        render = await provider.render(GOOD, task_id)

    assert (render.state, render.result_url) == (RenderState.SUCCEEDED, None)
    assert render.failure is None


async def test_an_envelope_that_contradicts_its_task_does_not_count():
    async with kie_simulator() as kie, kie_provider(kie) as provider:
        task_id = await kie.created("Soft light [sim:envelope-505]")
        await kie.ended(task_id)
        render = await provider.render(GOOD, task_id)

    assert render.state is RenderState.SUCCEEDED
