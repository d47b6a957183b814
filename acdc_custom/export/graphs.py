"""A circuit as a graph in files that graph tools read: GraphML and node-link JSON.

Owns which nodes, edges and attributes are in them. An edge into keys or values that several heads share leads to each
of these heads; its attribute `receiver` tells that it is one edge of the circuit. Of a circuit in positions, an edge
has its `span`; nodes are those of all spans, since attention leads from span to span inside of them.
"""

from __future__ import annotations

import io
import json
import re
from typing import Any

from acdc_custom.circuit.circuit import Circuit
from acdc_custom.graph import Sender, Stage


def to_graphml(circuit: Circuit) -> str:
    """GraphML (graphml.graphdrawing.org), through networkx."""
    import networkx

    about, nodes, edges = _parts(circuit)
    graph = networkx.MultiDiGraph(**about)
    graph.add_nodes_from(nodes.items())
    for edge in edges:
        attributes = {key: value for key, value in edge.items() if key not in ("source", "target", "key")}
        graph.add_edge(edge["source"], edge["target"], key=edge["key"], **attributes)
    text = io.BytesIO()
    networkx.write_graphml(graph, text)
    return text.getvalue().decode()


def to_json_graph(circuit: Circuit) -> str:
    """Node-link JSON, as `networkx.node_link_graph(content, edges="edges")` and D3 read it."""
    about, nodes, edges = _parts(circuit)
    content = {
        "directed": True,
        "multigraph": True,
        "graph": about,
        "nodes": [{"id": name, **attributes} for name, attributes in nodes.items()],
        "edges": edges,
    }
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _parts(circuit: Circuit) -> tuple[dict[str, Any], dict[str, dict[str, Any]], list[dict[str, Any]]]:
    """What is known of the graph, of each node, and of each edge, whose `key` no other edge has."""
    settings = circuit.settings
    about = {
        "task": _visible(circuit.task.name),
        "model": _visible(circuit.model.name),
        "corruption": _visible(circuit.corruption),
        "metric": _visible(settings.parsed_metric.value),
        "ablation": settings.ablation.value,
        "method": settings.method,
        **({"threshold": settings.threshold} if settings.threshold is not None else {}),  # GraphML knows no None
    }
    ends = {*circuit.nodes, *(node for kept in circuit.edges for node in circuit.graph.nodes_of(kept.edge.receiver))}
    nodes = {str(node): _node(node) for node in sorted(ends)}
    nodes["logits"] = {"label": "logits", "kind": "logits", "layer": circuit.shape.n_layers}
    edges = []
    for kept in circuit.edges:
        sender, receiver = kept.edge.sender, kept.edge.receiver
        for node in [str(node) for node in circuit.graph.nodes_of(receiver)] or ["logits"]:
            span = kept.edge.span
            key = f"{sender}->{node}.{receiver.port}".rstrip(".") + (f"@{span}" if span else "")
            edges.append(
                {
                    "source": str(sender),
                    "target": node,
                    "key": key,
                    "port": receiver.port.value,
                    "receiver": str(receiver),
                    "effect": kept.effect,
                    **({"span": _visible(span)} if span else {}),
                }
            )
    return about, nodes, edges


def _node(node: Sender) -> dict[str, Any]:
    """Its layer is -1 for the embedding; only heads have a `head`."""
    attributes: dict[str, Any] = {"label": node.label, "kind": node.stage.name.lower(), "layer": node.layer}
    return {**attributes, "head": node.head} if node.stage is Stage.HEAD else attributes


def _visible(text: str) -> str:
    """A user's text without characters that XML cannot hold."""
    return re.sub(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "\ufffd", text)
