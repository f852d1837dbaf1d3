"""The folder that a demo keeps between two runs: one demo at a time, its secrets for us only."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Self

from neurocards_sandbox.demo.errors import DemoError

SECRETS_FILE = "secrets.json"
_PRIVATE = 0o600


def _token() -> str:
    return secrets.token_urlsafe(24)


def _bot_token() -> str:
    # As BotFather makes them; the number before the colon is the bot's id.
    return f"{7_000_000_000 + secrets.randbelow(900_000_000)}:AA{secrets.token_urlsafe(25)[:33]}"


@dataclass(frozen=True, slots=True)
class DemoSecrets:
    """Made once per folder, so that a second run knows its users, files and renders again."""

    bot_token: str = field(default_factory=_bot_token, repr=False)
    webhook_secret: str = field(default_factory=_token, repr=False)
    callback_secret: str = field(default_factory=_token, repr=False)
    kie_key: str = field(default_factory=_token, repr=False)
    kie_webhook_key: str = field(default_factory=_token, repr=False)
    openai_key: str = field(default_factory=_token, repr=False)
    migrate_password: str = field(default_factory=_token, repr=False)
    bot_password: str = field(default_factory=_token, repr=False)
    worker_password: str = field(default_factory=_token, repr=False)
    operator_password: str = field(default_factory=_token, repr=False)
    page_password: str = field(default_factory=_token, repr=False)

    @property
    def bot_id(self) -> int:
        return int(self.bot_token.partition(":")[0])


class DataFolder:
    """`with DataFolder(path) as folder:` holds the folder; DemoError when another demo does."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.logs = self.path / "logs"
        self._lock: int | None = None

    def __enter__(self) -> Self:
        try:
            for folder in (self.logs, self.path / "work"):
                folder.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(self.path / "demo.lock", os.O_RDWR | os.O_CREAT, _PRIVATE)
        except OSError as error:
            raise DemoError(f"the data folder {self.path} cannot be used: {error}") from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.pread(self._lock, 20, 0).decode().strip() or "?"
            os.close(self._lock)
            raise DemoError(
                f"a demo is already running on {self.path} (process {owner}); use its page, end "
                "it with Ctrl-C, or start another one beside it: --data FOLDER --port PORT"
            ) from None
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, str(os.getpid()).encode(), 0)
        return self

    def __exit__(self, *_: object) -> None:
        # The kernel frees the lock too when we are killed; the file stays and means nothing.
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def load_secrets(self) -> DemoSecrets:
        """Read the secrets of this folder; the ones that are missing are made now."""
        path = self.path / SECRETS_FILE
        known: dict[str, str] = {}
        if path.exists():
            try:
                known = json.loads(path.read_text("utf-8"))
            except (OSError, ValueError) as error:
                raise DemoError(f"{path} cannot be read: {error}") from error
        names = {one.name for one in fields(DemoSecrets)}
        loaded = DemoSecrets(**{name: known[name] for name in names & known.keys()})
        if asdict(loaded) != known:
            _write_private(path, json.dumps(asdict(loaded), indent=2))
        return loaded


def _write_private(path: Path, text: str) -> None:
    part = path.with_name(path.name + ".part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE), "w") as file:
        file.write(text)
    part.replace(path)
