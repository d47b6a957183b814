"""Jobs with the same batch go to the same worker, as long as nobody waits for it."""

from __future__ import annotations

from grids import job

from acdc_custom.grid.scheduling import choose_job
from acdc_custom.runs.job import Job

IOI = [job(f"ioi_{t}", threshold=t) for t in (0.1, 0.2, 0.3)]
LATEST = [job(f"latest_{t}", "latest_s", threshold=t) for t in (0.1, 0.2)]
OTHER_MODEL = Job("other", "ioi", "gpt2")


def test_a_threshold_is_no_other_batch_but_a_seed_is() -> None:
    assert IOI[0].batch == IOI[1].batch
    assert job("a", seed=1).batch != job("b", seed=2).batch


def test_a_worker_stays_with_its_batch() -> None:
    assert choose_job([LATEST[0], IOI[1]], IOI[0], []) is IOI[1]


def test_a_new_worker_takes_a_batch_that_nobody_has() -> None:
    assert choose_job([*IOI[1:], LATEST[0]], None, [IOI[0]]) is LATEST[0]


def test_a_worker_whose_batch_is_done_prefers_its_model() -> None:
    assert choose_job([OTHER_MODEL, LATEST[0]], IOI[0], []) is LATEST[0]


def test_a_worker_helps_with_another_ones_batch_rather_than_wait() -> None:
    assert choose_job(IOI[1:], LATEST[1], [IOI[0]]) is IOI[1]
