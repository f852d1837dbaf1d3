"""A simulator of OpenAI's Responses API: structured scripts out of a brief and a photo.

It is not a language model. It fills the requested schema with advertising text that mentions the
brief's own facts, always the same for the same input. Invariant: the official client reads its
replies and errors as the real service's.
"""

from neurocards_sandbox.openai.app import create_app
from neurocards_sandbox.openai.settings import OpenAiSandboxSettings

__all__ = ["OpenAiSandboxSettings", "create_app"]
