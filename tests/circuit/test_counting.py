"""How far a search is: edges are counted once, at however many spans they are decided."""

from __future__ import annotations

from acdc_custom.circuit.counting import DecidedEdges


def test_an_edge_that_is_decided_at_several_spans_counts_once_and_so_does_one_that_is_kept_there() -> None:
    counted = DecidedEdges(4)
    news = [counted.note(*line) for line in (("a", "x", True), ("b", "x", False), ("a", "x", True), ("b", "x", True))]
    assert news == [True, True, False, False]
    assert (counted.decided, counted.kept) == (2, 2)
    counted.note("a", "y", False)
    assert (counted.decided, counted.kept, counted.passes) == (3, 2, 1)


def test_the_edges_that_a_pass_keeps_are_those_of_the_next() -> None:
    counted = DecidedEdges(2)
    for line in (("a", "x", True), ("a", "y", False), ("a", "x", True)):
        counted.note(*line)
    assert (counted.edges, counted.decided, counted.kept, counted.passes) == (1, 1, 1, 2)
