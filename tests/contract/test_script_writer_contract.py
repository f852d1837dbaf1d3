"""What every ScriptWriter keeps: the fake, and the official client against the simulator."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from neurocards.adapters.openai.script_writer import OpenAiScriptWriter, ScriptOptions
from neurocards.domain.failures import FailureClass, classify
from neurocards.domain.orders import Order, OrderOptions, ScriptLanguage, Template
from neurocards.domain.script import SCENES_MAX
from neurocards.errors import ProviderError
from neurocards.ports.providers import ScriptWriter
from neurocards.testing.providers import FakeScriptWriter
from neurocards_sandbox.kie.testing import photo_bytes
from neurocards_sandbox.openai import OpenAiSandboxSettings, create_app
from neurocards_sandbox.simulation.serving import serving

TEMPLATE = Template("first", {"en": "Studio", "ru": "Студия"}, {"en": "Soft light.", "ru": "Свет."})
ORDER = Order(
    "first", "photo", OrderOptions(script_language=ScriptLanguage.ENGLISH), "Blue mug, 350 ml"
)


@asynccontextmanager
async def openai_writer(
    *, api_key: str = "sandbox-openai-key", timeout_s: float = 20.0
) -> AsyncIterator[OpenAiScriptWriter]:
    async with serving(create_app(OpenAiSandboxSettings())) as url:
        options = ScriptOptions("gpt-6-luna", timeout_s=timeout_s)
        writer = OpenAiScriptWriter(options, api_key=api_key, base_url=f"{url}/v1")
        try:
            yield writer
        finally:
            await writer.aclose()


@pytest.fixture(params=["fake", "openai"])
async def writer(request: pytest.FixtureRequest) -> AsyncIterator[ScriptWriter]:
    if request.param == "fake":
        yield FakeScriptWriter()
        return
    async with openai_writer() as real:
        yield real


async def test_a_script_has_lines_and_a_direction_and_knows_the_product(writer: ScriptWriter):
    script = await writer.write(ORDER, TEMPLATE, photo_bytes())

    assert 1 <= len(script.scenes) <= SCENES_MAX
    assert script.visual_direction
    assert "mug" in " ".join((script.title, *script.scenes)).lower()


async def test_an_order_without_a_caption_gets_a_script_too(writer: ScriptWriter):
    script = await writer.write(replace(ORDER, caption=""), TEMPLATE, photo_bytes())

    assert script.scenes


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("openai-refusal", FailureClass.USER_VIOLATION),
        ("openai-filtered", FailureClass.USER_VIOLATION),
        ("openai-invalid-prompt", FailureClass.USER_VIOLATION),
        ("openai-policy", FailureClass.USER_VIOLATION),
        ("openai-image-policy", FailureClass.USER_VIOLATION),
        ("openai-invalid-image", FailureClass.USER_VIOLATION),
        ("openai-image-large", FailureClass.USER_VIOLATION),
        ("openai-incomplete", FailureClass.TEMPORARY),
        ("openai-failed", FailureClass.TEMPORARY),
        ("openai-commentary", FailureClass.TEMPORARY),
        ("openai-409", FailureClass.TEMPORARY),
        ("openai-500", FailureClass.TEMPORARY),
        ("openai-503", FailureClass.TEMPORARY),
        ("openai-no-retry", FailureClass.TEMPORARY),
        ("openai-drop", FailureClass.TEMPORARY),
        ("openai-garbage", FailureClass.TEMPORARY),
        ("openai-rate", FailureClass.RATE_LIMIT),
        ("openai-tokens", FailureClass.RATE_LIMIT),
        ("openai-quota", FailureClass.BILLING),
        ("openai-balance", FailureClass.BILLING),
        ("openai-spend-limit", FailureClass.BILLING),
        ("openai-401", FailureClass.UNKNOWN),
        ("openai-403", FailureClass.UNKNOWN),
        ("openai-404", FailureClass.UNKNOWN),
    ],
)
async def test_every_answer_but_a_script_is_a_failure_of_its_class(
    word: str, expected: FailureClass
):
    async with openai_writer() as writer:
        with pytest.raises(ProviderError) as caught:
            await writer.write(replace(ORDER, caption=f"Mug [sim:{word}]"), TEMPLATE, photo_bytes())

    assert classify(caught.value.failure).failure_class is expected, caught.value.failure


async def test_an_answer_that_does_not_come_in_time_is_no_answer():
    async with openai_writer(timeout_s=0.3) as writer:
        with pytest.raises(ProviderError, match=r"no answer in time|APITimeoutError"):
            await writer.write(
                replace(ORDER, caption="Mug [sim:openai-slow]"), TEMPLATE, photo_bytes()
            )


async def test_a_wish_to_wait_is_handed_on():
    async with openai_writer() as writer:
        with pytest.raises(ProviderError) as caught:
            await writer.write(
                replace(ORDER, caption="Mug [sim:openai-rate]"), TEMPLATE, photo_bytes()
            )

    assert caught.value.retry_after_s == 1


async def test_a_wrong_key_is_never_shown():
    async with openai_writer(api_key="sk-secret-of-nobody") as writer:
        with pytest.raises(ProviderError) as caught:
            await writer.write(ORDER, TEMPLATE, photo_bytes())

    assert "sk-secret-of-nobody" not in str(caught.value)
