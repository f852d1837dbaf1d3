"""Files of the simulator: photos that were uploaded, until they expire.

Invariant: a name given by a client is a key, never a path; bytes lie under names of our own.
"""

from __future__ import annotations

import mimetypes
import posixpath
import re
import uuid
from pathlib import Path

from neurocards_sandbox.kie.envelopes import RefusedError
from neurocards_sandbox.kie.store import Store, StoredUpload

NAME_CHARACTERS_MAX = 512
_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f\\]")


class Uploads:
    def __init__(self, folder: Path, store: Store, ttl_s: float) -> None:
        self._folder = folder
        self._store = store
        self._ttl_s = ttl_s
        folder.mkdir(parents=True, exist_ok=True)

    def save(self, path: str, content: bytes, media_type: str, now_s: float) -> StoredUpload:
        """Keep `content` under `path`; an older file of the same name is replaced."""
        old = self._store.load_upload(path)
        upload = StoredUpload(uuid.uuid4().hex, media_type, len(content), now_s)
        (self._folder / upload.stored_as).write_bytes(content)
        self._store.save_upload(path, upload)
        if old is not None:
            (self._folder / old.stored_as).unlink(missing_ok=True)
        return upload

    def find(self, path: str, now_s: float) -> tuple[Path, StoredUpload] | None:
        upload = self._store.load_upload(path)
        if upload is None or now_s - upload.stored_s >= self._ttl_s:
            return None
        return self._folder / upload.stored_as, upload

    def forget_before(self, stored_s: float) -> int:
        """Delete uploads stored at that moment or earlier; gives how many."""
        names = self._store.delete_uploads_before(stored_s)
        for name in names:
            (self._folder / name).unlink(missing_ok=True)
        return len(names)

    def forget_expired(self, now_s: float) -> int:
        return self.forget_before(now_s - self._ttl_s)


def upload_path(folder: str, name: str) -> str:
    """Join and check the two names of an upload; RefusedError 400 when they are unusable."""
    joined = posixpath.normpath(posixpath.join("/", folder.strip("/"), name.strip("/"))).strip("/")
    escaping = ".." in folder.split("/") or ".." in name.split("/")
    if not joined or escaping or _FORBIDDEN.search(joined) or len(joined) > NAME_CHARACTERS_MAX:
        raise RefusedError(400, "uploadPath or fileName is invalid")
    return joined


def media_type_of(name: str, content: bytes, told: str | None = None) -> str:
    """Name the type by the content's first bytes, then by what was told, then by the name."""
    for magic, media_type in _MAGIC.items():
        if content.startswith(magic):
            return media_type
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    guessed = mimetypes.guess_type(name)[0]
    return told or guessed or "application/octet-stream"


_MAGIC = {
    b"\xff\xd8\xff": "image/jpeg",
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"GIF8": "image/gif",
}
