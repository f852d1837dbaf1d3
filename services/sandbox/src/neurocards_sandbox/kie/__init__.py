"""A simulator of KIE.ai: tasks that turn a photo into a video, with the service's own manners.

It is not a video model. Invariant: whatever it answers has the form and the texts of the real
service, so that a client cannot tell them apart.
"""

from neurocards_sandbox.kie.app import create_app
from neurocards_sandbox.kie.settings import KieSandboxSettings

__all__ = ["KieSandboxSettings", "create_app"]
