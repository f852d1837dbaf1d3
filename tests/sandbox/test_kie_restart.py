"""KIE simulator: what survives a restart, and a clock that never goes backwards."""

from __future__ import annotations

from pathlib import Path

from neurocards_sandbox.kie.clock import SimulatedClock
from neurocards_sandbox.kie.testing import kie_simulator, photo_bytes

PUBLIC = "http://kie.example"


async def test_old_results_uploads_and_credits_are_served_after_a_restart(tmp_path: Path) -> None:
    async with kie_simulator(data_dir=tmp_path, public_base_url=PUBLIC) as kie:
        await kie.upload(photo_bytes())
        task_id = await kie.created()
        before = await kie.ended(task_id)
    async with kie_simulator(data_dir=tmp_path, public_base_url=PUBLIC) as kie:
        assert (await kie.record(task_id))["data"] == before
        path = before["resultJson"].split(PUBLIC)[1].rstrip('"]}')
        assert (await kie.http.get(path)).content[4:8] == b"ftyp"
        assert (await kie.http.get("/tempfile/photos/photo.jpg")).content == photo_bytes()
        assert (await kie.http.get("/api/v1/chat/credit")).json()["data"] == 9_999_940


async def test_a_task_in_the_middle_goes_on_after_a_restart(tmp_path: Path) -> None:
    async with kie_simulator(data_dir=tmp_path, time_factor=0.001) as kie:
        task_id = await kie.created("[sim:people]")
    async with kie_simulator(data_dir=tmp_path, time_factor=1_000_000) as kie:
        assert (await kie.ended(task_id))["failCode"] == "501"
        counted = (await kie.look("/accounts"))["accounts"][0]
        assert (counted["running"], counted["credits"]) == (0, 10_000_000)


def test_the_clock_keeps_its_time_when_its_speed_changes() -> None:
    real = [1_000.0]
    clock = SimulatedClock(10.0, real_time=lambda: real[0])
    real[0] += 5
    assert clock.now() == 1_050
    clock.set_factor(1.0)
    assert clock.now() == 1_050
    real[0] += 5
    assert clock.now() == 1_055
    assert clock.real_duration(7) == 7


def test_the_clock_never_goes_backwards() -> None:
    real = [1_000.0]
    clock = SimulatedClock(1.0, real_time=lambda: real[0])
    real[0] -= 100
    assert clock.now() == 1_000
    again = SimulatedClock(50.0, saved=clock.anchor, real_time=lambda: real[0])
    assert again.now() == 1_000


async def test_the_speed_can_be_changed_while_tasks_run() -> None:
    async with kie_simulator(time_factor=0.001) as kie:
        task_id = await kie.created()
        assert (await kie.control("/clock", {"time_factor": 500_000}))["time_factor"] == 500_000
        assert (await kie.ended(task_id))["state"] == "success"
