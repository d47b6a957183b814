"""The record of a study holds what was found, and loads back exactly."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from circuits import circuit_of
from studies import ALL, FOUR, ORDERS, PROMPTS, runs_of, study

from acdc_custom.circuit.members import Part
from acdc_custom.errors import ResultError, UsageError
from acdc_custom.graph import GraphShape
from acdc_custom.stability.content import JSON_NAME, load_stability, to_json
from acdc_custom.stability.record import FinishedRun, Stability
from acdc_custom.stability.tables import edges_csv, heads_csv


@pytest.fixture
def three_kinds() -> Stability:
    return study([*runs_of(FOUR), *runs_of(FOUR[:2], PROMPTS), *runs_of(FOUR[2:], ORDERS)])


def test_shares_are_of_the_runs_that_vary_everything(three_kinds: Stability) -> None:
    assert {str(share.member): share.n_kept for share in three_kinds.shares[Part.HEADS]} == {"a1.h0": 3, "a1.h2": 2}
    assert {share.n_runs for share in three_kinds.shares[Part.EDGES]} == {4}
    assert [share.n_kept for share in three_kinds.core(Part.EDGES)] == [4]
    assert len(three_kinds.runs) == 8 and len(three_kinds.consensus_runs) == 4


def test_each_kind_of_variation_has_an_agreement_of_its_own(three_kinds: Stability) -> None:
    means = {tuple(found.varied): found.mean for found in three_kinds.agreements if found.part is Part.EDGES}
    assert means == {tuple(ALL): pytest.approx(0.5), tuple(PROMPTS): 1.0, tuple(ORDERS): pytest.approx(1 / 3)}
    assert three_kinds.agreement(Part.EDGES) == three_kinds.agreement(Part.EDGES, ALL)


def test_the_consensus_is_measured_at_every_tenth_and_at_the_share_that_was_chosen() -> None:
    found = study(runs_of(FOUR), share=0.75)
    assert [point.share for point in found.curve] == [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.9, 1.0]
    assert [point.n_edges for point in found.curve] == [4, 4, 3, 3, 3, 2, 2, 2, 1, 1, 1]
    assert [point.n_dead for point in found.curve] == [1] * 2 + [0] * 9, "embed -> a0.kv1.k, whose heads send nothing"
    assert found.chosen.share == 0.75 and found.faithfulness(found.curve[0].behaviour) == 1.0


def test_runs_of_which_there_is_one_or_which_do_not_fit_are_refused() -> None:
    with pytest.raises(UsageError, match="two finished runs at least"):
        study([*runs_of(FOUR[:1]), *runs_of(FOUR[:2], PROMPTS)])
    with pytest.raises(UsageError, match="different shapes"):
        study([*runs_of(FOUR), FinishedRun("other", ALL, circuit_of(GraphShape(3, 2, 2), {}))])


@pytest.mark.parametrize("effects", [FOUR, [{}, {}], [FOUR[0]] * 3])
def test_what_was_saved_is_loaded_back_exactly(effects: list[dict[tuple[str, str], float]], tmp_path: Path) -> None:
    found = study(runs_of(effects))
    (tmp_path / JSON_NAME).write_text(to_json(found), encoding="utf-8")
    assert load_stability(tmp_path) == load_stability(tmp_path / JSON_NAME) == found


def drop(content: Any) -> None:
    del content["runs"][0]["behaviour"]


DAMAGED = {
    "newer": (lambda c: c.update(schema=2), "written by a newer"),
    "no schema": (lambda c: c.pop("schema"), 'it has no "schema"'),
    "no runs": (lambda c: c.update(runs=[]), "runs or the consensus at the chosen share are missing"),
    "sizes of less": (lambda c: c["runs"][0]["sizes"].pop("heads"), r"runs\[0\].sizes has nothing of the heads"),
    "a run without behaviour": (drop, '"behaviour" is missing'),
    "another share": (lambda c: c.update(share=0.33), "the consensus at the chosen share"),
    "kept more often than run": (lambda c: c["edges"][0].update(n_kept=9), "is in 9 of 4 runs"),
    "a smaller table": (lambda c: c["jaccard"]["edges"].pop(), "not a table of 4 by 4"),
    "no agreement": (lambda c: c.update(agreement=[]), "is missing"),
    "an agreement of one": (lambda c: c["agreement"][0].update(n_runs=1), "none of two runs or more"),
    "half an interval": (lambda c: c["agreement"][0].update(high=None), "none of two runs or more"),
    "a strange kind": (
        lambda c: c["runs"][0].update(varied=["moods"]),
        r"runs\[0\].varied\[0\] is 'moods', expected one of: prompts, orders, templates",
    ),
    "rows that are none": (lambda c: c.update(consensus=[1]), r"consensus\[0\] is 1, expected an object"),
    "a number for a table": (lambda c: c["jaccard"].update(edges=3), "is damaged"),
    "a list for an object": (lambda c: c.update(graph=[]), "is damaged"),
}


@pytest.mark.parametrize("what", DAMAGED)
def test_a_damaged_record_says_what_is_wrong(what: str, tmp_path: Path) -> None:
    change, said = DAMAGED[what]
    content = json.loads(to_json(study(runs_of(FOUR))))
    change(content)
    (tmp_path / JSON_NAME).write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(ResultError, match=said):
        load_stability(tmp_path)


def test_a_folder_without_a_record_is_told(tmp_path: Path) -> None:
    with pytest.raises(ResultError, match="Give a folder that acdc-custom stability wrote"):
        load_stability(tmp_path)


def test_tables_have_a_line_for_each_with_its_interval(three_kinds: Stability) -> None:
    edges = list(csv.DictReader(io.StringIO(edges_csv(three_kinds))))
    assert [row["sender"] for row in edges] == ["m1", "a1.h0", "a1.h2", "embed"]
    assert (edges[1]["receiver"], edges[1]["n_kept"], edges[1]["share"], edges[1]["effect"]) == (
        "m1",
        "3",
        "0.75",
        "0.5",
    )
    heads = list(csv.DictReader(io.StringIO(heads_csv(three_kinds))))
    assert [(row["head"], row["n_runs"]) for row in heads] == [("a1.h0", "4"), ("a1.h2", "4")]
    assert float(heads[0]["low"]) < 0.75 < float(heads[0]["high"])
