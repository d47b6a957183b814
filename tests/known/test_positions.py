"""Where edges of known models act is what one works out on paper, and searches in positions find it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from acdc_custom.choices import Ablation
from acdc_custom.engine.circuit_run import run_circuit
from acdc_custom.engine.metrics import prepare
from acdc_custom.errors import ResultError
from acdc_custom.graph import Edge
from acdc_custom.known.areas import draw_areas
from acdc_custom.known.beside import besides
from acdc_custom.known.compiled import positions_of
from acdc_custom.known.content import JSON_NAME, KnownResults, load_known, to_json
from acdc_custom.known.model import KnownModel
from acdc_custom.known.result import BenchmarkResult
from acdc_custom.known.table import lines, to_rows
from acdc_custom.known.trial import ABLATIONS, Case, case_of, known_models, n_steps, run_method, run_trials
from acdc_custom.known.wiring import merged
from acdc_custom.search.methods import acdc, eap

REVERSE, FRACTION, IOI = 0, 1, 2


@pytest.fixture(scope="module")
def models() -> list[KnownModel]:
    return known_models(8, 0)


@pytest.fixture
def lowest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Search at the lowest threshold alone."""
    monkeypatch.setattr("acdc_custom.known.trial.THRESHOLDS", (1e-12,))


def names(*edges: str) -> frozenset[Edge]:
    return frozenset(map(Edge.named, edges))


def metric(case: Case, kept: frozenset[Edge]) -> float:
    """Straight from the definition of a circuit."""
    caches, weights = case.caches, case.known.model.weights
    objective = prepare(case.known.metric, weights, caches.tokens, caches.model_normed)
    return float(objective(run_circuit(case.known.model, caches.tokens, kept, caches.carried)[None]).mean())


def test_the_tokens_of_a_program_are_named_by_what_they_are() -> None:
    assert positions_of(("<s>", "a", "c", "?", "?")) == {"word1": 1, "word2": 2, "asked1": 3, "asked2": 4}
    (prompt, *_) = (p for p in known_models(50, 0)[REVERSE].prompts if len(p.clean_ids) == 3)
    assert prompt.spans == ("start", "word1", "END")


def test_where_the_edges_of_the_handmade_model_act_is_what_is_on_paper(models: list[KnownModel]) -> None:
    """With three other names in the corrupted prompt. The movers take from IO, and would take from any name that is
    not inhibited: so keys act at S1 and S2, and not at IO, where any name is as good as another."""
    expected = names(
        *(f"a2.h{head}@END -> logits@END" for head in (0, 1)),
        *(f"embed@IO -> a2.h{head}.v@IO" for head in (0, 1)),
        *(f"embed@{s} -> a2.h{head}.k@{s}" for head in (0, 1) for s in ("S1", "S2")),
        *(f"a1.h1@END -> a2.h{head}.q@END" for head in (0, 1)),
        *(f"a0.h1@S2 -> a1.h1.{port}@S2" for port in "kv"),
        *(f"embed@S1 -> a0.h1.{port}@S1" for port in "kv"),
        "embed@S2 -> a0.h1.q@S2",
    )
    case = case_of(models[IOI], Ablation.CORRUPTED, positions=True)
    assert case.changing == expected and expected < case.parts.keys()
    assert case.parts[Edge.named("a0.h1@S2 -> a1.h1.k@S2")] == ("REPEATED",)


@pytest.mark.parametrize("place", [REVERSE, FRACTION, IOI])
@pytest.mark.parametrize("ablation", ABLATIONS)
def test_edges_at_the_spans_where_they_act_do_all_that_the_model_does(
    models: list[KnownModel], place: int, ablation: Ablation
) -> None:
    """Without positions they are edges that the ablation changes."""
    case = case_of(models[place], ablation, positions=True)
    assert metric(case, case.changing) == pytest.approx(0, abs=1e-9)
    assert merged(case.changing) <= case_of(models[place], ablation).changing


@pytest.mark.parametrize("ablation", ABLATIONS)
def test_a_search_in_positions_finds_where_the_edges_of_a_program_act(
    models: list[KnownModel], ablation: Ablation, lowest: None
) -> None:
    trials = [run_method(case_of(models[FRACTION], ablation, positions), acdc.METHOD) for positions in (False, True)]
    (pair,) = besides(trials)
    assert pair.positioned.at_lowest == pair.positioned.changing and pair.auc == 1
    assert pair.auc_without is not None and pair.auc_without < 1, "without positions an edge is at all its spans"
    assert pair.told_apart == pair.to_tell_apart and pair.told_apart


def test_with_zero_ablation_a_search_in_positions_uses_that_it_is_told_which_name_is_which(
    models: list[KnownModel], lowest: None
) -> None:
    """Keys at S1 and S2 can go while these names are inhibited; then nobody needs the inhibition."""
    case = case_of(models[IOI], Ablation.ZERO, positions=True)
    trial = run_method(case, acdc.METHOD)
    inhibition = {edge for edge in case.changing if str(edge.sender) == "a1.h1"}
    assert inhibition and inhibition <= trial.missed
    keys = names(*(f"embed@{s} -> a2.h{head}.k@{s}" for head in (0, 1) for s in ("S1", "S2")))
    assert metric(case, case.changing - inhibition) == pytest.approx(0, abs=1e-9)
    assert metric(case, (case.changing | keys) - inhibition) > 0.5


# -- what is made of it ---------------------------------------------------------------------------------------


@pytest.fixture
def both(models: list[KnownModel]) -> tuple[BenchmarkResult, BenchmarkResult]:
    """Of three edges, one acts at one of two spans and not at the other. Without positions all three are found."""
    graph = models[FRACTION].model.graph  # 23 edges, 3 of them to the logits
    first, second, third = (Edge.named(name) for name in ("a1.h0 -> logits", "m0 -> a1.h0.v", "embed -> m0"))
    parts = dict.fromkeys((first, second, third), ("x",))
    at = names("a1.h0@END -> logits@END", "m0@END -> a1.h0.v@END", "embed@A -> m0@A", "embed@END -> m0@END")
    found = ((0.1, frozenset[Edge]()), (0.01, frozenset((first, second, third))))
    plain = BenchmarkResult(
        "mine", "", graph, models[FRACTION].metric, Ablation.ZERO, acdc.METHOD, 3, parts, frozenset(parts), found
    )
    wrong = names("embed@A -> a1.h0.q@A")
    return plain, dataclasses.replace(
        plain,
        parts=dict.fromkeys(at, ("x",)),
        changing=at,
        found=((0.1, at - names("embed@A -> m0@A")), (0.01, at | wrong)),
        spans=("A", "END"),
    )


def test_an_edge_that_was_found_without_positions_counts_at_all_its_spans(
    both: tuple[BenchmarkResult, BenchmarkResult],
) -> None:
    (pair,) = besides(both)
    n_edges = both[0].graph.n_edges_in(2)
    assert len(pair.positioned.every) == n_edges
    # Without: 5 edges at spans, of which 4 are true. With: 3 of 4 without a mistake, then all with one.
    assert pair.auc_without == pytest.approx(1 - 1 / (n_edges - 4))
    assert pair.auc == pytest.approx(0.75 / (n_edges - 4) + 1 - 1 / (n_edges - 4))
    assert pair.to_tell_apart == pair.told_apart == names("m0 -> a1.h0.v")
    assert pair.positioned.wrong == names("embed@A -> a1.h0.q@A") and not pair.plain.wrong
    assert not besides(both[:1]) and not besides(both[1:])


def test_the_table_has_both_areas_beside_each_other(both: tuple[BenchmarkResult, BenchmarkResult]) -> None:
    text = list(lines(both))
    rows = [line.split() for line in text if line.startswith("mine ")]
    (pair,) = besides(both)
    assert rows[1] == ["mine", "zero", "acdc", "3", "4", "4", "1", "0", "1", "of", "1",
                       f"{pair.auc_without:.3f}", f"{pair.auc:.3f}"]  # fmt: skip
    plain, positioned = to_rows(both)
    assert (plain["n_spans"], plain["auc_without"], plain["told_apart"]) == (0, "", "")
    assert (positioned["n_spans"], positioned["wrong"], positioned["edges"]) == (2, 1, both[0].graph.n_edges_in(2))
    assert positioned["auc_without"] == pair.auc_without
    assert max(map(len, text)) <= 80


def test_the_picture_is_a_table_of_shapes_and_text_with_every_area(
    both: tuple[BenchmarkResult, BenchmarkResult],
) -> None:
    (pair,) = besides(both)
    svg = draw_areas(both).to_svg()
    assert "<image" not in svg and svg.count("<path") >= 4
    for area in (both[0].edge_auc, both[0].changing_auc, pair.auc_without, pair.auc):
        assert f">{area:.3f}</text>" in svg
    assert "without positions" in svg and "positions" not in draw_areas(both[:1]).to_svg()
    assert "an area" not in svg and "mine, zero ablation, ACDC" in svg


def test_it_loads_back_exactly_and_a_span_that_no_prompt_has_is_refused(
    both: tuple[BenchmarkResult, BenchmarkResult], tmp_path: Path
) -> None:
    text = to_json(both, 5)
    (tmp_path / JSON_NAME).write_text(text, encoding="utf-8")
    assert load_known(tmp_path) == KnownResults(5, both)
    (tmp_path / JSON_NAME).write_text(text.replace('"embed@A -> m0@A"', '"embed@B -> m0@B"'), encoding="utf-8")
    with pytest.raises(ResultError, match="the edge embed@B -> m0@B is not in its graph, or no span of its prompts"):
        load_known(tmp_path)


def test_results_in_positions_come_after_those_without(
    models: list[KnownModel], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("acdc_custom.known.trial.methods", lambda: (eap.METHOD,))
    monkeypatch.setattr("acdc_custom.known.trial.ABLATIONS", (Ablation.MEAN,))
    trials = list(run_trials(models[FRACTION : FRACTION + 1], positions=True))
    assert [bool(trial.spans) for trial in trials] == [False, True]
    assert n_steps(models, positions=True) == 2 * n_steps(models)
    assert repr(KnownResults(0, tuple(trials))) == "<KnownResults: 1 method on 1 known model, in positions too>"
