"""Every edge has the threshold at which it went, and comes before those that went earlier."""

from __future__ import annotations

from circuits import circuit_of

from acdc_custom.graph import GraphShape
from acdc_custom.path.ranking import went_at

SHAPE = GraphShape(2, 2, 2)
LARGE = {("m1", "logits"): 1.0, ("a1.h0", "m1"): 0.2, ("embed", "m1"): 0.3}
MIDDLE = {("m1", "logits"): 0.7, ("embed", "m1"): 0.1}


def test_edges_that_never_went_come_first_then_those_that_went_last() -> None:
    ranking = went_at([(0.01, circuit_of(SHAPE, LARGE)), (0.1, circuit_of(SHAPE, MIDDLE))])
    names = [(str(edge.sender), str(edge.receiver), threshold) for edge, threshold in ranking.items()]
    assert names[:3] == [("m1", "logits", None), ("embed", "m1", None), ("a1.h0", "m1", 0.1)]
    assert len(names) == circuit_of(SHAPE, LARGE).graph.n_edges
    assert {threshold for *_, threshold in names[3:]} == {0.01}


def test_of_no_circuits_there_is_no_ranking() -> None:
    assert went_at([]) == {}
