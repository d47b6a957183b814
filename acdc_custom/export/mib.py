"""A circuit as the JSON that EAP-IG and the MIB benchmark (circuit track) read and write.

The form is that of `Graph.to_json` and `Graph.from_json` in `src/eap/graph.py` of EAP-IG (github.com/hannamw/EAP-IG,
2025), which MIB's evaluation loads (Mueller et al. 2025, arXiv 2504.13151): `cfg`, `nodes` and `edges`, with every node
and edge of the whole graph, `in_graph` or not, edges with a `score`. Names are ours but for `input` (the embedding) and
those of edges, `input->a0.h0<q>`.

There are differences. Their graph gives every query head a key and a value of its own: an edge into keys or values that
several heads share is written once for each of these heads, which is the same circuit, since all of them read it. Their
graph has an MLP in every layer, so attention-only models have no such file.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from acdc_custom.circuit.circuit import Circuit
from acdc_custom.errors import UsageError
from acdc_custom.graph import EMBED, Edge, Sender, Stage


def to_mib(circuit: Circuit, d_model: int, scores: Mapping[Edge, float] | None = None) -> str:
    """The file's text. `d_model`, the width of the model's residual stream, has to be in it.

    An edge's score is its effect, and 0 for an edge that was removed; or what `scores` says, of every edge of the
    model. A node is in the graph if it has a kept edge out. The form knows no positions: of a circuit in positions, an
    edge is in the graph if it is kept at any span.
    Raises `UsageError` for an attention-only model.
    """
    shape = circuit.shape
    if not shape.has_mlp:
        raise UsageError(
            f"{circuit.model.name} is attention-only, and the form mib has an MLP in every layer. "
            "Export another form, such as graphml."
        )
    kept_edges = {kept.edge: kept.effect for kept in circuit.at_all_spans.edges}
    ranked = kept_edges if scores is None else scores
    alive = set(circuit.nodes)
    content = {
        "cfg": {
            "n_layers": shape.n_layers,
            "n_heads": shape.n_heads,
            "parallel_attn_mlp": shape.parallel,
            "d_model": d_model,
        },
        "nodes": {
            **{_name(sender): {"in_graph": sender in alive} for sender in circuit.graph.senders},
            "logits": {"in_graph": True},
        },
        "edges": {
            name: {"score": ranked.get(edge, 0.0), "in_graph": edge in kept_edges}
            for edge in circuit.graph.edges()
            for name in _names(circuit, edge)
        },
    }
    return json.dumps(content, allow_nan=False) + "\n"


def _name(sender: Sender) -> str:
    return "input" if sender == EMBED else str(sender)


def _names(circuit: Circuit, edge: Edge) -> Iterator[str]:
    """What the edge is called there: several names where heads share the receiver."""
    receiver = edge.receiver
    if receiver.stage is Stage.HEAD:
        for head in circuit.graph.nodes_of(receiver):
            yield f"{_name(edge.sender)}->{head}<{receiver.port}>"
    else:
        yield f"{_name(edge.sender)}->{receiver}"
