"""A study of stability in memory has the runs that the command's plan has."""

from __future__ import annotations

import pytest
from tiny import tiny_hf
from tiny_task import NumberTokenizer

from acdc_custom import SearchSettings, load_model, prepare_batch, study_stability
from acdc_custom.circuit.members import Part
from acdc_custom.errors import UsageError
from acdc_custom.search.discover import search
from acdc_custom.stability.plan import parse_variations, plan_runs

OPTIONS = {"n": 2, "method": "eap", "edges": 5, "seed": 3, "held_out": 0}
NAMES = ((1, 2), (4, 5), (6, 7), (8, 9), (2, 4), (5, 9))
ROWS = [(f" w{a} w{b} w3", f" w{b} w{a} w3", f" w{a}", f" w{b}") for a, b in NAMES]


@pytest.mark.parametrize("positions", [False, True])
def test_a_study_counts_how_many_single_searches_keep_each_edge(positions: bool) -> None:
    options = {**OPTIONS, "positions": positions}
    model = load_model((tiny_hf("gpt2", 0), NumberTokenizer()))
    study = study_stability(ROWS, model, vary=("prompts",), runs=2, alone=0, progress=False, **options)
    plan = plan_runs(parse_variations("prompts"), 2, 0, 0, seed=3)
    settings = [draw.of(SearchSettings.of(**options)) for draw in plan.draws]
    alone = [search(prepare_batch(ROWS, model, own), own) for own in settings]
    edges = [{kept.edge for kept in circuit.edges} for circuit in alone]
    kept = {share.member: share.n_kept for share in study.stability.shares[Part.EDGES]}
    assert kept == {edge: sum(edge in own for own in edges) for edge in set().union(*edges)}
    assert {each.edge for each in study.consensus.edges} == set().union(*edges), "half of two runs is one"
    assert {bool(edge.span) for edge in set().union(*edges)} == {positions} == {study.stability.in_positions}
    assert [run.name for run in study.stability.runs] == ["prompts-001", "prompts-002"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"order": "random"}, "order is drawn for each run"),
        ({"vary": ("order",)}, '"order" cannot be varied. Did you mean'),
        ({"runs": 1}, "1 run cannot show it"),
        ({"share": 2.0}, "share"),
        ({"vary": ()}, "cannot be varied"),
    ],
)
def test_what_no_study_can_have_is_told_before_the_model_is_read(options: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        study_stability("latest_s", "no-such-model", **options)  # type: ignore[arg-type]
