"""Which runs are made follows from the seed, and is what was asked for."""

from __future__ import annotations

import pytest

from acdc_custom.choices import Variation
from acdc_custom.errors import UsageError
from acdc_custom.stability.plan import parse_variations, plan_runs

EVERY = tuple(Variation)


def test_some_runs_vary_everything_and_some_each_kind_alone() -> None:
    plan = plan_runs(EVERY, 5, 3, n_templates=4, seed=0)
    kinds = [frozenset(EVERY)] * 5 + [frozenset({kind}) for kind in EVERY for _ in range(3)]
    assert [draw.varied for draw in plan.draws] == kinds
    names = [draw.name for draw in plan.draws]
    assert names[:2] == ["all-001", "all-002"] and names[-1] == "templates-003" and len(set(names)) == len(names)
    for draw in plan.draws:
        given = (draw.resample is not None, draw.order_seed is not None, draw.templates != "")
        assert given == tuple(kind in draw.varied for kind in EVERY)
    assert plan.notes == ()


def test_the_same_seed_gives_the_same_runs_and_another_one_others() -> None:
    assert plan_runs(EVERY, 6, 2, 4, seed=3) == plan_runs(EVERY, 6, 2, 4, seed=3)
    seeds = [{draw.resample for draw in plan_runs(EVERY, 20, 0, 4, seed=seed).draws} for seed in (0, 1, 2)]
    assert all(len(own) == 20 for own in seeds) and len(set.union(*seeds)) == 60


def test_more_runs_are_the_same_ones_and_more() -> None:
    assert plan_runs(EVERY, 9, 0, 4, seed=1).draws[:4] == plan_runs(EVERY, 4, 0, 4, seed=1).draws


def test_a_run_that_varies_one_kind_alone_has_a_draw_of_the_runs_that_vary_all() -> None:
    draws = {draw.name: draw for draw in plan_runs(EVERY, 3, 3, 4, seed=0).draws}
    assert draws["prompts-002"].resample == draws["all-002"].resample
    assert draws["orders-003"].order_seed == draws["all-003"].order_seed


def test_one_kind_needs_no_runs_of_it_alone() -> None:
    draws = plan_runs((Variation.ORDERS,), 4, 3, 4, seed=0).draws
    assert [draw.name for draw in draws] == ["orders-001", "orders-002", "orders-003", "orders-004"]


def test_templates_are_some_of_the_tasks_and_never_twice_the_same() -> None:
    plan = plan_runs((Variation.TEMPLATES,), 20, 0, n_templates=2, seed=0)
    assert sorted(draw.templates for draw in plan.draws) == ["0", "0,1", "1"]
    assert plan.notes == (
        "2 templates can be drawn in 3 ways that differ: so there are 3 runs that vary templates alone.",
    )


@pytest.mark.parametrize(("n_templates", "why"), [(1, "a single template"), (0, "row by row")])
def test_a_task_with_nothing_to_draw_from_varies_the_rest(n_templates: int, why: str) -> None:
    plan = plan_runs(EVERY, 3, 2, n_templates, seed=0)
    assert {draw.varied for draw in plan.draws} == {frozenset(EVERY[:2]), *(frozenset({k}) for k in EVERY[:2])}
    assert why in plan.notes[0] and not any(draw.templates for draw in plan.draws)
    with pytest.raises(UsageError, match=f"templates cannot vary: .*{why}"):
        plan_runs((Variation.TEMPLATES,), 3, 0, n_templates, seed=0)


@pytest.mark.parametrize(
    ("runs", "alone", "seed", "said"),
    [
        (1, 0, 0, "1 run cannot show it: allowed are 2 to 999"),
        (1000, 0, 0, "allowed are 2 to 999"),
        (5, 1, 0, "allowed are 0 and 2 to 999"),
        (5, 0, -1, "the seed is -1"),
    ],
)
def test_numbers_that_show_nothing_are_refused(runs: int, alone: int, seed: int, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        plan_runs(EVERY, runs, alone, 4, seed)


def test_kinds_are_read_from_a_list_each_once_in_one_order() -> None:
    assert parse_variations("templates, prompts,prompts") == (Variation.PROMPTS, Variation.TEMPLATES)
    with pytest.raises(UsageError, match=r'"order" cannot be varied. Did you mean "orders"\?'):
        parse_variations("order")
    with pytest.raises(UsageError, match="What can: prompts, orders, templates"):
        parse_variations("")
