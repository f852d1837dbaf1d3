"""OpenAI simulator under the real openai client: answers, errors and retries."""

from __future__ import annotations

import base64
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import openai
import pytest
from openai import AsyncOpenAI
from PIL import Image
from pydantic import BaseModel, Field, ValidationError

from neurocards_sandbox.openai import OpenAiSandboxSettings, create_app
from neurocards_sandbox.openai.faults import CATALOGUE, Stage
from neurocards_sandbox.simulation.key_ring import fingerprint
from neurocards_sandbox.simulation.serving import serving

KEY = "sandbox-openai-key"
BRIEF = """Template: Studio
Style: A calm studio film.
Script language: ru (Russian)
Length: 10 s
Aspect ratio: 9:16
Scenes: 4
<seller_text>
Product: Кружка из керамики, 350 мл, 1290 ₽ {word}
</seller_text>"""


class Script(BaseModel):
    title: str = Field(description="At most 60 characters.")
    scenes: list[str]
    call_to_action: str
    visual_direction: str


@dataclass(frozen=True)
class OpenAi:
    client: AsyncOpenAI
    http: httpx.AsyncClient

    async def script(self, word: str = "", **changes: Any) -> Any:
        text = {"type": "input_text", "text": BRIEF.format(word=word)}
        request: dict[str, Any] = {
            "model": "gpt-6-luna",
            "instructions": "Write a script.",
            "input": [{"role": "user", "content": [text, *changes.pop("images", [])]}],
            "text_format": Script,
            "store": False,
            **changes,
        }
        return await self.client.responses.parse(**request)

    async def look(self, path: str) -> dict[str, Any]:
        return dict((await self.http.get(f"/sim{path}")).raise_for_status().json())

    async def control(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        return dict((await self.http.post(f"/sim{path}", json=body)).raise_for_status().json())


@asynccontextmanager
async def _openai(retries: int = 0, key: str = KEY, **settings: Any) -> AsyncIterator[OpenAi]:
    async with (
        serving(create_app(OpenAiSandboxSettings(**settings))) as url,
        httpx.AsyncClient(base_url=url, trust_env=False) as http,
        AsyncOpenAI(api_key=key, base_url=f"{url}/v1", max_retries=retries) as client,
    ):
        yield OpenAi(client, http)


@pytest.fixture
async def simulator() -> AsyncIterator[OpenAi]:
    async with _openai() as running:
        yield running


def _picture(colour: str = "#c08040", kind: str = "JPEG") -> dict[str, str]:
    content = io.BytesIO()
    Image.new("RGB", (64, 48), colour).save(content, kind)
    return _image(content.getvalue())


def _image(content: bytes) -> dict[str, str]:
    url = "data:image/jpeg;base64," + base64.b64encode(content).decode()
    return {"type": "input_image", "image_url": url, "detail": "low"}


async def test_a_script_mentions_the_brief_in_its_language(simulator: OpenAi) -> None:
    response = await simulator.script(images=[_picture()])
    script = response.output_parsed
    assert script.title.startswith("Кружка из керамики")
    assert len(script.scenes) == 4
    assert "Кружка из керамики" in script.scenes[0]
    assert "350 мл, 1290 ₽" in script.scenes
    assert "Тёплые тона и мягкий свет" in script.scenes
    assert "A calm studio film." in script.visual_direction
    assert "9:16 frame, 10 seconds" in script.visual_direction


async def test_the_reply_has_the_fields_of_the_service(simulator: OpenAi) -> None:
    response = await simulator.script(max_output_tokens=900)
    assert [item.type for item in response.output] == ["reasoning", "message"]
    assert response.output[1].phase == "final_answer"
    assert (response.status, response.error, response.incomplete_details) == (
        "completed",
        None,
        None,
    )
    assert response.model == "gpt-6-luna"
    assert response.max_output_tokens == 900
    assert response._request_id.startswith("req_")
    usage = response.usage
    assert usage.total_tokens == usage.input_tokens + usage.output_tokens
    assert usage.output_tokens_details.reasoning_tokens == 64


async def test_a_model_without_reasoning_answers_at_once(simulator: OpenAi) -> None:
    response = await simulator.script(model="gpt-4.1-mini")
    assert [item.type for item in response.output] == ["message"]
    assert response.usage.output_tokens_details.reasoning_tokens == 0


async def test_the_same_input_gives_the_same_script(simulator: OpenAi) -> None:
    scripts = [(await simulator.script(images=[_picture()])).output_text for _ in range(2)]
    assert scripts[0] == scripts[1]


async def test_plain_text_and_plain_json_can_be_asked_for(simulator: OpenAi) -> None:
    text = await simulator.client.responses.create(model="gpt-6-luna", input="Product: Tea")
    assert "Tea" in text.output_text
    as_json = await simulator.client.responses.create(
        model="gpt-6-luna", input="Product: Tea", text={"format": {"type": "json_object"}}
    )
    assert as_json.output_text.startswith('{"title": "Tea')


async def test_the_photo_is_really_looked_at(simulator: OpenAi) -> None:
    await simulator.script(images=[_picture("#102040", "PNG")])
    prompt = (await simulator.look("/prompts"))["prompts"][0]
    assert prompt["images"] == [{"width": 64, "height": 48, "format": "PNG", "tone": "dark"}]
    assert prompt["schema"] == "Script"


@pytest.mark.parametrize("content", [b"", b"not a picture", b"\xff\xd8\xff\xe0 cut off"])
async def test_a_bad_picture_is_refused(simulator: OpenAi, content: bytes) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        await simulator.script(images=[_image(content)])
    assert caught.value.code == "invalid_image"


async def test_a_picture_that_is_too_large_is_refused() -> None:
    async with _openai(image_bytes_max=100) as simulator:
        with pytest.raises(openai.BadRequestError) as caught:
            await simulator.script(images=[_picture()])
        assert caught.value.code == "image_too_large"


async def test_a_refusal_parses_to_nothing(simulator: OpenAi) -> None:
    response = await simulator.script("[sim:openai-refusal]")
    assert response.output_parsed is None
    assert response.output[1].content[0].type == "refusal"


@pytest.mark.parametrize(
    ("word", "reason"),
    [("openai-incomplete", "max_output_tokens"), ("openai-filtered", "content_filter")],
)
async def test_an_incomplete_answer_is_cut_json(simulator: OpenAi, word: str, reason: str) -> None:
    with pytest.raises(ValidationError):
        await simulator.script(f"[sim:{word}]")
    response = await simulator.client.responses.create(
        model="gpt-6-luna", input=f"[sim:{word}]", text={"format": {"type": "json_object"}}
    )
    assert response.status == "incomplete"
    assert response.incomplete_details is not None
    assert response.incomplete_details.reason == reason


async def test_too_few_output_tokens_make_an_answer_incomplete(simulator: OpenAi) -> None:
    response = await simulator.client.responses.create(
        model="gpt-6-luna", input="Product: Tea", max_output_tokens=70
    )
    assert response.status == "incomplete"
    assert response.usage is not None
    assert response.usage.output_tokens == 70
    with pytest.raises(openai.BadRequestError, match="max_output_tokens"):
        await simulator.script(max_output_tokens=5)


async def test_a_failure_can_come_in_a_200(simulator: OpenAi) -> None:
    response = await simulator.script("[sim:openai-failed]")
    assert response.status == "failed"
    assert response.error.code == "server_error"
    assert response.output_parsed is None


async def test_commentary_is_not_parsed(simulator: OpenAi) -> None:
    response = await simulator.script("[sim:openai-commentary]")
    assert response.output_parsed is None


async def test_json_of_another_form_is_noticed_by_the_client(simulator: OpenAi) -> None:
    with pytest.raises(ValidationError):
        await simulator.script("[sim:openai-wrong-json]")


ERRORS: dict[str, tuple[type[openai.APIStatusError], str, str | None]] = {
    "openai-rate": (openai.RateLimitError, "requests", "rate_limit_exceeded"),
    "openai-tokens": (openai.RateLimitError, "tokens", "rate_limit_exceeded"),
    "openai-quota": (openai.RateLimitError, "insufficient_quota", "insufficient_quota"),
    "openai-balance": (openai.RateLimitError, "insufficient_quota", "credit_balance_exhausted"),
    "openai-spend-limit": (
        openai.RateLimitError,
        "insufficient_quota",
        "organization_spend_limit_exceeded",
    ),
    "openai-invalid-prompt": (openai.BadRequestError, "invalid_request_error", "invalid_prompt"),
    "openai-policy": (openai.BadRequestError, "invalid_request_error", "content_policy_violation"),
    "openai-image-policy": (
        openai.BadRequestError,
        "invalid_request_error",
        "image_content_policy_violation",
    ),
    "openai-invalid-image": (openai.BadRequestError, "invalid_request_error", "invalid_image"),
    "openai-image-large": (openai.BadRequestError, "invalid_request_error", "image_too_large"),
    "openai-401": (openai.AuthenticationError, "invalid_request_error", "invalid_api_key"),
    "openai-403": (
        openai.PermissionDeniedError,
        "request_forbidden",
        "unsupported_country_region_territory",
    ),
    "openai-404": (openai.NotFoundError, "invalid_request_error", "model_not_found"),
    "openai-409": (openai.ConflictError, "invalid_request_error", None),
    "openai-500": (openai.InternalServerError, "server_error", "server_error"),
    "openai-503": (openai.InternalServerError, "server_error", "server_error"),
    "openai-no-retry": (openai.InternalServerError, "server_error", "server_error"),
}


@pytest.mark.parametrize("word", ERRORS)
async def test_an_error_has_the_services_status_type_and_code(simulator: OpenAi, word: str) -> None:
    expected, kind, code = ERRORS[word]
    with pytest.raises(expected) as caught:
        await simulator.script(f"[sim:{word}]")
    assert (caught.value.type, caught.value.code) == (kind, code)
    assert caught.value.request_id is not None


def test_every_error_is_tested_here() -> None:
    assert {f.name for f in CATALOGUE.values() if f.stage is Stage.ERROR} == set(ERRORS)


async def test_the_client_retries_a_rate_limit_after_the_told_time() -> None:
    async with _openai(retries=2) as simulator:
        response = await simulator.script("[sim:openai-rate:1]")
        assert response.output_parsed is not None
        assert (await simulator.look("/counters"))["requests"] == 2


async def test_the_client_retries_even_when_the_quota_is_used_up() -> None:
    """insufficient_quota is a 429, so a client that trusts its retries pays in time."""
    async with _openai(retries=1) as simulator:
        with pytest.raises(openai.RateLimitError):
            await simulator.script("[sim:openai-quota]")
        assert (await simulator.look("/counters"))["errors_insufficient_quota"] == 2


async def test_a_server_that_says_so_is_not_asked_again() -> None:
    async with _openai(retries=2) as simulator:
        with pytest.raises(openai.InternalServerError):
            await simulator.script("[sim:openai-no-retry]")
        assert (await simulator.look("/counters"))["requests"] == 1


async def test_a_connection_can_break_and_a_reply_can_be_late(simulator: OpenAi) -> None:
    with pytest.raises(openai.APIConnectionError):
        await simulator.script("[sim:openai-drop]")
    with pytest.raises(openai.APITimeoutError):
        await simulator.script("[sim:openai-slow]", timeout=0.5)


async def test_the_client_gives_a_page_instead_of_json_as_bare_text(simulator: OpenAi) -> None:
    """No exception comes from create(), and parse() fails with an AttributeError of its own."""
    page: Any = await simulator.client.responses.create(
        model="gpt-6-luna", input="[sim:openai-garbage]"
    )
    assert isinstance(page, str)
    with pytest.raises(AttributeError):
        await simulator.script("[sim:openai-garbage]")


async def test_keys_are_checked_revoked_and_never_shown(simulator: OpenAi) -> None:
    wrong = simulator.client.with_options(api_key="sk-a-wrong-secret-key")
    with pytest.raises(openai.AuthenticationError) as caught:
        await wrong.models.list()
    assert caught.value.code == "invalid_api_key"
    assert "wrong-secret" not in str(caught.value)
    missing = await simulator.http.post("/v1/responses", json={})
    assert missing.status_code == 401
    await simulator.control("/keys/revoke", {"fingerprint": fingerprint(KEY)})
    with pytest.raises(openai.AuthenticationError):
        await simulator.script()
    await simulator.control("/keys/restore", {"key": KEY})
    await simulator.script()
    assert KEY not in (await simulator.http.get("/sim/requests")).text


async def test_a_limit_of_requests_is_kept_and_told_in_headers() -> None:
    async with _openai(requests_per_minute=2) as simulator:
        create = simulator.client.responses.with_raw_response.create
        reply = await create(model="gpt-6-luna", input="Product: Tea")
        assert reply.headers["x-ratelimit-limit-requests"] == "2"
        assert reply.headers["x-ratelimit-remaining-requests"] == "1"
        await simulator.script()
        with pytest.raises(openai.RateLimitError) as caught:
            await simulator.script()
        assert caught.value.type == "requests"
        assert 50 <= int(caught.value.response.headers["retry-after"]) <= 60


async def test_a_limit_of_tokens_is_kept() -> None:
    async with _openai(tokens_per_minute=100) as simulator:
        await simulator.script()
        with pytest.raises(openai.RateLimitError) as caught:
            await simulator.script()
        assert caught.value.type == "tokens"


async def test_a_spent_quota_refuses_everything() -> None:
    async with _openai(quota_usd=0.000_001) as simulator:
        await simulator.script()
        with pytest.raises(openai.RateLimitError) as caught:
            await simulator.script()
        assert caught.value.type == "insufficient_quota"


async def test_faults_are_armed_by_the_control_api(simulator: OpenAi) -> None:
    await simulator.control("/faults", {"fault": "openai-500", "next": 1})
    with pytest.raises(openai.InternalServerError):
        await simulator.script()
    await simulator.script()
    refused = await simulator.http.post("/sim/faults", json={"fault": "nonsense", "next": 1})
    assert refused.status_code == 422


async def test_words_count_in_the_users_text_alone(simulator: OpenAi) -> None:
    response = await simulator.script(instructions="[sim:openai-500]")
    assert response.output_parsed is not None


async def test_words_for_the_video_provider_are_handed_on(simulator: OpenAi) -> None:
    """So a caption in the chat reaches the faults of the video model."""
    script = (await simulator.script("[sim:violation] [sim:rate:2]")).output_parsed
    assert script.visual_direction.startswith("[sim:violation] [sim:rate:2] ")
    assert "[sim:" not in script.title + "".join(script.scenes)


async def test_models_are_listed(simulator: OpenAi) -> None:
    names = [model.id async for model in simulator.client.models.list()]
    assert "gpt-6-luna" in names
    assert (await simulator.client.models.retrieve("gpt-6-luna")).owned_by == "openai"
    with pytest.raises(openai.NotFoundError):
        await simulator.client.models.retrieve("gpt-2")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"model": "gpt-2"}, "model_not_found"),
        ({"extra_body": {"no_such_thing": 1}}, "unknown_parameter"),
        ({"input": 5}, "invalid_type"),
        ({"input": [{"role": "user", "content": [{"type": "video"}]}]}, "invalid_value"),
    ],
)
async def test_a_wrong_request_is_refused_with_its_code(
    simulator: OpenAi, changes: dict[str, Any], code: str
) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        await simulator.script(**changes)
    assert caught.value.code == code


async def test_an_unknown_address_is_a_404(simulator: OpenAi) -> None:
    with pytest.raises(openai.NotFoundError, match="Invalid URL"):
        await simulator.client.chat.completions.create(model="gpt-6-luna", messages=[])
