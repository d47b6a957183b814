"""Each circuit on each other's prompts: does what one task needs do the other task, too, and does the other need it?

Owns the running of models: one run is opened at a time, and everything is run on its prompts, with its model and its
ablation. The diagonal is each circuit on its own prompts, which is what its `circuit.json` says. Beside the circuits
stand the edges that all of them share, and all edges of any of them. Each set of edges is run alone (is it enough?) and
is taken out of the whole model (what does that do?). Circuits that are compared at spans are run with all that they
have at any of their spans: what prompts lack of these does nothing there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache

from acdc_custom.choices import Device
from acdc_custom.circuit.circuit import TaskPerformance
from acdc_custom.compare.comparison import Crossing
from acdc_custom.compare.entry import Entry
from acdc_custom.engine.prepared import PreparedBatch
from acdc_custom.engine.scores import CircuitScorer
from acdc_custom.graph import Edge
from acdc_custom.model.open import open_model
from acdc_custom.runs.reopen import reopen

SHARED, ANY = "shared by all", "all together"


def edge_sets(entries: Sequence[Entry]) -> Mapping[str, frozenset[Edge]]:
    """What is run: each circuit by its letter, and what is made of them."""
    run = {entry.letter: entry.whole if entry.circuit.in_positions else entry.circuit for entry in entries}
    sets = {letter: frozenset(kept.edge for kept in circuit.edges) for letter, circuit in run.items()}
    return {**sets, SHARED: frozenset.intersection(*sets.values()), ANY: frozenset.union(*sets.values())}


def n_crossings(entries: Sequence[Entry]) -> int:
    """How many results `cross` gives."""
    return len(entries) * len(edge_sets(entries))


def cross(entries: Sequence[Entry], device: Device | str | None = None) -> Iterator[Crossing]:
    """Run every set of edges on every circuit's prompts; `device` None is each run's own.

    Raises an `AcdcError` when a run cannot be opened again.
    """
    sets = edge_sets(entries)
    opener = lru_cache(maxsize=1)(open_model)  # runs of one model, one after the other, open it once
    for entry in entries:
        prepared = reopen(entry.where, device, opener=opener).prepared
        graph, run = prepared.model.graph, _runner(prepared, entry.circuit.in_positions)
        every = list(graph.edges_at(prepared.tokens.spans.names) if entry.circuit.in_positions else graph.edges())
        for name, edges in sets.items():
            alone, without = (
                replace(entry.circuit.outcome, model=prepared.full, circuit=run(kept), empty=prepared.empty)
                for kept in (edges, [edge for edge in every if edge not in edges])
            )
            yield Crossing(name, len(edges), entry.letter, alone, without)


def _runner(prepared: PreparedBatch, in_positions: bool) -> Callable[[Iterable[Edge]], TaskPerformance]:
    """What runs sets of edges: straight from the definition; in positions, where there are so many more edges, as fast
    as it can be done."""
    if not in_positions:
        return lambda edges: prepared.performance_of(sorted(edges))
    bench = CircuitScorer(prepared)
    return lambda edges: bench(edges).behaviour()
