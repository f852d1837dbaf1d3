"""Files named by an argument: an upload, `attach://name`, a URL or a file_id."""

from __future__ import annotations

from pathlib import PurePosixPath
from urllib.parse import urlsplit

import httpx

from neurocards_sandbox.telegram.arguments import Upload
from neurocards_sandbox.telegram.call import Call
from neurocards_sandbox.telegram.chats import Json
from neurocards_sandbox.telegram.errors import bad_request
from neurocards_sandbox.telegram.files import StoredFile
from neurocards_sandbox.telegram.media import store_upload

URL_BYTES_MAX = 20 * 1024 * 1024
URL_PHOTO_BYTES_MAX = 5 * 1024 * 1024
URL_TIMEOUT_S = 20
TYPE_NAMES = {
    "photo": "Photo",
    "video": "Video",
    "document": "Document",
    "animation": "Animation",
    "sticker": "Sticker",
    "voice": "VoiceNote",
    "audio": "Audio",
    "thumbnail": "Thumbnail",
}
MIME_PREFIXES = {"photo": "image/", "video": "video/", "audio": "audio/", "voice": "audio/"}


async def input_files(call: Call, kind: str, value: str, hints: Json) -> list[StoredFile]:
    """The stored files of an argument; raises 400 if it names none of the right kind."""
    uploads = call.arguments.uploads
    if value.startswith(("http://", "https://")):
        upload: Upload | None = await _download(kind, value)
    elif value and not value.startswith("attach://"):
        return _by_id(call, kind, value)
    else:
        upload = uploads.get(value.removeprefix("attach://") or kind)
    if upload is None:
        raise bad_request(f"there is no {kind} in the request")
    await call.world.hold_back(len(upload.data))
    thumbnail = uploads.get(str(hints.get("thumbnail") or "").removeprefix("attach://"))
    picture = thumbnail.data if thumbnail else None
    return await store_upload(call.world, kind, upload, {**hints, "thumbnail_bytes": picture})


def _by_id(call: Call, kind: str, file_id: str) -> list[StoredFile]:
    file = call.world.files.resolve(call.bot.id, file_id)
    # A film may be sent on as a plain file and a plain file as what it is; nothing else mixes.
    if file.kind != kind and {file.kind, kind} != {"animation", "document"}:
        raise bad_request(f"can't use file of type {TYPE_NAMES[file.kind]} as {TYPE_NAMES[kind]}")
    return call.world.files.all_sizes(file)


async def _download(kind: str, url: str) -> Upload:
    bytes_max = URL_PHOTO_BYTES_MAX if kind == "photo" else URL_BYTES_MAX
    chunks, size = [], 0
    try:
        async with (
            httpx.AsyncClient(timeout=URL_TIMEOUT_S, follow_redirects=True, trust_env=False) as web,
            web.stream("GET", url) as reply,
        ):
            if reply.status_code != httpx.codes.OK:
                raise bad_request("failed to get HTTP URL content")
            mime = reply.headers.get("content-type", "").partition(";")[0]
            if not _fits(kind, mime):
                raise bad_request("wrong type of the web page content")
            async for chunk in reply.aiter_bytes():
                size += len(chunk)
                if size > bytes_max:
                    raise bad_request("failed to get HTTP URL content")
                chunks.append(chunk)
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeError):
        raise bad_request("failed to get HTTP URL content") from None
    name = PurePosixPath(urlsplit(url).path).name or kind
    return Upload(name, mime, b"".join(chunks))


def _fits(kind: str, mime: str) -> bool:
    if mime.startswith("text/html"):
        return False
    prefix = MIME_PREFIXES.get(kind)
    return prefix is None or mime.startswith((prefix, "application/octet-stream"))
