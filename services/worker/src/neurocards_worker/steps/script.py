"""Script: the photo and the wish become the lines and the direction of a video."""

from __future__ import annotations

from dataclasses import replace

from neurocards.domain.failures import ClassifiedFailure, FailureClass
from neurocards.domain.jobs import Job
from neurocards.domain.outcomes import GiveUp, Lost, Outcome
from neurocards.errors import PhotoUnusableError, ProviderError
from neurocards.ports.jobs import JobStore, TemplateStore
from neurocards.ports.providers import ScriptWriter
from neurocards_worker.moments import Moments
from neurocards_worker.run import Run
from neurocards_worker.steps.photo import PhotoSource
from neurocards_worker.steps.trouble import Trouble
from neurocards_worker.verdicts import own_failure, photo_failure


class ScriptStep:
    name = "script"

    def __init__(
        self,
        jobs: JobStore,
        *,
        templates: TemplateStore,
        writer: ScriptWriter,
        photos: PhotoSource,
        trouble: Trouble,
        moments: Moments,
    ) -> None:
        self._jobs = jobs
        self._templates = templates
        self._writer = writer
        self._photos = photos
        self._trouble = trouble
        self._moments = moments

    async def run(self, run: Run) -> Outcome | None:
        job = run.job
        if job.script is not None or job.task is not None:
            return None
        if self._moments.now() >= job.deadline_at:
            return GiveUp(deadline_passed(job))
        template = await self._templates.template(job.order.template_id)
        if template is None:
            text = f"there is no template {job.order.template_id!r}"
            return GiveUp(own_failure(FailureClass.UNKNOWN, "template_missing", text))
        try:
            photo = await self._photos.cleaned(run)
            script = await self._writer.write(job.order, template, photo)
        except PhotoUnusableError as error:
            return self._trouble.outcome(photo_failure(error), job)
        except ProviderError as error:
            return self._trouble.on_refusal(error, job)
        if not await self._jobs.store_script(job.fence, script):
            return Lost()
        run.job = replace(job, script=script)
        return None


def deadline_passed(job: Job) -> ClassifiedFailure:
    """Name the failure of a job whose time was up before its render was ordered."""
    text = f"not submitted until {job.deadline_at.isoformat()}"
    return own_failure(FailureClass.RATE_LIMIT, "deadline", text)
