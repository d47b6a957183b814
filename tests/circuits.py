"""A small circuit, made by hand."""

from __future__ import annotations

from acdc_custom.circuit import (
    Behaviour,
    Circuit,
    KeptEdge,
    Outcome,
    SearchRecord,
)
from acdc_custom.graph import Edge, GraphShape, Receiver, Sender
from acdc_custom.provenance import ModelRecord, Provenance, Settings, TaskRecord

EDGES = {("m1", "logits"): 1.5, ("a1.h0", "m1"): 0.5, ("embed", "a1.kv0.k"): 0.25, ("embed", "m1"): 0.02}


def example_circuit() -> Circuit:
    """Four edges in two layers of four heads in two groups."""
    return Circuit(
        shape=GraphShape(2, 4, 2),
        edges=tuple(KeptEdge(Edge(Sender.parse(s), Receiver.parse(r)), effect) for (s, r), effect in EDGES.items()),
        provenance=Provenance(
            Settings(0.01, "kl", "corrupted", "original", 0, 50, 0, "switch", "cpu", "float32"),
            TaskRecord("latest_s", 'schema = 1\ndescription = "é"\n', "ab" * 32, "cd" * 32),
            ModelRecord("demo", "LlamaForCausalLM", 1234, "ef" * 32),
            {"torch": "2.13.0"},
        ),
        outcome=Outcome(0.0, 0.1, Behaviour(0.0, 4.0, 1.0), Behaviour(0.1, 3.0, 0.9), Behaviour(2.0, -1.0, 0.25)),
        search=SearchRecord(100, {"evaluated": 40, "same": 2, "dead": 8}, 0.001, 1e-7, 0, 1.5, {"MLPs": 1.25}),
        created="2026-01-02T03:04:05+00:00",
    )
