"""The wall around downloads: which addresses are asked, and what may come back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import httpx
import pytest

from neurocards.adapters.media.fetch import FetchPolicy, VideoDownload, is_public
from neurocards.domain.failures import FailureClass, FailureSource, classify
from neurocards.errors import ProviderError
from neurocards.testing.videos import tiny_mp4

PUBLIC = "93.184.216.34"
HOSTS = ("*.files.example", "cdn.example")
GOOD = "https://a.files.example/video.mp4?token=1"
Handler = Callable[[httpx.Request], httpx.Response]


def streamed(
    content: bytes, status: int = 200, headers: dict[str, str] | None = None
) -> httpx.Response:
    return httpx.Response(status, stream=httpx.ByteStream(content), headers=headers)


def answer(request: httpx.Request) -> httpx.Response:
    del request
    return streamed(tiny_mp4())


def download(
    handler: Handler = answer,
    *,
    addresses: Sequence[str] = (PUBLIC,),
    bytes_max: int = 10_000,
    trusted: tuple[str, ...] = (),
) -> VideoDownload:
    async def resolve(host: str, port: int) -> Sequence[str]:
        assert port == 443, host
        return addresses

    return VideoDownload(
        FetchPolicy(HOSTS, trusted_origins=trusted, bytes_max=bytes_max),
        client=httpx.AsyncClient(transport=httpx.MockTransport(handler), trust_env=False),
        resolve=resolve,
    )


def folder_of(target: Path) -> Iterator[Path]:
    return target.parent.iterdir()


async def refusal(loader: VideoDownload, url: str, target: Path) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        await loader.fetch(url, target)
    assert target not in list(folder_of(target))
    return caught.value


async def test_the_checked_address_is_the_one_that_is_asked(tmp_path: Path):
    asked = []

    def handler(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return answer(request)

    await download(handler).fetch(GOOD, tmp_path / "video.mp4")

    [request] = asked
    assert request.url == f"https://{PUBLIC}/video.mp4?token=1"
    assert request.headers["host"] == "a.files.example"
    assert request.extensions["sni_hostname"] == "a.files.example"
    assert (tmp_path / "video.mp4").read_bytes() == tiny_mp4()


@pytest.mark.parametrize(
    "url",
    [
        "http://a.files.example/video.mp4",
        "https://evil.example/video.mp4",
        "https://files.example.evil.example/video.mp4",
        "https://files.example/video.mp4",
        "https://afiles.example/video.mp4",
        "https://a.files.example:8443/video.mp4",
        "https://user@a.files.example/video.mp4",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/video.mp4",
        "file:///etc/passwd",
        "https://a.files.example:99999/",
        "",
    ],
)
async def test_an_address_that_is_not_listed_is_not_asked(tmp_path: Path, url: str):
    def handler(request: httpx.Request) -> httpx.Response:
        raise AssertionError(request.url)

    error = await refusal(download(handler), url, tmp_path / "video.mp4")

    assert error.failure.source is FailureSource.NEUROCARDS
    assert classify(error.failure).failure_class is FailureClass.UNKNOWN


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["10.1.2.3"],
        ["169.254.169.254"],
        ["::ffff:10.0.0.1"],
        [PUBLIC, "192.168.0.1"],
        [],
    ],
)
async def test_a_listed_name_that_leads_into_our_network_is_not_asked(
    tmp_path: Path, addresses: list[str]
):
    error = await refusal(download(addresses=addresses), GOOD, tmp_path / "video.mp4")

    assert error.failure.code == "address_not_public"


async def test_a_redirect_goes_through_the_same_checks(tmp_path: Path):
    def handler(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/video.mp4":
            return httpx.Response(302, headers={"location": "https://cdn.example/other.mp4"})
        return answer(request)

    await download(handler).fetch(GOOD, tmp_path / "video.mp4")

    assert (tmp_path / "video.mp4").exists()


async def test_a_redirect_to_the_metadata_service_is_not_followed(tmp_path: Path):
    def handler(request: httpx.Request) -> httpx.Response:
        assert request.url.path == "/video.mp4"
        return httpx.Response(302, headers={"location": "http://169.254.169.254/latest/"})

    error = await refusal(download(handler), GOOD, tmp_path / "video.mp4")

    assert error.failure.code == "bad_address"


async def test_redirects_without_end_are_left(tmp_path: Path):
    def handler(request: httpx.Request) -> httpx.Response:
        return httpx.Response(302, headers={"location": str(request.url.path)})

    error = await refusal(download(handler), GOOD, tmp_path / "video.mp4")

    assert "redirects" in error.failure.text


async def test_a_trusted_origin_is_taken_as_it_is_and_only_it(tmp_path: Path):
    loader = download(trusted=("http://127.0.0.1:8090",))

    await loader.fetch("http://127.0.0.1:8090/video.mp4", tmp_path / "video.mp4")

    await refusal(loader, "http://127.0.0.1:8091/video.mp4", tmp_path / "other.mp4")
    await refusal(loader, "http://127.0.0.1:8090.evil.example/", tmp_path / "other.mp4")


@pytest.mark.parametrize(
    "response",
    [
        streamed(tiny_mp4() + bytes(20_000)),
        streamed(b"", headers={"content-length": "999999"}),
    ],
)
async def test_a_video_over_the_limit_is_dropped(tmp_path: Path, response: httpx.Response):
    error = await refusal(download(lambda _: response), GOOD, tmp_path / "video.mp4")

    assert error.failure.code == "too_large"


@pytest.mark.parametrize(
    "response",
    [
        streamed(b"gone", 404),
        streamed(b"", 500),
        streamed(b"<html>an error page</html>"),
        streamed(b"tiny"),
    ],
)
async def test_what_may_be_better_next_time_is_a_passing_failure(
    tmp_path: Path, response: httpx.Response
):
    error = await refusal(download(lambda _: response), GOOD, tmp_path / "video.mp4")

    assert classify(error.failure).failure_class is FailureClass.TEMPORARY
    assert "Stream" not in error.failure.text


async def test_a_broken_connection_is_a_passing_failure(tmp_path: Path):
    def handler(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadError("reset", request=request)

    error = await refusal(download(handler), GOOD, tmp_path / "video.mp4")

    assert classify(error.failure).failure_class is FailureClass.TEMPORARY


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1::1", True),
        ("64:ff9b::5db8:d822", True),
        ("0.0.0.0", False),  # noqa: S104
        ("100.64.0.1", False),
        ("127.0.0.53", False),
        ("172.16.5.5", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::", False),
        ("::1", False),
        ("fd00::1", False),
        ("fe80::1%eth0", False),
        ("::ffff:127.0.0.1", False),
        ("64:ff9b::7f00:1", False),
        ("2002:7f00:1::", False),
        ("not an address", False),
    ],
)
def test_only_addresses_of_the_internet_are_public(address: str, public: bool):  # noqa: FBT001
    assert is_public(address) is public


@pytest.mark.parametrize(
    "location", ["https://[half/v.mp4", "https://a.files.example/\x00.mp4", "https://a:b:c/v.mp4"]
)
async def test_an_address_that_is_no_address_is_a_refusal(tmp_path: Path, location: str):
    error = await refusal(download(), location, tmp_path / "video.mp4")
    assert (error.failure.source, error.failure.code) == (FailureSource.NEUROCARDS, "bad_address")


async def test_a_redirect_to_what_is_no_address_is_a_refusal(tmp_path: Path):
    def away(request: httpx.Request) -> httpx.Response:
        return streamed(b"", 302, {"location": "https://[half/v.mp4"})

    error = await refusal(download(away), GOOD, tmp_path / "video.mp4")
    assert (error.failure.source, error.failure.code) == (FailureSource.NEUROCARDS, "bad_address")
