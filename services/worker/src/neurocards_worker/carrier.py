"""One job from its claim to its outcome: the steps in order, each with its time and its bugs."""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from neurocards.domain.failures import FailureClass
from neurocards.domain.jobs import LEASE_LOSSES_MAX
from neurocards.domain.outcomes import GiveUp, Outcome, Snooze
from neurocards.errors import StoreUnavailableError
from neurocards.ports.jobs import Untold
from neurocards_worker.key_gate import STORE_AWAY_REASON, STORE_AWAY_S
from neurocards_worker.logged_words import logged_bug
from neurocards_worker.metrics import WorkerMetrics
from neurocards_worker.moments import Moments
from neurocards_worker.progress_board import ProgressBoard
from neurocards_worker.run import Run, Step
from neurocards_worker.settlement import Settled, Settlement
from neurocards_worker.steps.trouble import Trouble
from neurocards_worker.verdicts import own_failure

log = structlog.get_logger(__name__)


class Carrier:
    def __init__(
        self,
        steps: Sequence[Step],
        settlement: Settlement,
        board: ProgressBoard,
        trouble: Trouble,
        *,
        metrics: WorkerMetrics,
        moments: Moments,
    ) -> None:
        self._steps = tuple(steps)
        self._settlement = settlement
        self._board = board
        self._trouble = trouble
        self._metrics = metrics
        self._moments = moments

    async def tell(self, untold: Untold) -> bool:
        """Tell a user how his job ended; False when that must be tried again later."""
        return await self._settlement.tell(untold)

    async def carry(self, run: Run) -> Settled:
        """Carry a claimed job as far as it goes now."""
        if run.job.attempt == 1:
            waited_s = (self._moments.now() - run.job.created_at).total_seconds()
            self._metrics.job_wait_seconds.observe(max(0.0, waited_s))
        try:
            outcome = await self._outcome(run)
            if run.may_be_shown:
                outcome = self._trouble.spared(outcome, run.job, now=self._moments.now())
            # A commit and the words that follow it belong together.
            async with run.uninterrupted:
                return await self._settlement.apply(run.job, outcome, unshown=not run.may_be_shown)
        finally:
            run.drop_files()
            self._board.forget(run.job.id)

    async def _outcome(self, run: Run) -> Outcome:
        if run.unreadable is not None:
            log.error("job.unreadable", job_id=str(run.job.id), reason=run.unreadable)
            return GiveUp(own_failure(FailureClass.UNKNOWN, "unreadable", run.unreadable))
        if run.job.lease_losses > LEASE_LOSSES_MAX:
            text = f"{run.job.lease_losses} workers were lost over this job"
            return GiveUp(own_failure(FailureClass.UNKNOWN, "lease_losses", text))
        try:
            return await self._through_steps(run)
        except StoreUnavailableError as error:
            # Nothing was decided, so it is nobody's failure.
            log.warning("job.store_away", job_id=str(run.job.id), reason=str(error))
            return Snooze(STORE_AWAY_S, STORE_AWAY_REASON)
        except Exception as error:
            job_id, bug = str(run.job.id), logged_bug(error, run.job)
            log.exception("job.bug", job_id=job_id, status=run.job.status, exc_info=bug)
            return self._trouble.on_bug(error, run.job)

    async def _through_steps(self, run: Run) -> Outcome:
        for step in self._steps:
            self._board.show(run.job)
            started = self._moments.monotonic()
            outcome = await step.run(run)
            took_s = self._moments.monotonic() - started
            self._metrics.step_seconds.labels(step.name).observe(took_s)
            if outcome is not None:
                return outcome
        raise RuntimeError("the last step has no outcome")
