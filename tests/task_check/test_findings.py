# ruff: noqa: E501 - in the tables, one case is one line
"""What the numbers of a trial mean for a search."""

from __future__ import annotations

import dataclasses
import itertools
import re
from typing import Any

import pytest

from acdc_custom.task import load_task
from acdc_custom.task.examine import examine
from acdc_custom.task_check.findings import CorruptionCheck, TaskCheck
from acdc_custom.task_check.text import WIDTH, describe_check, histogram

GOOD = CorruptionCheck(
    "switch", (2.0, 1.0, 3.0), (-1.0, 0.0, -2.0), (1, 1, 2), (" a", " b", " c"), (1.0, 2.0, 3.0), (0, 1, 0)
)


class Letters:
    """Every word a token, with its space."""

    bos_token_id = 0

    def __call__(self, text: str, **options: bool) -> dict[str, Any]:
        found = list(re.finditer(r" ?\w+|.", text))
        return {"input_ids": [hash(m[0].strip()) for m in found], "offset_mapping": [m.span() for m in found]}


def check(*tried: CorruptionCheck) -> TaskCheck:
    return TaskCheck("demo", examine(load_task("latest_s"), Letters(), n=3), tried, ())


def test_means_and_shares_are_over_the_prompts() -> None:
    assert (GOOD.logit_diff, GOOD.corrupted_logit_diff, GOOD.kl) == (2, -1, 2)
    assert (GOOD.correct, GOOD.first) == (1, pytest.approx(2 / 3))
    assert dict(GOOD.said_instead) == {" c": 1}


def test_a_task_that_is_done_has_no_problems() -> None:
    assert check(GOOD).problems == check(GOOD).notes == ()


BETTER = dataclasses.replace(GOOD, corruption="rename")
CASES: dict[str, tuple[CorruptionCheck, str, str]] = {
    "foil": (dataclasses.replace(GOOD, logit_diffs=(-1.0, 0.5, 0.0)), "it prefers the foil (logit difference -0.17, answer above foil on 33%)", "Try another --model"),
    "template": (dataclasses.replace(GOOD, logit_diffs=(2.0, -1.0, 3.0)), "the model does not do template 2: it prefers the foil (logit difference -1.00, answer above foil on 0%)", "Delete that template"),
    "no KL": (dataclasses.replace(GOOD, kls=(0.02, 0.06, 0.04)), "hardly differ for this model: KL 0.040 nats, less than 0.1", "Use --corruption rename (KL 2.00), or search with a smaller --threshold, such as 0.0004."),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_what_would_make_a_circuit_mean_nothing_is_a_problem_with_a_way_out(case: str) -> None:
    tried, what, fix = CASES[case]
    (problem,) = check(tried, BETTER).problems
    assert what in problem.what and problem.fix.startswith(fix)


def test_without_a_better_corruption_none_is_named() -> None:
    (problem,) = check(dataclasses.replace(GOOD, kls=(0.01,) * 3)).problems
    assert "--corruption" not in problem.fix and "such as 0.0001" in problem.fix


NOTES: dict[str, tuple[CorruptionCheck, str]] = {
    "weak": (
        dataclasses.replace(GOOD, logit_diffs=(-1.0, 1.0, 3.0), templates=(0, 0, 0)),
        "above the foil on 67% of the prompts only",
    ),
    "far": (dataclasses.replace(GOOD, ranks=(1, 11, 12)), "the answer's median rank is 11"),
    "unmoved": (
        dataclasses.replace(GOOD, corrupted_logit_diffs=(2.0, 1.0, 3.0)),
        "prefers the answer as much as before",
    ),
}


@pytest.mark.parametrize("case", NOTES)
def test_what_can_be_lived_with_is_a_note(case: str) -> None:
    tried, said = NOTES[case]
    assert check(tried).problems == ()
    (note,) = check(tried).notes
    assert note.startswith("switch: ") and said in note


# -- as text ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "values",
    [(0.0,), (1.0, 1.0), (-3.0, 4.0, 0.1), (1e-4, 2e-4), (-1e5, 1e5), (5.44, 16.75, 12.0, 12.1), (0.3, 0.6, 0.9)],
    ids=str,
)
def test_a_histogram_counts_every_prompt_in_its_bar(values: tuple[float, ...]) -> None:
    _, *bars = histogram(values)
    assert 1 <= len(bars) <= 13
    bounds = []
    for bar in bars:
        low, _, high, number, *drawn = bar.split()
        bounds.append((float(low), float(high)))
        assert int(number) == sum(float(low) - 1e-9 <= v < float(high) - 1e-9 for v in values)
        assert bool(drawn) == bool(int(number))
    assert all(high == low for (_, high), (low, _) in itertools.pairwise(bounds))


@pytest.mark.parametrize("tried", [GOOD, *(case[0] for case in CASES.values()), *(case[0] for case in NOTES.values())])
def test_a_report_fits_in_a_hundred_columns_and_ends_with_the_problems(tried: CorruptionCheck) -> None:
    checked = check(tried, BETTER)
    lines = list(describe_check(checked, Letters()))
    assert max(map(len, lines)) <= WIDTH == 100
    headings = [line.split("  ")[0] for line in lines if line[0] != " "]
    assert headings[:4] == ["Task", "Prompts", "Words", "Positions"] and "Problems" in headings
    shown = next(line for line in lines if line.startswith("Problems"))
    assert shown.split()[1] == (str(len(checked.problems)) if checked.problems else "none")
