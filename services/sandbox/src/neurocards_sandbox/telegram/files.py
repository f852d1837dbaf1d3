"""The file store: blobs on disk, file records, and the ids that bots know them by.

A `file_id` is opaque and belongs to one bot: it is signed with the store's secret, so an id of
another bot or a made-up one is refused as the real server refuses it. Invariant: the same
bytes are stored once, whoever sends them.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import secrets
import struct
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from neurocards_sandbox.telegram.errors import bad_request
from neurocards_sandbox.telegram.journal import Journal

DOWNLOAD_BYTES_MAX = 20 * 1024 * 1024
ID_LAYOUT = struct.Struct(">BBHQQ")
SIGNATURE_BYTES = 12
ID_VERSION = 54
KIND_CODES = {
    "thumbnail": 0,
    "photo": 2,
    "voice": 3,
    "video": 4,
    "document": 5,
    "sticker": 8,
    "audio": 9,
    "animation": 10,
}
KIND_NAMES = {code: kind for kind, code in KIND_CODES.items()}
FOLDERS = {"thumbnail": "thumbnails", "photo": "photos", "voice": "voice", "audio": "music"}


@dataclass(frozen=True, slots=True)
class StoredFile:
    """One file as Telegram knows it."""

    serial: int
    kind: str
    size: int
    sha256: str
    file_path: str
    name: str = ""
    mime: str = ""
    width: int = 0
    height: int = 0
    duration_s: int = 0
    thumbnail_serial: int = 0
    first_serial: int = 0
    """Of a photo: the serial of its smallest size."""
    sizes: int = 1
    """Of a photo: how many sizes follow one another from `first_serial` on."""

    def record(self) -> dict[str, Any]:
        return asdict(self)


class FileStore:
    """Files of all bots."""

    def __init__(self, folder: Path, journal: Journal) -> None:
        self.folder = folder / "files"
        self.folder.mkdir(parents=True, exist_ok=True)
        self._journal = journal
        self._secret = _load_secret(folder / "file_ids.key")
        self._last_serial = 0
        self._files: dict[int, StoredFile] = {}
        self._by_path: dict[str, StoredFile] = {}

    def restore(self, body: dict[str, Any]) -> None:
        self._register(StoredFile(**body))

    def _register(self, file: StoredFile) -> None:
        self._last_serial = max(self._last_serial, file.serial)
        self._files[file.serial] = file
        self._by_path[file.file_path] = file

    def reserve(self, count: int) -> int:
        """The first of `count` serials that nobody else gets."""
        first = self._last_serial + 1
        self._last_serial += count
        return first

    async def add(
        self, kind: str, data: bytes, *, extension: str = "", serial: int = 0, **facts: Any
    ) -> StoredFile:
        """Store bytes under a new identity; `facts` are fields of StoredFile."""
        serial = serial or self.reserve(1)
        folder = FOLDERS.get(kind, f"{kind}s")
        path = f"{folder}/file_{serial}{extension}"
        digest = hashlib.sha256(data).hexdigest()
        file = StoredFile(serial, kind, len(data), digest, path, **facts)
        self._register(file)
        blob = self.blob(file)
        if not blob.exists():
            await asyncio.to_thread(_write_whole, blob, data)
        self._journal.changed("file", str(serial), file)
        return file

    def blob(self, file: StoredFile) -> Path:
        """Where the bytes are."""
        return self.folder / file.sha256[:2] / file.sha256

    def get(self, serial: int) -> StoredFile | None:
        return self._files.get(serial)

    def all_sizes(self, file: StoredFile) -> list[StoredFile]:
        """A photo in all its sizes, smallest first; any other file alone."""
        if not file.first_serial:
            return [file]
        serials = range(file.first_serial, file.first_serial + file.sizes)
        return [self._files[serial] for serial in serials]

    def by_path(self, path: str) -> StoredFile | None:
        return self._by_path.get(path)

    def clear(self) -> None:
        self._files.clear()
        self._by_path.clear()

    def file_id(self, bot_id: int, file: StoredFile) -> str:
        head = ID_LAYOUT.pack(KIND_CODES[file.kind], 2, 1, bot_id, file.serial)
        return _encode(head + self._signature(head) + bytes([ID_VERSION, 4]))

    def unique_id(self, file: StoredFile) -> str:
        """The same for every bot and every time; good for nothing but comparing."""
        head = struct.pack(">BQ", KIND_CODES[file.kind], file.serial)
        return "AQAD" + _encode(self._signature(head)[:8])

    def resolve(self, bot_id: int, file_id: str) -> StoredFile:
        """Raises 400 for an id that is none, or that another bot was given."""
        binary = _decode(file_id)
        if len(binary) != ID_LAYOUT.size + SIGNATURE_BYTES + 2 or binary[-1] != 4:
            raise bad_request(
                "wrong remote file identifier specified: can't unserialize it. Wrong last symbol"
            )
        head, signature = binary[: ID_LAYOUT.size], binary[ID_LAYOUT.size : -2]
        _, _, _, owner, serial = ID_LAYOUT.unpack(head)
        file = self._files.get(serial)
        if (
            owner != bot_id
            or file is None
            or not hmac.compare_digest(signature, self._signature(head))
        ):
            raise bad_request("wrong file_id or the file is temporarily unavailable")
        return file

    def _signature(self, head: bytes) -> bytes:
        return hmac.digest(self._secret, head, "sha256")[:SIGNATURE_BYTES]

    def facts(self, bot_id: int, file: StoredFile) -> dict[str, Any]:
        """The fields that every file object of the Bot API has."""
        return {
            "file_id": self.file_id(bot_id, file),
            "file_unique_id": self.unique_id(file),
            "file_size": file.size,
        }

    def photo_size(self, bot_id: int, file: StoredFile) -> dict[str, Any]:
        return {**self.facts(bot_id, file), "width": file.width, "height": file.height}


def _write_whole(path: Path, data: bytes) -> None:
    path.parent.mkdir(exist_ok=True)
    # Renamed into place: a reader never sees half a file.
    part = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    part.write_bytes(data)
    part.replace(path)


def _load_secret(path: Path) -> bytes:
    if not path.exists():
        path.write_bytes(secrets.token_bytes(32))
    return path.read_bytes()


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _decode(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise bad_request(
            "wrong remote file identifier specified: Wrong character in the string"
        ) from None
