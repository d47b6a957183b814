"""How far a search is: edges are counted once, at however many spans they are decided."""

from __future__ import annotations

from acdc_custom.circuit.counting import DecidedAtSpans, DecidedEdges


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


def test_at_spans_a_decision_without_one_is_of_all_those_of_which_nothing_else_is_said() -> None:
    counted = DecidedAtSpans(12, 3)
    for line in (("a", "x", "END", True), ("a", "x", "S1", True), ("b", "x", "END", False)):
        counted.note(*line)
    assert (counted.decided, counted.kept) == (3, 2)
    for sender in "ab":
        counted.note(sender, "x", "", False)
    assert (counted.decided, counted.kept) == (6, 2)
    counted.note("a", "y", "", False)
    assert counted.decided == 9
    counted.note("b", "y", "", False)
    assert (counted.decided, counted.edges) == (12, 12)


def test_at_spans_the_next_pass_decides_what_this_one_kept() -> None:
    counted = DecidedAtSpans(3, 2)
    for line in (("a", "x", "END", True), ("a", "x", "S1", True), ("b", "x", "END", False), ("a", "x", "END", False)):
        counted.note(*line)
    assert (counted.edges, counted.decided, counted.kept) == (2, 1, 0)
