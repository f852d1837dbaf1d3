"""What users read, in both languages."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from neurocards.domain.failures import ClassifiedFailure, FailureClass, FailureSource
from neurocards.domain.jobs import Job, JobStatus
from neurocards.domain.orders import Order, OrderOptions
from neurocards.domain.progress import Progress, progress
from neurocards.domain.script import Script
from neurocards.testing.clock import START
from neurocards.testing.world import new_job_id
from neurocards.translations import Translations
from neurocards_worker.texts import WorkerTexts

LANGUAGES = ("ru", "en")


@pytest.fixture
def texts() -> WorkerTexts:
    translations = Translations.load("neurocards_worker", "neurocards_worker")
    return WorkerTexts(translations, model_name="SORA 2", support_handle="@kirbudilov")


def job(language: str = "en", price_credits: int = 1) -> Job:
    return Job(
        id=new_job_id(),
        bot_id=1,
        tg_user_id=2,
        chat_id=2,
        status_message_id=3,
        pool="default",
        status=JobStatus.RENDERING,
        attempt=1,
        tries=0,
        lease_losses=0,
        language=language,
        order=Order("first", "photo", OrderOptions()),
        price_credits=price_credits,
        created_at=START,
        deadline_at=START + timedelta(hours=3),
    )


def failure(
    failure_class: FailureClass, source: FailureSource = FailureSource.KIE, code: str = ""
) -> ClassifiedFailure:
    return ClassifiedFailure(failure_class, code, "raw words of the provider", source)


@pytest.mark.parametrize(
    ("failure_class", "sentence"),
    [
        (FailureClass.USER_VIOLATION, "You violated SORA 2 rules"),
        (FailureClass.BILLING, "Contact support @kirbudilov"),
        (FailureClass.RATE_LIMIT, "Service overloaded"),
        (FailureClass.TEMPORARY, "temporary error"),
        (FailureClass.UNKNOWN, "Contact support"),
    ],
)
def test_each_class_of_failure_has_its_sentence(
    texts: WorkerTexts, failure_class: FailureClass, sentence: str
):
    assert sentence in texts.failed(job(), failure(failure_class))


def test_the_waits_have_the_words_of_the_documents(texts: WorkerTexts):
    assert "Service overloaded, wait..." in texts.waiting("en", FailureClass.RATE_LIMIT)
    assert "Temporary error, retrying..." in texts.waiting("en", FailureClass.TEMPORARY)


@pytest.mark.parametrize("failure_class", list(FailureClass))
def test_every_end_is_translated_and_tells_of_the_refund(
    texts: WorkerTexts, failure_class: FailureClass
):
    russian = texts.failed(job("ru"), failure(failure_class))

    assert "Вам возвращён 1 кредит." in russian
    english_words = [word for word in ("video", "error", "order", "photo") if word in russian]
    assert english_words == []


@pytest.mark.parametrize(
    ("count", "words"),
    [(1, "возвращён 1 кредит."), (2, "возвращено 2 кредита."), (5, "возвращено 5 кредитов.")],
)
def test_russian_counts_have_their_three_forms(texts: WorkerTexts, count: int, words: str):
    assert words in texts.failed(job("ru", count), failure(FailureClass.UNKNOWN))


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_providers_words_are_never_shown(texts: WorkerTexts, language: str):
    for failure_class in FailureClass:
        assert "raw words" not in texts.failed(job(language), failure(failure_class))


def test_only_what_support_has_to_look_into_carries_the_order_number(texts: WorkerTexts):
    one = job()

    assert str(one.id) in texts.failed(one, failure(FailureClass.UNKNOWN))
    assert str(one.id) not in texts.failed(one, failure(FailureClass.TEMPORARY))


def test_without_a_handle_support_is_named_all_the_same():
    texts = WorkerTexts(Translations({}), model_name="Kling 3.0")

    assert "<b>Contact support</b>" in texts.failed(job(), failure(FailureClass.UNKNOWN))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("status", [s for s in JobStatus if not s.is_terminal])
def test_every_running_state_has_a_line_a_bar_and_a_percentage(
    texts: WorkerTexts, language: str, status: JobStatus
):
    shown = progress(status, elapsed_s=10, expected_s=300)
    first, second, *_ = texts.status(language, status, shown).splitlines()

    assert first.startswith("🎬 <b>")
    assert second == f"{shown.bar} {shown.percent} %"


@pytest.mark.parametrize(
    ("remaining_s", "words"),
    [
        (30, "Осталось меньше минуты"),
        (60, "Осталась примерно 1 минута"),
        (61, "Осталось примерно 2 минуты"),
        (299, "Осталось примерно 5 минут"),
    ],
)
def test_the_estimate_is_rounded_up_to_minutes(texts: WorkerTexts, remaining_s: int, words: str):
    text = texts.status("ru", JobStatus.RENDERING, Progress(0.5, remaining_s))

    assert text.endswith(words)


def test_a_title_cannot_break_the_markup(texts: WorkerTexts):
    script = Script("<b>5 & more", ("line",), "", "direction")

    caption = texts.video_caption(replace(job(), script=script))

    assert caption == "🎬 <b>&lt;b&gt;5 &amp; more</b>"
