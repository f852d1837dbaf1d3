"""KIE.ai over HTTP: uploads, createTask, recordInfo, the finished file.

Not here: which model wants which fields (`dialects`), how replies are read (`replies`).

Invariant: `create` raises OutcomeUnknownError whenever the order may have been taken, and any
other error only when it certainly was not; a second order costs a second time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from neurocards.adapters.kie import replies
from neurocards.adapters.kie.dialects import DIALECTS
from neurocards.adapters.media.fetch import VideoDownload
from neurocards.adapters.transport import (
    Answer,
    NoAnswerError,
    NotSentError,
    exchange,
    time_limits,
)
from neurocards.domain.keys import ProviderKey
from neurocards.domain.orders import OrderOptions
from neurocards.errors import ConfigurationError, OutcomeUnknownError, ProviderError
from neurocards.ports.providers import Render

PROVIDER_NAME = "kie"
UPLOAD_FOLDER = "neurocards"
UPLOAD_PATH = "/api/file-stream-upload"
RECORD_PATH = "/api/v1/jobs/recordInfo"

# Both hosts stand behind a firewall that refuses clients without a browser's name.
USER_AGENT = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/140.0.0.0 Safari/537.36 neurocards"
)


@dataclass(frozen=True, slots=True)
class KieLimits:
    """Seconds that one call may take in all."""

    upload_s: float = 60.0
    create_s: float = 20.0
    record_s: float = 15.0


@dataclass(frozen=True, slots=True)
class KieOptions:
    """Addresses without a trailing slash; `model` names the dialect."""

    api_url: str
    upload_url: str
    model: str
    limits: KieLimits = field(default_factory=KieLimits)


class KieVideoProvider:
    """A VideoProvider."""

    def __init__(
        self,
        options: KieOptions,
        *,
        client: httpx.AsyncClient,
        ordering_client: httpx.AsyncClient,
        download: VideoDownload,
    ) -> None:
        """`ordering_client` must keep no connections alive.

        A kept connection that the other side has just closed looks like an order whose answer
        was lost; a fresh one leaves no such doubt.
        """
        dialect = DIALECTS.get(options.model)
        if dialect is None:
            known = ", ".join(DIALECTS)
            raise ConfigurationError(
                f"NEUROCARDS_KIE_MODEL: no dialect for {options.model!r}; known: {known}"
            )
        self._options = options
        self._dialect = dialect
        self._client = client
        self._ordering_client = ordering_client
        self._download = download

    @property
    def name(self) -> str:
        return PROVIDER_NAME

    @property
    def model(self) -> str:
        return self._options.model

    async def upload(self, key: ProviderKey, photo: bytes, *, file_name: str) -> str:
        limit_s = self._options.limits.upload_s
        request = self._client.build_request(
            "POST",
            self._options.upload_url + UPLOAD_PATH,
            headers=_headers(key),
            data={"uploadPath": UPLOAD_FOLDER, "fileName": file_name},
            files={"file": (file_name, photo, "image/jpeg")},
            timeout=time_limits(io_s=limit_s),
        )
        answer = await _repeatable(self._client, request, total_s=limit_s)
        data = replies.envelope_data(answer)
        url = data.get("downloadUrl") if isinstance(data, dict) else None
        if not isinstance(url, str) or not url:
            raise ProviderError(replies.failure("the upload has no downloadUrl", code="500"))
        return url

    async def create(
        self,
        key: ProviderKey,
        *,
        prompt: str,
        image_url: str,
        options: OrderOptions,
        callback_url: str | None,
    ) -> str:
        body: dict[str, Any] = {
            "model": self.model,
            "input": self._dialect.input(prompt, image_url, options),
        }
        if callback_url is not None:
            body["callBackUrl"] = callback_url
        limit_s = self._options.limits.create_s
        request = self._ordering_client.build_request(
            "POST",
            self._options.api_url + self._dialect.create_path,
            headers=_headers(key),
            json=body,
            timeout=time_limits(io_s=limit_s),
        )
        try:
            answer = await exchange(self._ordering_client, request, total_s=limit_s)
        except NotSentError as error:
            raise ProviderError(replies.network_failure(f"not sent: {error}")) from None
        except NoAnswerError as error:
            raise OutcomeUnknownError(replies.network_failure(f"no answer: {error}")) from None
        return _task_id(answer)

    async def render(self, key: ProviderKey, task_id: str) -> Render:
        limit_s = self._options.limits.record_s
        request = self._client.build_request(
            "GET",
            f"{self._options.api_url}{RECORD_PATH}?taskId={quote(task_id, safe='')}",
            headers=_headers(key),
            timeout=time_limits(io_s=limit_s),
        )
        return replies.render_of(await _repeatable(self._client, request, total_s=limit_s))

    async def fetch(self, url: str, target: Path) -> None:
        await self._download.fetch(url, target)


def _headers(key: ProviderKey) -> dict[str, str]:
    return {"Authorization": f"Bearer {key.secret}", "User-Agent": USER_AGENT}


async def _repeatable(
    client: httpx.AsyncClient, request: httpx.Request, *, total_s: float
) -> Answer:
    """Send what may be sent twice: not sent and not answered are the same to the caller."""
    try:
        return await exchange(client, request, total_s=total_s)
    except (NotSentError, NoAnswerError) as error:
        raise ProviderError(replies.network_failure(str(error))) from None


def _task_id(answer: Answer) -> str:
    try:
        data = replies.envelope_data(answer)
    except ProviderError as error:
        if replies.may_be_of_a_gateway(error.failure):
            raise OutcomeUnknownError(error.failure) from None
        raise
    task_id = data.get("taskId") if isinstance(data, dict) else None
    if not isinstance(task_id, str) or not task_id:
        seen = replies.failure("a reply without a task id", http_status=answer.status)
        raise OutcomeUnknownError(seen)
    return task_id
