"""A Telegram Bot API server in one process, for demos, tests and load.

The unmodified aiogram client cannot tell it from api.telegram.org: envelopes, error texts,
limits, files, webhooks and long polling behave as the production server's. It has no accounts
and no network behind it; what users do comes in through the control API (see `control`).
"""

from neurocards_sandbox.telegram.app import create_app
from neurocards_sandbox.telegram.settings import TelegramSandboxSettings

__all__ = ["TelegramSandboxSettings", "create_app"]
