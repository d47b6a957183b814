"""The time that is left: exact where evaluations cost what the law says, by a clock of our own."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from tiny import random_prompts, tiny_gpt2

from acdc_custom.circuit.decision import Decision, Reason
from acdc_custom.graph import LOGITS, Edge, Graph, GraphShape, Receiver
from acdc_custom.search.forecast import ALIVE, Forecast, Pace
from acdc_custom.search.grouped import GroupedSearch
from acdc_custom.search.order import visiting_order

GRAPH = Graph(GraphShape(6, 2, 2))
ORDER = visiting_order(GRAPH)
BOTTOM = 2 * GRAPH.shape.n_layers + 1
NEAR, RISE = 0.5, 0.25  # seconds
TRUE = Pace(NEAR, NEAR + RISE * BOTTOM)


def forecast(pace: Pace | None, evaluations: Callable[[int], float] = float) -> Forecast:
    return Forecast(GRAPH, ORDER, evaluations, pace)


def told(law: Forecast, kept_every: int = 1, alive: Callable[[Receiver], bool] = lambda _: True) -> Iterator[tuple]:
    """A search that evaluates every edge of live receivers once; after each decision, the time and what is left."""
    now, evaluations = 0.0, 0
    whole = sum(GRAPH.n_senders_before(r) * (NEAR + RISE * law.depth(r)) for r in ORDER.receivers if alive(r))
    for receiver in ORDER.receivers:
        for place, sender in enumerate(GRAPH.senders_to(receiver)):
            if alive(receiver):
                now += NEAR + RISE * law.depth(receiver)
                evaluations += 1
            reason = Reason.EVALUATED if alive(receiver) else Reason.DEAD
            kept = reason is Reason.EVALUATED and place % kept_every == 0
            law.note(Decision(Edge(sender, receiver), kept, 0.0, 0.0, reason, evaluations), now)
            yield receiver, law.seconds, whole - now


def test_before_the_search_it_is_the_measured_pace_times_the_evaluations_of_live_receivers() -> None:
    law = forecast(Pace(NEAR, NEAR + RISE * BOTTOM, before=7.0))
    logits = GRAPH.n_senders_before(LOGITS)
    edges = {r: GRAPH.n_senders_before(r) * (NEAR + RISE * law.depth(r)) for r in ORDER.receivers if r != LOGITS}
    assert law.seconds == pytest.approx(7.0 + logits * NEAR + ALIVE * sum(edges.values()))


def test_where_all_is_alive_and_cost_is_linear_in_depth_it_is_exact_from_the_second_receiver_on() -> None:
    for receiver, left, true in told(forecast(TRUE)):
        if receiver != LOGITS:
            assert left == pytest.approx(true, abs=1e-9)


def test_without_a_measured_pace_two_depths_are_enough_to_be_exact() -> None:
    for receiver, left, true in told(forecast(None)):
        if receiver.layer < GRAPH.shape.n_layers - 1 and receiver != LOGITS:
            assert left == pytest.approx(true, abs=1e-9)


def test_a_pace_that_was_measured_wrong_by_four_is_corrected_at_a_third_of_the_time() -> None:
    for factor in (0.25, 4.0):
        states = list(told(forecast(Pace(TRUE.near * factor, TRUE.far * factor))))
        whole = states[0][2]
        for _, left, true in states:
            if true < 2 / 3 * whole:
                assert (whole - true + left) / whole == pytest.approx(1, abs=0.5)


def test_dead_receivers_cost_nothing_and_are_not_expected_for_ever() -> None:
    states = list(told(forecast(TRUE), kept_every=1000, alive=lambda r: r == LOGITS))
    assert states[-1][1] == 0
    assert states[len(states) // 2][1] < states[0][1] / 4


def test_a_machine_that_is_twice_as_slow_takes_twice_as_long() -> None:
    slow = Pace(2 * TRUE.near, 2 * TRUE.far, 2.0)
    assert forecast(slow).seconds == pytest.approx(2 * forecast(Pace(TRUE.near, TRUE.far, 1.0)).seconds)


def test_the_next_pass_is_over_the_edges_that_are_left_and_knows_what_they_cost() -> None:
    law = forecast(TRUE)
    for _ in told(law):
        pass
    assert law.seconds == pytest.approx(0)
    kept = [Edge(sender, r) for r in ORDER.receivers[:4] for sender in GRAPH.senders_to(r)[:3]]
    law.again(kept)
    assert law.seconds == pytest.approx(sum(NEAR + RISE * law.depth(edge.receiver) for edge in kept))


def test_decisions_that_are_taken_over_count_but_their_time_does_not() -> None:
    law, evaluations = forecast(TRUE), 0
    for receiver in ORDER.receivers[:2]:
        for sender in GRAPH.senders_to(receiver):
            evaluations += 1
            law.note(Decision(Edge(sender, receiver), True, 0.0, 0.0, Reason.EVALUATED, evaluations), None)
    left = ORDER.receivers[2:]
    assert law.seconds == pytest.approx(sum(GRAPH.n_senders_before(r) * (NEAR + RISE * law.depth(r)) for r in left))


def test_a_real_search_ends_with_nothing_left() -> None:
    from search.test_grouped import prepared, random_hint

    from acdc_custom.choices import Metric

    model, prompts = tiny_gpt2(1, 2), random_prompts(1)
    law = Forecast(model.graph, visiting_order(model.graph), float, Pace(1.0, 1.0))
    seconds = []
    search = GroupedSearch(prepared(model, prompts, Metric.KL), 0.01, random_hint(model, 0))
    for place, decision in enumerate(search.decisions()):
        law.note(decision, float(place))
        seconds.append(law.seconds)
    assert seconds[-1] == pytest.approx(0, abs=1e-9) and max(seconds) > 0
