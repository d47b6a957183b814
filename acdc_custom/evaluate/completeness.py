"""Is the circuit all that the model uses? Circuit and model without the same nodes (Wang et al. 2022, arXiv 2211.00593,
section 4, completeness).

Owns the sets K of nodes that are knocked out of both. Knocking out a node removes all its outgoing edges: in the
circuit those that it has, in the model all of them. K has heads and MLPs of the circuit; without the embedding neither
of the two would have anything left. In positions, K has nodes at single spans, and is knocked out there alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from acdc_custom.engine.knock_out import KnockOut
from acdc_custom.engine.scores import CircuitScorer
from acdc_custom.evaluate.faithfulness import share_of_effect
from acdc_custom.evaluate.kinds import Chosen
from acdc_custom.evaluate.minimality import places_of
from acdc_custom.evaluate.records import KnockedOut
from acdc_custom.graph import EMBED, Edge, Place, Sender
from acdc_custom.progress.protocol import OnStep
from acdc_custom.stats.means import mean_of

RANDOM_SETS = 20
GREEDY_STEPS = 5
GREEDY_CANDIDATES = 8  # at every step, drawn from the nodes that are left (the paper: 10 steps with 10 candidates)

Roles = Mapping[str, Sequence[Sender]]


class Completeness:
    """A circuit and its model on one batch, ready to lose nodes."""

    def __init__(self, bench: CircuitScorer, edges: Sequence[Edge], seed: int) -> None:
        self._bench, self._edges = bench, tuple(edges)
        self._generator = np.random.default_rng(seed)
        self.places = [place for place in places_of(edges) if place.node != EMBED]
        nodes = {place.node for place in self.places}
        self._knock_outs = [KnockOut(chunk, nodes) for chunk in bench.prepared.chunks]

    def sets(self, roles: Roles, on_step: OnStep) -> Iterator[KnockedOut]:
        """All sets; `on_step` is told of each one that was run, the candidates of the greedy search included."""
        if not self.places:
            return
        for number in range(RANDOM_SETS):
            # Small sets as well as large ones: without half of its nodes, hardly any circuit does anything at all.
            size = int(self._generator.integers(1, max(1, len(self.places) // 2), endpoint=True))
            drawn = self._generator.permutation(len(self.places))[:size]
            yield self._without(Chosen.RANDOM, f"random set {number + 1}", [self.places[index] for index in drawn])
            on_step()
        for role, heads in roles.items():
            if places := [place for place in self.places if place.node in heads]:
                yield self._without(Chosen.ROLE, role, places)
                on_step()
        yield from self._greedy(on_step)

    def n_sets(self, roles: Roles) -> int:
        """How many sets `sets` runs."""
        if not self.places:
            return 0
        n_roles = sum(any(place.node in heads for place in self.places) for heads in roles.values())
        left = len(self.places)
        greedy = sum(min(GREEDY_CANDIDATES, left - step) for step in range(min(GREEDY_STEPS, left)))
        return RANDOM_SETS + n_roles + greedy

    def _greedy(self, on_step: OnStep) -> Iterator[KnockedOut]:
        """The set after each step: the candidate that leaves circuit and model furthest apart joins it."""
        chosen: tuple[Place, ...] = ()
        for step in range(min(GREEDY_STEPS, len(self.places))):
            left = [place for place in self.places if place not in chosen]
            drawn = self._generator.permutation(len(left))[:GREEDY_CANDIDATES]
            tried = []
            for index in drawn:
                tried.append(self._without(Chosen.GREEDY, f"greedy, {step + 1}", [*chosen, left[index]]))
                on_step()
            worst = max(tried, key=lambda knocked_out: knocked_out.gap)
            chosen = worst.places
            yield worst

    def _without(self, chosen: Chosen, name: str, places: Sequence[Place]) -> KnockedOut:
        bench, gone = self._bench, frozenset(places)
        model = bench.scores([knock_out.without_places(places) for knock_out in self._knock_outs]).logit_diff
        inside = bench([edge for edge in self._edges if Place(edge.sender, edge.span) not in gone]).logit_diff
        of_model, of_circuit = mean_of(model), mean_of(inside)
        return KnockedOut(
            chosen,
            name,
            tuple(place.node for place in sorted(places)),
            of_model.value,
            of_circuit.value,
            share_of_effect(inside - model, bench.full, bench.empty),
            of_model.high < 0 < of_circuit.low or of_circuit.high < 0 < of_model.low,
            tuple(place.span for place in sorted(places)) if any(place.span for place in places) else (),
        )
