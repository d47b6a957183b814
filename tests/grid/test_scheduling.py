"""Jobs with the same batch go to the same worker, as long as nobody waits for it; and a job waits for the one that it
comes after."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import pairwise

from grids import job

from acdc_custom.grid.progress import State
from acdc_custom.grid.scheduling import JobEnded, Scheduler, WorkerDied, choose_job, most_at_once
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


@dataclass
class Pool:
    """Workers, numbered, each of which ends its job at once, the one that has waited longest first. `ends` says how
    jobs end that are not done; `together` are the jobs that were at work at the same time, each time one ended."""

    size: int = 2
    ends: dict[str, JobEnded | WorkerDied] = field(default_factory=dict)
    busy: dict[int, str] = field(default_factory=dict)
    together: list[set[str]] = field(default_factory=list)
    begun: list[str] = field(default_factory=list)
    n_started: int = 0

    def start(self) -> int:
        self.n_started += 1
        return self.n_started

    def submit(self, worker: int, job: Job) -> None:
        self.busy[worker] = job.name
        self.begun.append(job.name)

    def wait(self, seconds: float) -> tuple[int, JobEnded | WorkerDied]:
        self.together.append(set(self.busy.values()))
        worker = next(iter(self.busy))
        return worker, self.ends.get(self.busy.pop(worker), JobEnded(""))

    def stop(self, worker: int) -> None:
        self.busy.pop(worker, None)


def chain(name: str, *taus: float) -> list[Job]:
    """Jobs that come one after the other."""
    jobs = [job(f"{name}{tau}", threshold=tau) for tau in taus]
    return [jobs[0], *(replace(later, after=before.name) for before, later in pairwise(jobs))]


CHAINS = [*chain("a", 0.1, 0.2, 0.3), *chain("b", 0.1, 0.2)]


def ended(pool: Pool, jobs: list[Job]) -> dict[str, tuple[State, str]]:
    """How each job ended."""
    events = [event for event in Scheduler(pool, list(jobs)).run() if event]
    return {event.name: (event.state, event.error) for event in events if event.state is not State.RUNNING}


def test_a_job_begins_when_the_one_before_it_is_done_and_others_run_beside_it() -> None:
    pool = Pool(size=5)
    assert {state for state, _ in ended(pool, CHAINS).values()} == {State.DONE}
    assert all(len({name[0] for name in at_work}) == len(at_work) for at_work in pool.together)
    assert {"a0.1", "b0.1"} in pool.together and pool.n_started == 2
    assert [name for name in pool.begun if name[0] == "a"] == ["a0.1", "a0.2", "a0.3"]


def test_no_more_can_be_at_work_than_come_after_none_of_the_others() -> None:
    assert most_at_once(CHAINS) == 2 and most_at_once(IOI) == 3
    assert most_at_once(CHAINS[1:]) == 2, "what comes after a run that has ended can begin"


def test_when_a_job_fails_all_that_come_after_it_fail_and_the_others_do_not() -> None:
    for failed in (JobEnded("it fails"), WorkerDied("died", "Why?")):
        pool = Pool(ends={"a0.1": failed})
        found = ended(pool, CHAINS)
        assert found["a0.1"][0] is State.FAILED
        assert found["a0.2"] == (State.FAILED, "it starts from the circuit of a0.1, and there is none.")
        assert found["a0.3"] == (State.FAILED, "it starts from the circuit of a0.2, and there is none.")
        assert found["b0.2"] == (State.DONE, "") and "a0.2" not in pool.begun
