"""A study of circuits in positions: what is counted at spans, and what the same runs have in common without."""

from __future__ import annotations

import csv
import io
import json
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from circuits import at_every_span, circuit_of
from random_circuits import random_circuit
from studies import ALL, FOUR, ORDERS, PROMPTS, SHAPE, runs_of, study
from tiny import random_prompts, tiny
from tiny_task import prepared, words_alone

from acdc_custom.circuit.circuit import Circuit, KeptEdge, Span
from acdc_custom.circuit.members import Part
from acdc_custom.circuit.settings import SearchSettings
from acdc_custom.errors import ResultError, UsageError
from acdc_custom.graph import LOGITS, Edge, Graph, GraphShape, Place, Port
from acdc_custom.search.discover import search
from acdc_custom.stability.common import in_common
from acdc_custom.stability.consensus import consensus_edges, dead_edges
from acdc_custom.stability.content import JSON_NAME, load_stability, to_json
from acdc_custom.stability.figure import stability_figure
from acdc_custom.stability.picture import draw_all, draw_consensus
from acdc_custom.stability.record import FinishedRun, Stability
from acdc_custom.stability.study import study_runs
from acdc_custom.stability.tables import edges_csv, heads_csv
from acdc_custom.stability.words import summarize_stability, verdict

NAMES = ("A", "B", "END")
# a1.h0 -> m1 is kept by all three, twice at A and twice at B; a1.h0 -> logits by one.
THREE: list[dict[str, float]] = [
    {"m1@END -> logits@END": 1.0, "a1.h0@A -> m1@A": 0.5, "a1.h0@END -> logits@END": 0.25},
    {"m1@END -> logits@END": 2.0, "a1.h0@B -> m1@B": 0.5},
    {"m1@END -> logits@END": 3.0, "a1.h0@A -> m1@A": 1.5, "a1.h0@B -> m1@B": 1.0},
]


def at(edges: dict[str, float], names: Sequence[str] = NAMES) -> Circuit:
    kept = tuple(KeptEdge(Edge.named(name), effect) for name, effect in edges.items())
    return replace(circuit_of(SHAPE, {}), edges=kept, spans=tuple(Span(name, f"a {name}") for name in names))


def three() -> list[FinishedRun]:
    return [FinishedRun(f"run-{number}", ALL, at(edges)) for number, edges in enumerate(THREE, 1)]


@pytest.fixture(scope="module")
def found() -> Stability:
    return study(three())


def test_an_edge_and_a_node_are_counted_at_each_span(found: Stability) -> None:
    def counted(part: Part) -> dict[str, tuple[int, float]]:
        return {str(share.member): (share.n_kept, share.effect) for share in found.shares[part]}

    assert counted(Part.EDGES) == {
        "m1@END -> logits@END": (3, 2.0),
        "a1.h0@A -> m1@A": (2, 1.0),
        "a1.h0@B -> m1@B": (2, 0.75),
        "a1.h0@END -> logits@END": (1, 0.25),
    }
    assert counted(Part.HEADS) == {"a1.h0@A": (2, 1.0), "a1.h0@B": (2, 0.75), "a1.h0@END": (1, 0.25)}
    assert [share.label for share in found.shares[Part.HEADS]] == ["L1H0@A", "L1H0@B", "L1H0@END"]
    assert [point.n_edges for point in found.curve] == [4, 4, 4, 3, 3, 3, 1, 1, 1, 1]
    assert found.runs[0].sizes == {Part.EDGES: 3, Part.NODES: 3, Part.HEADS: 2}


def test_beside_it_stands_how_alike_runs_are_whatever_the_span(found: Stability) -> None:
    assert found.jaccards[Part.EDGES][0] == (1.0, 1 / 4, 2 / 4)
    assert found.whatever_span is not None
    assert found.whatever_span.jaccards[Part.EDGES][0] == (1.0, 2 / 3, 2 / 3)
    assert found.whatever_span == in_common([run.circuit.at_all_spans for run in three()], [ALL] * 3)
    heads = found.whatever_span.shares[Part.HEADS]
    assert [(str(share.member), share.n_kept) for share in heads] == [("a1.h0", 3)]


def test_one_span_that_covers_everything_gives_the_shares_of_a_study_without() -> None:
    kinds = [*runs_of(FOUR), *runs_of(FOUR[:2], PROMPTS), *runs_of(FOUR[2:], ORDERS)]
    plain = study(kinds)
    one = study([replace(run, circuit=at_every_span(run.circuit, ("END",))) for run in kinds])
    assert one.whatever_span == plain.common and one.in_positions and not plain.in_positions
    assert (one.jaccards, one.agreements, one.curve, one.runs) == (
        plain.jaccards,
        plain.agreements,
        plain.curve,
        plain.runs,
    )
    for part in Part:
        counted = [(str(s.member).replace("@END", ""), s.n_kept, s.effect) for s in one.shares[part]]
        assert counted == [(str(s.member), s.n_kept, s.effect) for s in plain.shares[part]]


def test_searches_at_one_span_that_covers_everything_are_studied_as_those_without() -> None:
    """Decision for decision: a search at the one span keeps the edges that the search without positions keeps."""
    model = tiny("gpt2", 1, n_layer=2, n_head=2)
    batch, *samples = (prepared(model, words) for words in (words_alone(), words_alone()[:3], words_alone()[3:]))

    def found(positions: bool) -> Stability:
        settings = SearchSettings.of(threshold=0.05, positions=positions)
        circuits = [search(sample, settings) for sample in samples]
        runs = [FinishedRun(f"run-{number}", PROMPTS, circuit) for number, circuit in enumerate(circuits)]
        return study_runs(runs, batch, circuits[0].provenance).stability

    plain, one = found(False), found(True)
    assert one.whatever_span == plain.common and 0 < plain.agreement(Part.EDGES).mean < 1
    assert (one.curve, one.runs, one.agreements) == (plain.curve, plain.runs, plain.agreements)
    assert [share.n_kept for share in one.shares[Part.EDGES]] == [share.n_kept for share in plain.shares[Part.EDGES]]


def test_a_study_of_circuits_with_all_spans_of_their_edges_is_that_of_the_circuits_without() -> None:
    batch = prepared(tiny("gpt2", 2, n_layer=2, n_head=2), [replace(p, positions={"A": 2}) for p in random_prompts(4)])
    circuits = [random_circuit(batch.model.graph.shape, 12, seed) for seed in range(3)]
    origin = circuits[0].provenance
    plain, positions = (
        study_runs([FinishedRun(f"run-{n}", ALL, own) for n, own in enumerate(made)], batch, origin)
        for made in (circuits, [at_every_span(circuit, batch.tokens.spans.names) for circuit in circuits])
    )
    assert positions.stability.whatever_span == plain.stability.common
    first, second = plain.stability, positions.stability
    for one, other in (
        (first.curve[0].behaviour, second.curve[0].behaviour),
        (first.runs[0].behaviour, second.runs[0].behaviour),
        (first.chosen.behaviour, second.chosen.behaviour),
    ):
        assert (one.kl, one.logit_diff) == pytest.approx((other.kl, other.logit_diff), abs=1e-9)
    assert positions.consensus.at_all_spans.edges == plain.consensus.edges
    assert [span.name for span in positions.consensus.spans] == list(batch.tokens.spans.names)
    assert positions.consensus.outcome.metric_after == pytest.approx(plain.consensus.outcome.metric_after, abs=1e-9)


@pytest.mark.parametrize("shape", [SHAPE, GraphShape(2, 2, 2, parallel=True)])
def test_dead_edges_are_those_that_a_walk_from_span_to_span_finds(shape: GraphShape) -> None:
    graph, seeing = Graph(shape), {"A": ("A", "END"), "B": ("A", "B", "END"), "END": ("END",)}
    every, rng, n_dead = list(graph.edges_at(NAMES)), random.Random(0), 0
    for _ in range(10):
        edges = rng.sample(every, len(every) // 5)

        def after(edge: Edge) -> list[Place]:
            spans = seeing[edge.span] if edge.receiver.port in (Port.K, Port.V) else (edge.span,)
            return [Place(node, span) for node in graph.nodes_of(edge.receiver) for span in spans]

        def reaches(place: Place, edges: list[Edge] = edges) -> bool:
            out = [edge for edge in edges if Place(edge.sender, edge.span) == place]
            return any(edge.receiver == LOGITS or any(map(reaches, after(edge))) for edge in out)

        walked = [edge for edge in edges if edge.receiver != LOGITS and not any(map(reaches, after(edge)))]
        assert dead_edges(graph, edges, seeing) == sorted(walked)
        n_dead += len(walked)
    assert n_dead


def test_a_record_in_positions_is_loaded_back_exactly_and_one_without_knows_no_spans(
    found: Stability, tmp_path: Path
) -> None:
    (tmp_path / JSON_NAME).write_text(to_json(found), encoding="utf-8")
    assert load_stability(tmp_path) == found
    content = json.loads(to_json(found))
    assert content["edges"][1] | {"low": 0, "high": 0} == {
        "sender": "a1.h0",
        "receiver": "m1",
        "span": "A",
        "n_kept": 2,
        "n_runs": 3,
        "share": 2 / 3,
        "low": 0,
        "high": 0,
        "effect": 1.0,
    }
    assert content["spans"][0] == {"name": "A", "example": "a A"}
    assert "span" not in to_json(study(runs_of(FOUR)))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda c: c["edges"][0].update(span="C"), 'is at "C", which is none of its spans'),
        (lambda c: c["heads"][0].pop("span"), 'a1.h0 is at "", which is none'),
        (lambda c: c.pop("spans"), "which is none of its spans"),
        (lambda c: c.pop("whatever_span"), '"whatever_span", which is missing'),
        (lambda c: c["whatever_span"].update(agreement=[]), "is missing"),
    ],
)
def test_a_damaged_record_says_what_is_wrong(change: Any, said: str, found: Stability, tmp_path: Path) -> None:
    content = json.loads(to_json(found))
    change(content)
    (tmp_path / JSON_NAME).write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(ResultError, match=said):
        load_stability(tmp_path)


def test_tables_have_the_span_and_how_often_the_same_is_kept_whatever_the_span(found: Stability) -> None:
    rows = list(csv.DictReader(io.StringIO(edges_csv(found))))
    assert [(row["sender"], row["span"], row["n_kept"], row["n_kept_any_span"]) for row in rows] == [
        ("m1", "END", "3", "3"),
        ("a1.h0", "A", "2", "3"),
        ("a1.h0", "B", "2", "3"),
        ("a1.h0", "END", "1", "1"),
    ]
    heads = list(csv.DictReader(io.StringIO(heads_csv(found))))
    assert [(row["head"], row["span"], row["n_kept_any_span"]) for row in heads] == [
        ("a1.h0", span, "3") for span in NAMES
    ]


def test_the_verdict_says_whether_edges_vary_or_only_their_places(found: Stability) -> None:
    said = verdict(found)
    assert "of the edges at spans that either of two runs keeps, both keep 47%" in said
    assert "Whatever the span, it is 78% of the edges" in said
    apart = [{f"a1.h0@{span} -> m1@{span}": 1.0, "m1@END -> logits@END": 1.0} for span in ("A", "B", "END")]
    places = verdict(study([FinishedRun(f"run-{n}", ALL, at(edges)) for n, edges in enumerate(apart)]))
    assert "100% of the edges (95% interval 100% to 100%): where an edge is kept varies more than whether" in places
    heads = ({f"a1.h{head}@END -> logits@END": 1.0} for head in range(3))
    edges = verdict(study([FinishedRun(f"run-{n}", ALL, at(own)) for n, own in enumerate(heads)]))
    assert "it is 0% of the edges (95% interval 0% to 0%): whether an edge is kept varies more than where" in edges
    assert "Whatever" not in verdict(study([FinishedRun(f"run-{n}", ALL, at(THREE[0])) for n in range(3)]))


def test_the_summary_has_both_kinds_of_numbers(found: Stability) -> None:
    lines = [" ".join(line.split()) for line in summarize_stability(found).splitlines()]
    assert "sizes 2 to 3 edges at spans, median 3" in lines
    assert "Heads at spans by the share of runs that keep them (95% interval)" in lines
    assert "L1H0@A 67% (21% to 94%) any span 100%" in lines
    assert any(line.startswith("any span 0.78") for line in lines)


def test_pictures_have_columns_and_shares(found: Stability, tmp_path: Path) -> None:
    consensus = replace(
        three()[0].circuit,
        edges=consensus_edges(found.shares[Part.EDGES], found.share),
        search=replace(three()[0].circuit.search, runs=3, share=found.share),
    )
    svg, dot = draw_consensus(found, consensus, tmp_path)
    drawn = svg.read_text(encoding="utf-8")
    assert "in 2 of 3 runs (67%, 95% interval 21% to 94%); mean effect 1 nats" in drawn
    assert "Violet lines, which are no edges, have none." in drawn and ">67%<" in drawn
    assert "layout=nop2" in dot.read_text(encoding="utf-8")
    every = draw_all(found, consensus, tmp_path / "edges.svg").read_text(encoding="utf-8")
    assert "4 edges at spans that at least one of 3 runs keeps" in every and "a1.h0@END → logits@END" in every


@pytest.mark.slow
def test_the_figure_has_indices_at_spans_above_the_diagonal_and_whatever_the_span_below(found: Stability) -> None:
    svg = stability_figure(found).to_svg()
    assert "at spans above the diagonal, at any span below" in svg and "L1H0@END" in svg
    assert "whatever the span, the mean Jaccard index is 0.78" in svg


def test_runs_of_which_only_some_are_in_positions_are_refused() -> None:
    with pytest.raises(UsageError, match="of run-1 and run-2, one is a circuit in positions"):
        study([three()[0], *runs_of(FOUR)[1:]])
