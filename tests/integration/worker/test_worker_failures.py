"""Each class of failure through the real worker: what the user reads, and his credits."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from support.waiting import until
from support.worker_world import SUPPORT, WorkerWorld


def encoded(image: Image.Image, kind: str, **saving: object) -> bytes:
    target = io.BytesIO()
    image.save(target, kind, **saving)
    return target.getvalue()


@pytest.mark.parametrize(
    ("word", "error_class", "words"),
    [
        ("violation", "USER_VIOLATION", "You violated Kling 3.0 rules."),
        ("people-create", "USER_VIOLATION", "You violated Kling 3.0 rules."),
        ("openai-refusal", "USER_VIOLATION", "You violated OpenAI rules."),
        ("billing", "BILLING", f"Contact support {SUPPORT}"),
        ("openai-quota", "BILLING", f"Contact support {SUPPORT}"),
        ("unknown", "UNKNOWN", f"Contact support {SUPPORT}"),
        ("dead-model", "UNKNOWN", f"Contact support {SUPPORT}"),
        ("temporary", "TEMPORARY", "A temporary error did not pass"),
        ("maintenance", "TEMPORARY", "A temporary error did not pass"),
        ("stuck", "TEMPORARY", "A temporary error did not pass"),
        ("rate", "RATE_LIMIT", "Service overloaded."),
    ],
)
async def test_a_failure_is_told_in_words_and_refunded_once(
    world: WorkerWorld, word: str, error_class: str, words: str
):
    # What ends by a deadline gets a short one, the rest has time.
    await world.start_worker(NEUROCARDS_RENDER_DEADLINE_S="3" if word == "stuck" else "60")

    deadline_s = 8.0 if word == "rate" else 600.0
    job_id = await world.order(caption=f"Mug [sim:{word}]", deadline_s=deadline_s)
    job = await world.until_status(job_id, "done", "failed")

    assert (job["status"], job["error_class"]) == ("failed", error_class), dict(job)
    await world.person.reads(words)
    await world.person.reads("1 credit has been returned to you.")
    assert await world.refunds(job_id) == 2, "both sides of one booking"
    assert await world.balance() == 3


@pytest.mark.parametrize(
    "word", ["temporary:1", "result-500", "info-500", "info-garbage", "openai-500:1", "slow"]
)
async def test_what_passes_by_itself_ends_in_a_video(world: WorkerWorld, word: str):
    await world.start_worker()

    job_id = await world.order(caption=f"Mug [sim:{word}]")
    job = await world.until_status(job_id, "done", "failed")

    assert job["status"] == "done", dict(job)
    assert await world.refunds(job_id) == 0


@pytest.mark.parametrize("word", ["result-redirect", "result-foreign", "result-html"])
async def test_a_result_that_leads_elsewhere_is_not_followed(world: WorkerWorld, word: str):
    await world.start_worker()

    job_id = await world.order(caption=f"Mug [sim:{word}]")
    job = await world.until_status(job_id, "done", "failed")

    assert job["status"] == "failed", dict(job)
    assert await world.refunds(job_id) == 2


@pytest.mark.parametrize(
    ("photo", "fault"),
    [
        (b"not a picture at all", "not_an_image"),
        (encoded(Image.linear_gradient("L").resize((900, 900)), "JPEG")[:4000], "damaged"),
        (encoded(Image.new("L", (10_000, 6_000)), "PNG"), "too_many_pixels"),
        (b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic" + bytes(400), "heic"),
        (encoded(Image.new("RGB", (20, 20)), "PNG"), "too_small"),
    ],
)
async def test_a_photo_that_cannot_be_used_is_refunded_with_the_reason(
    world: WorkerWorld, photo: bytes, fault: str
):
    await world.start_worker()

    job_id = await world.order(photo=photo)
    job = await world.until_status(job_id, "done", "failed")

    assert (job["status"], job["error_code"]) == ("failed", f"photo_{fault}")
    await world.person.reads("The photo cannot be used.")
    assert await world.balance() == 3
    assert await world.created() == 0


async def test_a_download_that_always_breaks_off_ends_in_a_refund_and_is_counted(
    world: WorkerWorld,
):
    """The render is paid for and lost; no second one is ordered."""
    worker = await world.start_worker(NEUROCARDS_FETCH_TRIES="3")

    job_id = await world.order(caption="Mug [sim:result-truncated]")
    job = await world.until_status(job_id, "done", "failed")

    assert (job["status"], job["error_code"]) == ("failed", "video_unfetched"), dict(job)
    assert job["fetch_failures"] == 3
    assert await world.created() == 1
    assert await world.refunds(job_id) == 2, "both sides of one booking"
    await world.person.reads("1 credit has been returned to you.")
    metrics = (await world.http.get(f"{worker.probes_url}/metrics")).text
    assert 'neurocards_renders_lost_total{code="video_unfetched"} 1.0' in metrics
    assert "fetch.render_lost" in worker.log()


@pytest.mark.parametrize("word", ["result-null", "result-empty", "result-broken"])
async def test_a_success_that_shows_no_video_is_paid_for_once_and_counted_as_lost(
    world: WorkerWorld, word: str
):
    """The provider takes its credits for it, so another render would be a second one to pay."""
    worker = await world.start_worker()

    job_id = await world.order(caption=f"Mug [sim:{word}]")
    job = await world.until_status(job_id, "done", "failed")

    assert (job["status"], job["error_code"]) == ("failed", "result_missing"), dict(job)
    assert (await world.created(), job["orphans"]) == (1, 0)
    assert await world.refunds(job_id) == 2, "both sides of one booking"
    await world.person.reads("A temporary error did not pass")
    metrics = (await world.http.get(f"{worker.probes_url}/metrics")).text
    assert 'neurocards_renders_lost_total{code="result_missing"} 1.0' in metrics
    assert "fetch.render_lost" in worker.log()


async def test_the_count_of_broken_downloads_outlives_the_worker(world: WorkerWorld):
    """Each worker of a chain of two has its share of the tries."""
    first = await world.start_worker(NEUROCARDS_FETCH_TRIES="1000")
    job_id = await world.order(caption="Mug [sim:result-truncated]")

    async def two_broke_off() -> bool:
        return int((await world.job(job_id))["fetch_failures"]) >= 2

    await until(two_broke_off)
    await first.child.stop(timeout_s=40.0)
    counted = int((await world.job(job_id))["fetch_failures"])
    await world.start_worker(NEUROCARDS_FETCH_TRIES=str(counted + 1))
    job = await world.until_status(job_id, "done", "failed")
    assert (job["status"], job["fetch_failures"]) == ("failed", counted + 1)
    assert await world.created() == 1
