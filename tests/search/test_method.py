"""What each kind of method asks of the settings, and which edges come first."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acdc_custom.choices import DEFAULT_THRESHOLD, Ranking
from acdc_custom.circuit.settings import SearchSettings
from acdc_custom.errors import UsageError
from acdc_custom.graph import Edge, Graph, GraphShape
from acdc_custom.search.method import DecidingMethod, ScoringMethod, SearchMethod, top_edges
from acdc_custom.search.registry import deciding_methods, methods, scoring_methods

EDGES = list(Graph(GraphShape(2, 2, 2)).edges())
SCORES = st.lists(st.sampled_from([-2.0, -1.0, 0.0, 1.0, 2.0, 0.5]), max_size=12).map(
    lambda scores: dict(zip(EDGES, scores, strict=False))
)


@pytest.mark.parametrize("method", deciding_methods(), ids=lambda method: method.name)
def test_a_method_that_decides_takes_a_threshold_and_no_number_of_edges(method: DecidingMethod) -> None:
    given_one = SearchSettings.of(method=method.name, threshold=0.5)
    assert method.completed(given_one) == given_one
    without = SearchSettings.of(method=method.name)
    assert method.completed(without) == replace(without, threshold=DEFAULT_THRESHOLD)
    with pytest.raises(UsageError, match=rf"--edges 7 is for methods that score edges, and {method.name} decides"):
        method.completed(replace(given_one, edges=7))


@pytest.mark.parametrize("method", scoring_methods(), ids=lambda method: method.name)
def test_a_method_that_scores_needs_a_number_of_edges_and_no_threshold(method: ScoringMethod) -> None:
    given_one = SearchSettings.of(method=method.name, edges=7)
    assert method.completed(given_one) == replace(given_one, steps=method.points)
    with pytest.raises(UsageError, match=f"{method.name} scores edges: give the size of the circuit with --edges"):
        method.completed(SearchSettings.of(method=method.name))
    with pytest.raises(UsageError, match=rf"--threshold 0\.5 is for methods that decide edges, and {method.name}"):
        method.completed(replace(given_one, threshold=0.5))


@pytest.mark.parametrize("method", methods(), ids=lambda method: method.name)
def test_only_a_method_that_integrates_gradients_takes_a_number_of_points(method: SearchMethod) -> None:
    size = {"edges": 7} if isinstance(method, ScoringMethod) else {"threshold": 0.5}
    settings = SearchSettings.of(method=method.name, steps=9, **size)
    if isinstance(method, ScoringMethod) and method.points is not None:
        assert method.completed(settings) == settings
        return
    with pytest.raises(UsageError, match=rf"--steps 9 is for methods that integrate gradients, and {method.name} does"):
        method.completed(settings)


def test_the_methods_that_integrate_gradients_are_those_of_the_literature_at_five_points() -> None:
    assert {m.name: m.points for m in scoring_methods() if m.points} == {
        "eap-ig": 5,
        "eap-ig-activations": 5,
        "eap-ig-mib": 5,
    }


@pytest.mark.parametrize("ranking", Ranking)
@given(scores=SCORES, n=st.integers(0, 12))
def test_no_edge_that_is_left_out_comes_before_one_that_is_taken(
    ranking: Ranking, scores: dict[Edge, float], n: int
) -> None:
    def weight(edge: Edge) -> float:
        return scores[edge] if ranking is Ranking.SIGNED else abs(scores[edge])

    taken = top_edges(scores, n, ranking)
    assert len(taken) == min(n, len(scores)) and len(set(taken)) == len(taken)
    left = [edge for edge in scores if edge not in taken]
    assert all(weight(edge) <= weight(taken[-1]) for edge in left if taken)
    places = [(-weight(edge), list(scores).index(edge)) for edge in taken]
    assert places == sorted(places), "the strongest first, and equal ones in their order"
    assert top_edges(scores, n + 1, ranking)[:n] == taken
