"""Which runs a sweep has, and what they are called."""

from __future__ import annotations

import dataclasses

import pytest

from acdc_custom.circuit.settings import SearchSettings
from acdc_custom.circuit.thresholds import listed, spread
from acdc_custom.errors import TaskError, UsageError
from acdc_custom.grid.plan import Kind
from acdc_custom.sweep.plan import DEFAULT_THRESHOLDS, Varied, in_paths, plan_sweep


def names(varied: Varied) -> list[str]:
    return [job.name for job in plan_sweep(varied, SearchSettings()).jobs]


def test_a_list_of_thresholds_has_each_once() -> None:
    assert listed("0.1,0.03, 0.01,0.1") == (0.1, 0.03, 0.01)


@pytest.mark.parametrize(("text", "said"), [("0.1,", "neither a list"), ("x", "neither a list"), ("0.1,-1", "-1")])
def test_what_is_no_list_of_thresholds_is_refused(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        listed(text)


def test_a_range_is_divided_at_equal_ratios_with_both_ends() -> None:
    assert spread("0.001..0.1", 3) == (0.001, 0.01, 0.1)
    assert spread("0.5..2", 2) == (0.5, 2.0)
    assert spread("0.01..0.1", 4) == (0.01, 0.0215, 0.0464, 0.1)


@pytest.mark.parametrize(
    "text", ["", "0.1", "0.1..", "..0.1", "0..0.1", "0.1..0.1", "0.1..0.01", "a..b", "1..inf", "nan..1"]
)
def test_what_is_no_range_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"range of thresholds|the threshold is"):
        spread(text, 3)


@pytest.mark.parametrize("count", [-1, 1, 1001])
def test_too_few_or_too_many_thresholds_are_refused(count: int) -> None:
    with pytest.raises(UsageError, match="a range has 2 to 1000"):
        spread("0.01..0.1", count)


def test_every_combination_is_a_run_and_the_smallest_threshold_comes_first() -> None:
    grid = plan_sweep(
        Varied(("ioi", "latest_s"), thresholds=(0.1, 0.01), seeds=(0, 1)), SearchSettings.of(n=9, device="cpu")
    )
    assert grid.kind is Kind.SWEEP
    assert [(job.task, job.settings.prompts.seed, job.settings.threshold) for job in grid.jobs] == [
        (task, seed, tau) for task in ("ioi", "latest_s") for seed in (0, 1) for tau in (0.01, 0.1)
    ]
    all_of = [job.settings.flat() for job in grid.jobs]
    assert {(of["n"], of["device"], of["ablation"]) for of in all_of} == {(9, "cpu", "corrupted")}


def test_a_name_says_what_is_varied_and_nothing_else() -> None:
    assert names(Varied(("ioi",))) == [f"ioi_demo-4l_{tau:g}" for tau in DEFAULT_THRESHOLDS]
    varied = Varied(("ioi",), ("/models/my model/",), (0.01,), ("kl", "logit-diff"), ("zero", "mean"), (0, 7))
    assert names(varied)[0] == "ioi_my-model_kl_zero_seed0_0.01"
    assert len(set(names(varied))) == 8


def test_methods_are_varied_too_and_without_any_it_is_that_of_the_settings() -> None:
    varied = Varied(("ioi",), thresholds=(0.1, 0.2), methods=("acdc", "grouped"))
    jobs = plan_sweep(varied, SearchSettings.of(positions=True)).jobs
    assert [job.name for job in jobs] == [
        f"ioi_demo-4l_{method}_{tau}" for method in ("acdc", "grouped") for tau in (0.1, 0.2)
    ]
    assert [job.settings.method for job in jobs] == ["acdc", "acdc", "grouped", "grouped"]
    assert all(job.settings.positions for job in jobs)
    (own,) = plan_sweep(Varied(("ioi",), thresholds=(0.1,)), SearchSettings.of(method="grouped")).jobs
    assert (own.name, own.settings.method) == ("ioi_demo-4l_0.1", "grouped")


def test_order_seeds_are_for_the_random_order_alone() -> None:
    varied = Varied(("ioi",), thresholds=(0.1,), orders=("original", "random"), order_seeds=(1, 2))
    assert names(varied) == [f"ioi_demo-4l_{order}_0.1" for order in ("original", "random1", "random2")]
    assert [job.settings.order_seed for job in plan_sweep(varied, SearchSettings()).jobs] == [0, 1, 2]


def test_what_is_given_twice_is_run_once() -> None:
    assert len(names(Varied(("ioi", "ioi"), thresholds=(0.1, 0.1), seeds=(0, 0)))) == 1


def test_what_no_run_can_have_is_refused_before_any_run() -> None:
    with pytest.raises(TaskError, match='there is no task "ioo"'):
        plan_sweep(Varied(("ioo",)), SearchSettings())
    with pytest.raises(UsageError, match='there is no ablation "none"'):
        plan_sweep(Varied(("ioi",), ablations=("none",)), SearchSettings())


def test_in_paths_every_run_comes_after_that_of_the_threshold_before_in_its_combination() -> None:
    varied = Varied(("ioi",), thresholds=(0.2, 0.1, 0.4), seeds=(0, 1), methods=("acdc", "grouped"))
    plain = plan_sweep(varied, SearchSettings.of(positions=True))
    grid = in_paths(plain)
    assert [dataclasses.replace(job, after="") for job in grid.jobs] == list(plain.jobs)
    of = {job.name: job.after for job in grid.jobs}
    for start in ("ioi_demo-4l_acdc_seed0", "ioi_demo-4l_grouped_seed1"):
        assert [of[f"{start}_{tau}"] for tau in (0.1, 0.2, 0.4)] == ["", f"{start}_0.1", f"{start}_0.2"]
    assert sum(not after for after in of.values()) == 4
