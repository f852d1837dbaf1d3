"""Which answers to a createTask leave no doubt, and which may follow an order that was taken."""

from __future__ import annotations

import httpx
import pytest

from neurocards.adapters.kie.client import KieOptions, KieVideoProvider
from neurocards.adapters.media.fetch import FetchPolicy, VideoDownload
from neurocards.domain.keys import ProviderKey
from neurocards.domain.orders import OrderOptions
from neurocards.errors import OutcomeUnknownError, ProviderError


async def refusal(status: int, code: int) -> ProviderError:
    """Order from a provider that answers with this status and this code in its envelope."""

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(status, json={"code": code, "msg": "no", "data": None})

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
        provider = KieVideoProvider(
            KieOptions("https://api.example", "https://upload.example", "kling-3.0/video"),
            client=client,
            ordering_client=client,
            download=VideoDownload(FetchPolicy(()), client=client),
        )
        with pytest.raises(ProviderError) as caught:
            await provider.create(
                ProviderKey("secret", "fingerprint"),
                prompt="A mug",
                image_url="https://upload.example/mug.jpg",
                options=OrderOptions(),
                callback_url=None,
            )
    return caught.value


@pytest.mark.parametrize(
    ("status", "code"),
    [(504, 504), (502, 502), (524, 524), (408, 408), (500, 500), (200, 504), (200, 408)],
)
async def test_a_time_out_of_a_gateway_leaves_an_order_in_doubt(status: int, code: int):
    assert isinstance(await refusal(status, code), OutcomeUnknownError)


@pytest.mark.parametrize(
    ("status", "code"), [(200, 500), (200, 402), (200, 422), (200, 429), (429, 429), (401, 401)]
)
async def test_a_refusal_of_the_service_itself_leaves_no_doubt(status: int, code: int):
    assert not isinstance(await refusal(status, code), OutcomeUnknownError)
