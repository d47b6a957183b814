"""A circuit in positions, made by hand."""

from __future__ import annotations

from dataclasses import replace

from circuits import circuit_of

from acdc_custom.circuit.circuit import Circuit, KeptEdge, Span
from acdc_custom.graph import Edge, GraphShape

SPANS = (Span("start", "<bos> When"), Span("S 1", "Tom"), Span("S1..S2", ""), Span("S2", "Tom"), Span("END", "to"))
EDGES = {
    "embed@S 1 -> a0.kv0.k@S 1": 0.5,
    "embed@S2 -> a0.kv0.v@S2": -0.25,
    "a0.h1@END -> m0@END": 0.75,
    "embed@S2 -> m0@S2": 0.02,
    "m0@S2 -> a1.kv1.v@S2": 1.0,
    "m0@END -> a1.h3.q@END": 0.1,
    "a1.h3@END -> logits@END": 2.0,
    "m0@END -> logits@END": 0.3,
    "embed@S2 -> a1.kv1.v@S2": 0.125,
    "embed@S 1 -> a1.kv1.v@S 1": 0.0625,
}


def positioned_circuit() -> Circuit:
    """Ten edges at three spans, in two layers of four heads in two groups."""
    made = circuit_of(GraphShape(2, 4, 2), {})
    settings = made.settings.with_(positions=True)
    edges = tuple(KeptEdge(Edge.named(name), effect) for name, effect in EDGES.items())
    return replace(made, edges=edges, spans=SPANS, provenance=replace(made.provenance, settings=settings))
