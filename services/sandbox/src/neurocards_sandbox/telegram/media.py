"""Media of messages: from an upload, a file_id or a URL to the fields of a message.

`store_*` make files out of bytes; `message_media` gives the JSON that a bot sees. Users' media
(`people`) and bots' media go the same way, as they do in Telegram.
"""

from __future__ import annotations

import asyncio
import mimetypes
from pathlib import PurePosixPath
from typing import Any

from neurocards_sandbox.telegram import photos
from neurocards_sandbox.telegram.arguments import Upload
from neurocards_sandbox.telegram.chats import Json
from neurocards_sandbox.telegram.errors import bad_request
from neurocards_sandbox.telegram.files import StoredFile
from neurocards_sandbox.telegram.mp4 import read_video_facts
from neurocards_sandbox.telegram.world import World

PHOTO_BYTES_MAX = 10 * 1024 * 1024
KINDS = ("photo", "video", "document", "animation", "sticker", "voice", "audio")
THUMBNAIL_BYTES_MAX = 20 * 1024 * 1024


async def store_upload(
    world: World, kind: str, upload: Upload, hints: Json | None = None
) -> list[StoredFile]:
    """Files of one upload: the sizes of a photo, else one; raises 400 for bytes that do not fit.

    `hints`: width, height, duration (s) where the bytes do not tell, and `thumbnail_bytes`.
    """
    if not upload.data:
        raise bad_request("file must be non-empty")
    match kind:
        case "photo":
            return await _store_photo(world, upload)
        case "video" | "animation":
            return [await _store_video(world, kind, upload, hints or {})]
        case "sticker":
            return [await _store_sticker(world, upload)]
        case _:
            return [await _store_plain(world, kind, upload, hints or {})]


async def _store_photo(world: World, upload: Upload) -> list[StoredFile]:
    size = len(upload.data)
    if size > PHOTO_BYTES_MAX:
        raise bad_request(f'file "{upload.name}" of size {size} bytes is too big for a photo')
    pictures = await asyncio.to_thread(photos.make_sizes, upload.data)
    first = world.files.reserve(len(pictures))
    return [
        await world.files.add(
            "photo",
            picture.data,
            extension=".jpg",
            serial=serial,
            mime="image/jpeg",
            width=picture.width,
            height=picture.height,
            first_serial=first,
            sizes=len(pictures),
        )
        for serial, picture in enumerate(pictures, first)
    ]


async def _store_thumbnail(world: World, data: bytes | None) -> int:
    picture = await asyncio.to_thread(photos.make_thumbnail, data) if data else None
    if picture is None:
        return 0
    file = await world.files.add(
        "thumbnail",
        picture.data,
        extension=".jpg",
        mime="image/jpeg",
        width=picture.width,
        height=picture.height,
    )
    return file.serial


async def _store_video(world: World, kind: str, upload: Upload, hints: Json) -> StoredFile:
    facts = read_video_facts(upload.data)
    is_gif = kind == "animation" and upload.data[:4] == b"GIF8"
    if facts is None and not is_gif:
        # Telegram keeps films that are no MP4 as plain files.
        return await _store_plain(world, "document", upload, hints)
    frame: bytes | None = hints.get("thumbnail_bytes")
    if is_gif:
        frame = frame or upload.data
    elif frame is None and world.settings.video_thumbnails:
        frame = await world.frames.first_frame(upload.data)
    name = upload.name or f"{kind}.mp4"
    return await world.files.add(
        kind,
        upload.data,
        extension=PurePosixPath(name).suffix.lower() or ".mp4",
        name=name,
        mime="image/gif" if is_gif else "video/mp4",
        width=facts.width if facts else int(hints.get("width") or 0),
        height=facts.height if facts else int(hints.get("height") or 0),
        duration_s=facts.duration_s if facts else int(hints.get("duration") or 0),
        thumbnail_serial=await _store_thumbnail(world, frame),
    )


async def _store_sticker(world: World, upload: Upload) -> StoredFile:
    picture = await asyncio.to_thread(photos.make_thumbnail, upload.data)
    if picture is None:
        raise bad_request("STICKER_PNG_NOPNG")
    return await world.files.add(
        "sticker",
        upload.data,
        extension=".webp",
        mime="image/webp",
        width=512,
        height=512,
        thumbnail_serial=await _store_thumbnail(world, upload.data),
    )


async def _store_plain(world: World, kind: str, upload: Upload, hints: Json) -> StoredFile:
    guessed = mimetypes.guess_type(upload.name)[0]
    mime = guessed or upload.content_type
    picture: bytes | None = hints.get("thumbnail_bytes")
    if picture is None and mime.startswith("image/") and len(upload.data) <= THUMBNAIL_BYTES_MAX:
        picture = upload.data
    return await world.files.add(
        kind,
        upload.data,
        extension=PurePosixPath(upload.name).suffix.lower(),
        name=upload.name,
        mime=mime,
        duration_s=int(hints.get("duration") or 0),
        thumbnail_serial=await _store_thumbnail(world, picture),
    )


def message_media(world: World, bot_id: int, files: list[StoredFile]) -> Json:
    """The media fields of a message, e.g. `{"photo": [...]}`, as this bot sees them."""
    file = files[-1]
    if file.kind == "photo":
        return {"photo": [world.files.photo_size(bot_id, one) for one in files]}
    fields: Json = {}
    if file.kind in {"video", "animation"}:
        fields = {"duration": file.duration_s, "width": file.width, "height": file.height}
    elif file.kind in {"voice", "audio"}:
        fields = {"duration": file.duration_s}
    elif file.kind == "sticker":
        fields = {"width": file.width, "height": file.height, "type": "regular"}
        fields |= {"is_animated": False, "is_video": False}
    if file.name and file.kind not in {"sticker", "voice"}:
        fields["file_name"] = file.name
    if file.mime and file.kind != "sticker":
        fields["mime_type"] = file.mime
    thumbnail = world.files.get(file.thumbnail_serial)
    if thumbnail:
        size = world.files.photo_size(bot_id, thumbnail)
        fields |= {"thumbnail": size, "thumb": size}
    fields |= world.files.facts(bot_id, file)
    if file.kind == "animation":
        # Old clients know animations as documents, so the message carries both.
        plain = {k: v for k, v in fields.items() if k not in {"duration", "width", "height"}}
        return {"animation": fields, "document": plain}
    return {file.kind: fields}


def media_kind(body: Json) -> str:
    """The kind of media that a message carries, "" for none."""
    if "animation" in body:
        return "animation"
    return next((kind for kind in KINDS if kind in body), "")


def media_ids(body: Json) -> Any:
    """What tells two media apart: the lasting ids of their files."""
    kind = media_kind(body)
    media = body.get(kind)
    if isinstance(media, list):
        return [size["file_unique_id"] for size in media]
    return (kind, media["file_unique_id"]) if media else None
