"""What users read of a job: its state, its end, and what they can do about it.

HTML of Telegram; every value that comes from outside is escaped here.
"""

from __future__ import annotations

import html
import math
import re

from neurocards.domain.buttons import cancel_job_data, order_again_data
from neurocards.domain.failures import ClassifiedFailure, FailureClass, FailureSource
from neurocards.domain.jobs import Job, JobStatus
from neurocards.domain.progress import Progress
from neurocards.ports.providers import Button
from neurocards.translations import Translations, gettext_noop
from neurocards_worker.verdicts import PHOTO_FAULT_PREFIX

_SECONDS_PER_MINUTE = 60
_LINKABLE = re.compile(r"[@/#$]\w|\w[.:]\w|://|\d[\d ()-]{5,}\d")
_STATES = {
    JobStatus.QUEUED: gettext_noop("In the queue"),
    JobStatus.SCRIPTING: gettext_noop("Writing the script"),
    JobStatus.SUBMITTING: gettext_noop("Ordering the video"),
    JobStatus.RENDERING: gettext_noop("Making the video"),
    JobStatus.FETCHING: gettext_noop("Taking the finished video"),
    JobStatus.DELIVERING: gettext_noop("Sending the video"),
}
_WAITS = {
    FailureClass.RATE_LIMIT: gettext_noop("Service overloaded, wait..."),
    FailureClass.TEMPORARY: gettext_noop("Temporary error, retrying..."),
    FailureClass.UNKNOWN: gettext_noop("Temporary error, retrying..."),
}
_ENDS = {
    FailureClass.USER_VIOLATION: gettext_noop(
        "<b>You violated {rules_of} rules.</b>\n"
        "The photo or its description shows what may not be in a video: a real person, somebody "
        "else's brand or character, or a forbidden product. Try another photo or description."
    ),
    FailureClass.BILLING: gettext_noop(
        "<b>Contact support {support}</b>\n"
        "The video was not made: an account of ours needs attention. You need not do anything else."
    ),
    FailureClass.RATE_LIMIT: gettext_noop(
        "<b>Service overloaded.</b>\n"
        "We waited for a free place as long as we could, and the video was not made. "
        "Please order it again a little later."
    ),
    FailureClass.TEMPORARY: gettext_noop(
        "<b>The video was not made.</b>\n"
        "A temporary error did not pass in several tries. Please order it again a little later."
    ),
    FailureClass.UNKNOWN: gettext_noop(
        "<b>Contact support {support}</b>\nThe video was not made because of an unexpected error."
    ),
}
_PHOTO_UNUSABLE = gettext_noop(
    "<b>The photo cannot be used.</b>\n"
    "It is damaged or of a kind that we cannot read. Send it again as a JPEG, PNG or WEBP picture."
)
_READY = gettext_noop("✅ Your video is ready: it is in the message above.")
_WITH_ORDER_NUMBER = frozenset({FailureClass.BILLING, FailureClass.UNKNOWN})


class WorkerTexts:
    def __init__(
        self, translations: Translations, *, model_name: str, support_handle: str = ""
    ) -> None:
        """`model_name`: how people call the video model, e.g. `Kling 3.0`."""
        self._translations = translations
        self._model_name = model_name
        self._support = html.escape(support_handle)

    def status(self, language: str, status: JobStatus, progress: Progress) -> str:
        state = self._translations.text(language, _STATES[status])
        lines = [f"🎬 <b>{state}</b>", f"{progress.bar} {progress.percent} %"]
        if progress.remaining_s is not None:
            lines.append(self._estimate(language, progress.remaining_s))
        return "\n".join(lines)

    def _estimate(self, language: str, remaining_s: int) -> str:
        if remaining_s < _SECONDS_PER_MINUTE:
            return self._translations.text(language, "Less than a minute left")
        return self._translations.plural(
            language,
            "About {count} minute left",
            "About {count} minutes left",
            math.ceil(remaining_s / _SECONDS_PER_MINUTE),
        )

    def cancel_button(self, job: Job) -> Button | None:
        """Give the button under the text of a job that its user may still cancel."""
        if not job.is_cancellable:
            return None
        return Button(self._translations.text(job.language, "Cancel"), cancel_job_data(job.id))

    def waiting(self, language: str, failure_class: FailureClass) -> str:
        return "⏳ " + self._translations.text(language, _WAITS[failure_class])

    def failed(self, job: Job, failure: ClassifiedFailure) -> str:
        text = self._translations.text
        language = job.language
        if failure.code.startswith(PHOTO_FAULT_PREFIX):
            end = text(language, _PHOTO_UNUSABLE)
        else:
            end = text(
                language,
                _ENDS[failure.failure_class],
                rules_of=html.escape(self._rules_of(failure)),
                support=self._support,
            ).replace(" </b>", "</b>")
        lines = [f"⚠️ {end}", self._refund(job)]
        if failure.failure_class in _WITH_ORDER_NUMBER:
            lines.append(text(language, "Order number: {number}", number=f"<code>{job.id}</code>"))
        return "\n\n".join(lines)

    def again_button(self, job: Job, failure: ClassifiedFailure) -> Button | None:
        """Give the button that orders the same once more; a photo that cannot be used never can."""
        if failure.code.startswith(PHOTO_FAULT_PREFIX):
            return None
        return Button(self._translations.text(job.language, "Try again"), order_again_data(job.id))

    def cancelled(self, job: Job) -> str:
        end = self._translations.text(job.language, "<b>The order was cancelled.</b>")
        return f"🚫 {end}\n\n{self._refund(job)}"

    def _rules_of(self, failure: ClassifiedFailure) -> str:
        return "OpenAI" if failure.source is FailureSource.OPENAI else self._model_name

    def _refund(self, job: Job) -> str:
        return "💳 " + self._translations.plural(
            job.language,
            "{count} credit has been returned to you.",
            "{count} credits have been returned to you.",
            job.price_credits,
        )

    def failed_notice(self, language: str) -> str:
        return self._translations.text(
            language, "⚠️ Your video was not made. The message above tells why; you paid nothing."
        )

    def ready_notice(self, language: str) -> str:
        return self._translations.text(language, _READY)

    def undelivered_notice(self, language: str) -> str:
        return self._translations.text(
            language,
            "🎬 Your video is made, but Telegram did not say whether you got it. "
            "If you do not see it, send /start and I will bring it again.",
        )

    def video_caption(self, job: Job) -> str:
        title = job.script.title if job.script is not None else ""
        if not title:
            return "🎬"
        # Telegram makes links of bare addresses and names, but for what stands as code.
        tag = "code" if _LINKABLE.search(title) else "b"
        return f"🎬 <{tag}>{html.escape(title)}</{tag}>"
