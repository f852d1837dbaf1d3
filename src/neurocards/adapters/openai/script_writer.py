"""A ScriptWriter over OpenAI's Responses API.

The official client makes one request and never repeats it: whether and when a request is made
again is one policy, and it is the worker's.
"""

from __future__ import annotations

import asyncio
import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from neurocards.adapters.openai.answers import SCHEMA, SCHEMA_NAME, script_of
from neurocards.domain.failures import Failure, FailureSource
from neurocards.domain.orders import Order, Template
from neurocards.domain.script import INSTRUCTIONS, Script, script_request
from neurocards.errors import ProviderError

if TYPE_CHECKING:
    import openai

OUTPUT_TOKENS_MAX = 4000
RETRY_AFTER_S_MAX = 600.0


@dataclass(frozen=True, slots=True)
class ScriptOptions:
    """`timeout_s`: for the whole request. `detail`: how closely the model looks at the photo."""

    model: str
    timeout_s: float = 60.0
    detail: str = "auto"


class OpenAiScriptWriter:
    def __init__(
        self, options: ScriptOptions, *, api_key: str, base_url: str | None = None
    ) -> None:
        # Its import takes a second and 50 MB: only the process that writes scripts pays for it.
        import openai  # noqa: PLC0415

        self._openai = openai
        self._options = options
        self._client = openai.AsyncOpenAI(
            api_key=api_key, base_url=base_url, timeout=options.timeout_s, max_retries=0
        )

    async def aclose(self) -> None:
        await self._client.close()

    async def write(self, order: Order, template: Template, photo: bytes) -> Script:
        try:
            async with asyncio.timeout(self._options.timeout_s):
                answer = await self._client.responses.create(
                    **_request(self._options, script_request(order, template), photo)
                )
        except TimeoutError:
            raise ProviderError(_network("no answer in time")) from None
        except self._openai.APIStatusError as error:
            raise _refusal(error) from None
        except self._openai.APIConnectionError as error:
            raise ProviderError(_network(type(error).__name__)) from None
        except (self._openai.OpenAIError, ValueError) as error:
            # An answer that is not what the API promises, e.g. the page of a proxy.
            raise ProviderError(_network(f"unreadable: {type(error).__name__}")) from None
        if not hasattr(answer, "output"):
            raise ProviderError(_network("unreadable: not an answer of this API"))
        return script_of(answer)


def _request(options: ScriptOptions, text: str, photo: bytes) -> dict[str, Any]:
    image = "data:image/jpeg;base64," + base64.b64encode(photo).decode()
    return {
        "model": options.model,
        "instructions": INSTRUCTIONS,
        "input": [
            {
                "role": "user",
                "content": [
                    {"type": "input_text", "text": text},
                    {"type": "input_image", "image_url": image, "detail": options.detail},
                ],
            }
        ],
        "text": {
            "format": {
                "type": "json_schema",
                "name": SCHEMA_NAME,
                "strict": True,
                "schema": SCHEMA,
            }
        },
        "max_output_tokens": OUTPUT_TOKENS_MAX,
        "store": False,
    }


def _refusal(error: openai.APIStatusError) -> ProviderError:
    seen = Failure(
        FailureSource.OPENAI,
        text=error.message,
        http_status=error.status_code,
        code=error.code,
        kind=error.type,
    )
    return ProviderError(seen, retry_after_s=_retry_after_s(error))


def _retry_after_s(error: openai.APIStatusError) -> float | None:
    text = error.response.headers.get("retry-after", "")
    try:
        return min(RETRY_AFTER_S_MAX, max(0.0, float(text)))
    except ValueError:
        return None


def _network(text: str) -> Failure:
    return Failure(FailureSource.NETWORK, text=text)
