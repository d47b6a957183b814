"""A small circuit, made by hand, and what is known of its heads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from acdc_custom.circuit.circuit import (
    Circuit,
    KeptEdge,
    Outcome,
    SearchRecord,
    Span,
    TaskPerformance,
)
from acdc_custom.circuit.provenance import ModelRecord, Provenance, TaskRecord
from acdc_custom.circuit.settings import SearchSettings
from acdc_custom.graph import LOGITS, Edge, GraphShape, Receiver, Sender, Stage
from acdc_custom.heads.evidence import DEFINITIONS, Measure, Score
from acdc_custom.heads.roles import classify
from acdc_custom.heads.table import HeadRow, HeadTable, TableSource

EDGES = {("m1", "logits"): 1.5, ("a1.h0", "m1"): 0.5, ("embed", "a1.kv0.k"): 0.25, ("embed", "m1"): 0.02}


def settings_of(metric: str = "kl", threshold: float = 0.01) -> SearchSettings:
    """Complete settings, of a run on a CPU."""
    return SearchSettings.of(threshold=threshold, metric=metric, n=50, corruption="switch", device="cpu")


def example_circuit() -> Circuit:
    """Four edges in two layers of four heads in two groups."""
    return circuit_of(GraphShape(2, 4, 2), EDGES)


def circuit_of(shape: GraphShape, effects: dict[tuple[str, str], float], metric: str = "kl") -> Circuit:
    """A circuit of these edges."""
    return Circuit(
        shape=shape,
        edges=tuple(KeptEdge(Edge(Sender.parse(s), Receiver.parse(r)), effect) for (s, r), effect in effects.items()),
        provenance=Provenance(
            settings_of(metric),
            TaskRecord("latest_s", 'schema = 1\ndescription = "é"\n', "ab" * 32, "cd" * 32),
            ModelRecord("demo", "LlamaForCausalLM", 1234, "ef" * 32),
            {"torch": "2.13.0"},
        ),
        outcome=Outcome(
            0.0, 0.1, TaskPerformance(0.0, 4.0, 1.0), TaskPerformance(0.1, 3.0, 0.9), TaskPerformance(2.0, -1.0, 0.25)
        ),
        search=SearchRecord(
            "nats" if metric == "kl" else "logits",
            100,
            {"evaluated": 40, "same": 2, "dead": 8},
            0.001,
            1e-7,
            0,
            1.5,
            {"MLPs": 1.25},
        ),
        created="2026-01-02T03:04:05+00:00",
    )


def scored_circuit(ranking: str = "absolute") -> Circuit:
    """Three edges that come first by their scores; the strongest of them hurts."""
    effects = {("m1", "logits"): -2.0, ("a1.h0", "m1"): 1.0, ("embed", "m1"): 0.5}
    made = circuit_of(GraphShape(2, 4, 2), effects)
    settings = made.settings.with_(method="eap-ig", threshold=None, edges=3, ranking=ranking)
    search = replace(made.search, unit="logits", decided={"scored": 119}, evaluations=1, closest_margin=None)
    return replace(made, provenance=replace(made.provenance, settings=settings), search=search)


def example_heads() -> HeadTable:
    """A name mover, which is in the circuit above, and a head without a role. A place has an awkward name."""
    place = "IO, the one"
    scores = {
        Sender(1, Stage.HEAD, 0): {
            Measure.DIRECT_EFFECT: Score(-12.25, 0.5),
            Measure.COPY: Score(0.9375, 0.0),
            Measure.ATTENTION_TO_ANSWER: Score(1 / 3, 0.01, place),
            Measure.INDUCTION: Score(0.1, 0.0),
        },
        Sender(1, Stage.HEAD, 1): {Measure.DIRECT_EFFECT: Score(0.5, 0.25), Measure.COPY: Score(0.0, 0.0)},
    }
    rows = []
    for head, verdict in classify(scores).items():
        inside = head.head == 0
        rows.append(
            HeadRow(
                head,
                inside,
                verdict.role,
                verdict.also,
                scores[head],
                {place: 0.5 * inside},
                {place: 0.25},
                verdict.evidence,
                verdict.why,
            )
        )
    source = TableSource("latest_s", "switch", 16, 0, "cd" * 32, "demo", "ef" * 32, 4.0, 2, 8, DEFINITIONS)
    return HeadTable(source, (rows[0].head,), ("A note.",), tuple(rows))


def at_every_span(circuit: Circuit, names: Sequence[str]) -> Circuit:
    """A circuit with every edge at every one of these spans, END last."""
    edges = tuple(
        KeptEdge(replace(kept.edge, span=name), kept.effect)
        for kept in circuit.edges
        for name in (names[-1:] if kept.edge.receiver == LOGITS else names)
    )
    return replace(circuit, edges=edges, spans=tuple(Span(name, "") for name in names))
