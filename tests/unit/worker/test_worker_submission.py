"""The order of a render: once, with the right key, and never blindly a second time."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from neurocards.domain.buttons import cancel_job_data
from neurocards.domain.callbacks import callback_path
from neurocards.domain.jobs import JobStatus
from neurocards.domain.keys import fingerprint
from neurocards.errors import StoreUnavailableError
from neurocards.ports.providers import Button
from neurocards.testing.videos import TINY_JPEG
from neurocards_worker.settlement import Settled
from support.worker_bench import (
    DEAD_MODEL,
    NO_CREDITS,
    PEOPLE,
    PUBLIC_URL,
    RATE_LIMIT,
    SECRET,
    SERVER_ERROR,
    SUPPORT,
    UNAUTHORIZED,
    WorkerBench,
    kie_error,
    not_sent,
)


async def test_an_order_goes_from_the_photo_to_the_video_with_one_task(bench: WorkerBench):
    job_id = await bench.accept()

    record = await bench.carry(job_id)

    assert record.status is JobStatus.DONE
    assert record.result_file_id == bench.status_message.video == "video-1"
    assert len(bench.provider.created) == 1
    assert list(bench.provider.uploads.values()) == [TINY_JPEG]
    assert bench.refunds(job_id) == 0


async def test_the_photo_is_downloaded_and_cleaned_once_and_no_file_is_left(bench: WorkerBench):
    await bench.carry(await bench.accept())

    assert len(bench.messenger.downloads) == bench.inspector.cleanings == 1
    assert list(bench.folder.iterdir()) == []


async def test_the_callback_address_names_job_and_attempt_and_is_signed(bench: WorkerBench):
    job_id = await bench.accept()

    await bench.carry(job_id)

    expected = PUBLIC_URL + callback_path(SECRET.encode(), job_id, 1)
    assert bench.provider.created[0].callback_url == expected


async def test_without_a_public_address_no_callback_is_asked_for(uncalled: WorkerBench):
    await uncalled.carry(await uncalled.accept())

    assert uncalled.provider.created[0].callback_url is None


async def test_too_many_orders_rest_the_key_for_an_hour_and_another_key_is_taken(
    two_keys: WorkerBench,
):
    two_keys.provider.create_errors.append(kie_error(*RATE_LIMIT))
    job_id = await two_keys.accept()

    record = await two_keys.carry(job_id)

    assert record.status is JobStatus.DONE
    assert record.tries == 0
    assert sorted([str(two_keys.blocked("key-1")), str(two_keys.blocked("key-2"))]) == [
        "None",
        "rate_limit",
    ]
    two_keys.clock.advance(3601)
    assert two_keys.blocked("key-1") is two_keys.blocked("key-2") is None


async def test_with_all_keys_at_rest_the_job_is_parked_and_the_user_told_once(bench: WorkerBench):
    bench.provider.create_errors.extend([kie_error(*RATE_LIMIT)] * 3)
    job_id = await bench.accept()

    record = await bench.carry(job_id)

    assert record.status is JobStatus.QUEUED
    assert record.postponed_reason == "keys_blocked"
    assert (record.tries, record.submissions) == (0, 0)
    assert "Сервис перегружен" in bench.status_message.html
    assert bench.status_message.button == Button("Отменить", cancel_job_data(job_id))
    bench.status_message.html = "something else"
    bench.clock.advance(301)
    assert (await bench.carry(job_id)).status is JobStatus.QUEUED
    assert bench.status_message.html == "something else"


async def test_a_parked_job_goes_on_when_its_key_is_free_again(bench: WorkerBench):
    bench.provider.create_errors.append(kie_error(*RATE_LIMIT))

    record = await bench.carry_to_end(await bench.accept())

    assert record.status is JobStatus.DONE
    assert record.tries == 0


async def test_a_job_parked_until_its_deadline_is_given_up_with_a_refund(bench: WorkerBench):
    bench.provider.create_errors.extend([kie_error(*RATE_LIMIT)] * 30)
    job_id = await bench.accept()
    balance = bench.balance

    record = await bench.carry_to_end(job_id)

    assert record.status is JobStatus.FAILED
    assert record.error_class == "RATE_LIMIT"
    assert bench.balance == balance + 1
    assert bench.clock.now() - record.created_at >= timedelta(hours=3)


async def test_an_empty_account_rests_the_key_for_a_day_and_refunds_at_once(bench: WorkerBench):
    bench.provider.create_errors.append(kie_error(*NO_CREDITS))
    job_id = await bench.accept()

    record = await bench.carry(job_id)

    assert record.status is JobStatus.FAILED
    assert record.error_class == "BILLING"
    assert bench.refunds(job_id) == 1
    assert SUPPORT in bench.status_message.html
    bench.clock.advance(24 * 3600 - 10)
    assert bench.blocked("key-1") == "billing"


async def test_a_key_that_the_provider_does_not_know_is_passed_over(two_keys: WorkerBench):
    two_keys.provider.known_keys = frozenset({"key-2"})

    record = await two_keys.carry(await two_keys.accept())

    assert record.status is JobStatus.DONE
    assert record.task is not None
    assert record.task.key_fingerprint == fingerprint("key-2")


async def test_a_lone_key_that_the_provider_does_not_know_ends_the_job(bench: WorkerBench):
    bench.provider.create_errors.append(kie_error(*UNAUTHORIZED))
    job_id = await bench.accept()

    record = await bench.carry(job_id)

    assert (record.status, record.error_class) == (JobStatus.FAILED, "UNKNOWN")
    assert bench.refunds(job_id) == 1


@pytest.mark.parametrize(
    ("error", "expected"), [(PEOPLE, "USER_VIOLATION"), (DEAD_MODEL, "UNKNOWN")]
)
async def test_what_a_repeat_cannot_mend_is_refunded_at_once(
    bench: WorkerBench, error: tuple[str, str], expected: str
):
    bench.provider.create_errors.append(kie_error(*error))
    job_id = await bench.accept()

    record = await bench.carry(job_id)

    assert (record.status, record.error_class) == (JobStatus.FAILED, expected)
    assert record.error_text == error[0]
    assert bench.refunds(job_id) == 1


@pytest.mark.parametrize("error", [kie_error(*SERVER_ERROR), not_sent()])
async def test_a_passing_error_is_tried_three_times_in_all(bench: WorkerBench, error: Exception):
    bench.provider.create_errors.extend([error] * 3)  # type: ignore[list-item]
    job_id = await bench.accept()

    first = await bench.carry(job_id)
    assert (first.status, first.tries, first.submissions) == (JobStatus.QUEUED, 1, 0)
    assert "повторяем" in bench.status_message.html
    last = await bench.carry_to_end(job_id)

    assert (last.status, last.tries) == (JobStatus.FAILED, 2)
    assert bench.refunds(job_id) == 1
    assert len(bench.provider.created) == 0


async def test_a_passing_error_that_passes_costs_nothing(bench: WorkerBench):
    bench.provider.create_errors.append(kie_error(*SERVER_ERROR))

    record = await bench.carry_to_end(await bench.accept())

    assert record.status is JobStatus.DONE
    assert len(bench.writer.requests) == 1, "the script was there already"


async def test_a_key_is_taken_after_the_upload_since_a_slow_one_would_move_orders_together(
    bench: WorkerBench, monkeypatch: pytest.MonkeyPatch
):
    """The provider sees the orders as far apart as the keys were taken."""
    upload, taken_before_uploads = bench.provider.upload, []

    async def slow(*args: Any, **named: Any) -> str:
        taken_before_uploads.append(sum(map(len, bench.world.database.takes.values())))
        bench.clock.advance(9)
        return await upload(*args, **named)

    monkeypatch.setattr(bench.provider, "upload", slow)

    record = await bench.carry(await bench.accept())

    assert record.status is JobStatus.DONE
    assert taken_before_uploads == [0]
    assert sum(map(len, bench.world.database.takes.values())) == 1


async def test_without_a_healthy_key_no_photo_is_brought_to_the_provider(bench: WorkerBench):
    await bench.assembly.gate.register()
    await bench.world.keys.block(fingerprint("key-1"), for_s=3600, reason="billing")

    record = await bench.carry(await bench.accept())

    assert (record.status, record.postponed_reason) == (JobStatus.QUEUED, "keys_blocked")
    assert (record.tries, bench.provider.uploads) == (0, {})


async def test_a_full_window_is_waited_for_without_a_word(bench: WorkerBench):
    keys = bench.world.keys
    for _ in range(20):
        await bench.assembly.gate.register()
        await keys.take([fingerprint("key-1")], window_s=10.0, limit=20)
    start = bench.clock.now()

    record = await bench.carry(await bench.accept())

    assert record.status is JobStatus.DONE
    assert bench.clock.now() - start >= timedelta(seconds=9)
    assert record.tries == 0


async def test_an_answer_that_comes_after_another_worker_took_over_is_told_to_him(
    bench: WorkerBench,
):
    job_id = await bench.accept()
    run = await bench.claim(job_id)
    create = bench.provider.create

    async def slow_create(*args: object, **named: object) -> str:
        bench.clock.advance(61)
        await bench.claim(job_id)
        return await create(*args, **named)  # type: ignore[arg-type]

    bench.provider.create = slow_create  # type: ignore[method-assign]
    assert await bench.assembly.carrier.carry(run) is Settled.LOST
    assert (f"wake.render.{job_id}", b"task-1") in bench.hints.announced
    assert bench.record(job_id).status is JobStatus.SUBMITTING
    assert bench.refunds(job_id) == 0


async def test_whatever_is_raised_after_an_order_was_sent_it_is_not_given_again_blindly(
    bench: WorkerBench, monkeypatch: pytest.MonkeyPatch
):
    create = bench.provider.create

    async def taken_then_broken(*args: Any, **kwargs: Any) -> str:
        await create(*args, **kwargs)
        raise RuntimeError("a reply that nobody foresaw")

    monkeypatch.setattr(bench.provider, "create", taken_then_broken)
    job_id = await bench.accept()
    start = bench.clock.now()

    record = await bench.carry_to_end(job_id)

    assert (record.status, record.error_code) == (JobStatus.FAILED, "order_lost")
    assert (len(bench.provider.created), record.orphans) == (2, 1)
    assert bench.clock.now() - start >= timedelta(seconds=1200)


async def test_a_task_that_could_not_be_stored_is_looked_for_before_another_is_ordered(
    bench: WorkerBench, monkeypatch: pytest.MonkeyPatch
):
    store_task = bench.world.jobs.store_task
    errors = [RuntimeError("an error that is not an outage")]

    async def broken_once(*args: Any) -> bool:
        if errors:
            raise errors.pop()
        return await store_task(*args)

    monkeypatch.setattr(bench.world.jobs, "store_task", broken_once)
    job_id = await bench.accept()
    assert (await bench.carry(job_id)).submissions == 1
    bench.wakes.hints.append("task-1")

    record = await bench.carry_to_end(job_id)

    assert (record.status, record.orphans) == (JobStatus.DONE, 0)
    assert len(bench.provider.created) == 1


async def test_a_repeated_order_that_is_refused_leaves_the_lost_one_counted(bench: WorkerBench):
    job_id = await bench.accept()
    bench.provider.lost_answers = 1
    create = bench.provider.create

    async def refused_after_the_first(*args: Any, **kwargs: Any) -> str:
        if bench.provider.created:
            bench.provider.create_errors.append(kie_error(*RATE_LIMIT))
        return await create(*args, **kwargs)

    bench.provider.create = refused_after_the_first  # type: ignore[method-assign]

    record = await bench.carry(job_id)

    assert (record.status, record.submissions) == (JobStatus.QUEUED, 1)
    assert (len(bench.provider.created), record.orphans) == (1, 1)


async def test_a_task_id_is_told_though_the_store_is_away_until_the_worker_ends(
    bench: WorkerBench, monkeypatch: pytest.MonkeyPatch
):
    job_id = await bench.accept()
    waits = asyncio.Event()

    async def away(*args: Any) -> bool:
        waits.set()
        raise StoreUnavailableError("away")

    monkeypatch.setattr(bench.world.jobs, "store_task", away)
    told: list[tuple[str, bytes]] = []

    async def announced(subject: str, payload: bytes) -> None:
        told.append((subject, payload))

    monkeypatch.setattr(bench.hints, "announce", announced)
    carrying = asyncio.create_task(bench.assembly.carrier.carry(await bench.claim(job_id)))
    async with asyncio.timeout(10):
        await waits.wait()
    carrying.cancel()
    await asyncio.wait({carrying})

    assert (f"wake.render.{job_id}", b"task-1") in told


async def test_a_store_that_is_away_at_the_key_gate_uses_up_no_try(
    bench: WorkerBench, monkeypatch: pytest.MonkeyPatch
):
    take = bench.world.keys.take
    outages = [StoreUnavailableError("no free connection")] * 4

    async def away_at_first(*args: Any, **named: Any) -> Any:
        if outages:
            raise outages.pop()
        return await take(*args, **named)

    monkeypatch.setattr(bench.world.keys, "take", away_at_first)

    record = await bench.carry_to_end(await bench.accept())

    assert (record.status, record.tries) == (JobStatus.DONE, 0)


async def test_a_store_that_is_away_for_the_template_uses_up_no_try(
    bench: WorkerBench, monkeypatch: pytest.MonkeyPatch
):
    template = bench.world.templates.template
    outages = [StoreUnavailableError("no free connection")] * 4

    async def away_at_first(template_id: str) -> Any:
        if outages:
            raise outages.pop()
        return await template(template_id)

    monkeypatch.setattr(bench.world.templates, "template", away_at_first)

    record = await bench.carry_to_end(await bench.accept())

    assert (record.status, record.tries) == (JobStatus.DONE, 0)


async def test_a_refused_order_is_no_doubt_though_its_key_could_not_be_blocked(
    bench: WorkerBench, monkeypatch: pytest.MonkeyPatch
):
    async def away(*args: Any, **named: Any) -> None:
        raise StoreUnavailableError((args, named))

    monkeypatch.setattr(bench.world.keys, "block", away)
    bench.provider.create_errors.append(kie_error(*RATE_LIMIT))

    record = await bench.carry_to_end(await bench.accept())

    assert (record.status, record.orphans) == (JobStatus.DONE, 0)
