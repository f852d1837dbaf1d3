"""From nothing to a video, as a new user would do it."""

from __future__ import annotations

import time

from e2e.conftest import Installed
from support.e2e_record import Record
from support.releases import seconds_since

TITLE = "1. Installation"


async def test_a_demo_is_installed_and_makes_a_video(installed: Installed, record: Record):
    """`helm install --wait` and then `helm test`, with nothing but one value for the demo."""
    began = time.monotonic()
    told = await installed.place.helm.run("test", "--logs", within_s=400)
    took_s = seconds_since(began)
    assert "a video of" in told
    timeline = told[told.index("job ") :].strip()
    record.tell(
        TITLE,
        f"`helm install --wait` took {installed.took_s} s, `helm test` {took_s} s; the images were "
        f"on the node:\n```\n{timeline}\n```",
    )


async def test_every_container_runs_as_the_restricted_profile_wants(installed: Installed):
    """Asked of a running process: not root, no capabilities, a root that cannot be written."""
    kubectl = installed.place.kubectl
    for name in ("bot", "worker", "operator", "sandbox"):
        status = kubectl.run("exec", f"deployment/neurocards-{name}", "--", "cat", "/proc/1/status")
        facts = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
        assert facts["Uid"].split()[0] == "10001", name
        assert int(facts["CapEff"], 16) == 0, name
        assert facts["NoNewPrivs"] == "1", name
        assert facts["Seccomp"] == "2", name
        mounts = kubectl.run("exec", f"deployment/neurocards-{name}", "--", "cat", "/proc/mounts")
        root = next(line.split() for line in mounts.splitlines() if line.split()[1] == "/")
        assert "ro" in root[3].split(","), name
