"""In every order each edge is visited once and latest first; orders differ in what no edge joins alone."""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby

import pytest

from acdc_custom.choices import Order
from acdc_custom.graph import Edge, Graph, GraphShape, Receiver, Sender
from acdc_custom.search.order import VisitingOrder, visiting_order

GRAPHS = [
    Graph(shape)
    for shape in (GraphShape(3, 4, 4), GraphShape(2, 4, 2, parallel=True), GraphShape(2, 3, 1, has_mlp=False))
]


def groups(nodes: tuple[Sender, ...] | tuple[Receiver, ...]) -> list[tuple[Sender | Receiver, ...]]:
    """Nodes that stand side by side in one layer and stage."""
    key: Callable[[Sender | Receiver], object] = lambda node: (node.layer, node.stage)  # noqa: E731
    return [tuple(group) for _, group in groupby(nodes, key)]


def visited(graph: Graph, order: VisitingOrder) -> list[Edge]:
    return [Edge(sender, receiver) for receiver in order.receivers for sender in order.senders_to(graph, receiver)]


@pytest.mark.parametrize("order", Order)
@pytest.mark.parametrize("graph", GRAPHS, ids=lambda graph: str(graph.shape))
def test_every_edge_is_visited_once_in_every_order(graph: Graph, order: Order) -> None:
    edges = visited(graph, visiting_order(graph, order, seed=3))
    assert sorted(edges) == sorted(graph.edges())


@pytest.mark.parametrize("order", Order)
@pytest.mark.parametrize("graph", GRAPHS, ids=lambda graph: str(graph.shape))
def test_what_a_node_feeds_is_decided_before_what_feeds_the_node(graph: Graph, order: Order) -> None:
    place = {edge: number for number, edge in enumerate(visited(graph, visiting_order(graph, order, seed=3)))}
    for node in graph.senders:
        inputs = [place[edge] for edge in place if edge.receiver in graph.inputs_of(node)]
        outputs = [place[edge] for edge in place if edge.sender == node]
        assert not inputs or max(outputs) < min(inputs)


@pytest.mark.parametrize("graph", GRAPHS, ids=lambda graph: str(graph.shape))
def test_the_original_order_is_that_of_the_graph(graph: Graph) -> None:
    assert visited(graph, visiting_order(graph)) == list(graph.edges())


@pytest.mark.parametrize("graph", GRAPHS, ids=lambda graph: str(graph.shape))
def test_the_other_orders_turn_the_heads_of_a_layer_as_senders_as_receivers_or_both(graph: Graph) -> None:
    original, normal, turned = (visiting_order(graph, o) for o in (Order.ORIGINAL, Order.NORMAL, Order.REVERSED))
    assert normal.receivers == original.receivers
    assert groups(normal.senders) == groups(turned.senders) == [g[::-1] for g in groups(original.senders)]
    assert groups(turned.receivers) == [g[::-1] for g in groups(original.receivers)]
    assert normal.senders != original.senders


def test_a_random_order_is_that_of_its_seed_and_the_seed_matters_for_no_other() -> None:
    graph = GRAPHS[0]
    random = [visiting_order(graph, Order.RANDOM, seed) for seed in range(5)]
    assert random[1] == visiting_order(graph, Order.RANDOM, 1)
    assert len({order.senders for order in random}) > 1 and len({order.receivers for order in random}) > 1
    for order in (Order.ORIGINAL, Order.NORMAL, Order.REVERSED):
        assert visiting_order(graph, order, 1) == visiting_order(graph, order, 2)
