"""Made-up circuits that look like found ones."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import pytest
from circuits import settings_of

from acdc_custom.circuit.circuit import (
    Circuit,
    KeptEdge,
    Outcome,
    SearchRecord,
    TaskPerformance,
)
from acdc_custom.circuit.provenance import ModelRecord, Provenance, TaskRecord
from acdc_custom.graph import LOGITS, Edge, Graph, GraphShape, Receiver, Sender

Make = Callable[..., Circuit]


def random_edges(graph: Graph, n: int, seed: int) -> list[KeptEdge]:
    """`n` edges grown down from the logits, so that each leads into something alive; effects are log-uniform.

    Senders shortly before the receiver are likelier, and so is `embed`: as in circuits that a search finds.
    """
    rng = random.Random(seed)
    receivers = {LOGITS}
    edges: dict[Edge, float] = {}
    while len(edges) < n:
        receiver = rng.choice(sorted(receivers))
        senders = graph.senders_to(receiver)
        place = min(int(rng.expovariate(3 / len(senders))), len(senders) - 1)
        sender = senders[-1] if rng.random() < 0.05 else senders[place]
        edges[Edge(sender, receiver)] = math.exp(rng.uniform(math.log(0.01), math.log(3)))
        # Few nodes carry much of a circuit: open a new one now and then only.
        if rng.random() < 0.5:
            receivers.update(rng.sample(inputs, 1) if (inputs := graph.inputs_of(sender)) else [])
    return [KeptEdge(edge, effect) for edge, effect in edges.items()]


def build(
    n: int = 30,
    layers: int = 4,
    heads: int = 8,
    kv_heads: int | None = None,
    seed: int = 0,
    task: str = "latest_s",
    model: str = "demo-4l",
    metric: str = "kl",
    edges: list[str] | None = None,
    has_mlp: bool = True,
) -> Circuit:
    """A circuit of `n` random edges, or of the edges written as `a0.h1 -> a2.h3.q 0.5`."""
    shape = GraphShape(layers, heads, kv_heads or heads, has_mlp=has_mlp)
    kept = random_edges(Graph(shape), n, seed) if edges is None else [_parse(text) for text in edges]
    return Circuit(
        shape=shape,
        edges=tuple(kept),
        provenance=Provenance(
            settings_of(metric),
            TaskRecord(task, "", "0" * 64, "0" * 64),
            ModelRecord(model, "GPT2LMHeadModel", 1_000_000, "0" * 64),
            {},
        ),
        outcome=Outcome(
            0.0,
            0.21,
            TaskPerformance(0.0, 3.56, 1.0),
            TaskPerformance(0.21, 3.4, 0.98),
            TaskPerformance(5.1, -3.5, 0.02),
        ),
        search=SearchRecord(
            "nats" if metric == "kl" else "logits", 1234, {"evaluated": 1234}, 1e-4, 1e-7, 0, 12.5, {"MLPs": 8.5}
        ),
        created="2026-01-01T00:00:00+00:00",
    )


def _parse(text: str) -> KeptEdge:
    sender, _, receiver, effect = text.split()
    return KeptEdge(Edge(Sender.parse(sender), Receiver.parse(receiver)), float(effect))


@pytest.fixture
def make() -> Make:
    return build
