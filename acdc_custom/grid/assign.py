"""Which job a free worker does next: those with the same batch go to the same worker where that costs nothing."""

from __future__ import annotations

from collections.abc import Sequence

from acdc_custom.runs.job import Job


def choose(waiting: Sequence[Job], last: Job | None, others: Sequence[Job]) -> Job:
    """The first job with the batch of the worker's `last`; or else with one that none of the `others` has; or else with
    its model; or else the first."""
    batches, models = {job.batch for job in others}, last.opened if last else None

    def cost(job: Job) -> int:
        if last is not None and job.batch == last.batch:
            return 0
        same_model = job.opened == models
        return 1 + 2 * (job.batch in batches) + (not same_model)

    return min(waiting, key=cost)
