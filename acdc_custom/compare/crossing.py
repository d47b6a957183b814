"""Each circuit on each other's prompts: does what one task needs do the other task, too, and does the other need it?

Owns the running of models: one run is opened at a time, and everything is run on its prompts, with its model and its
ablation. The diagonal is each circuit on its own prompts, which is what its `circuit.json` says. Beside the circuits
stand the edges that all of them share, and all edges of any of them. Each set of edges is run alone (is it enough?) and
is taken out of the whole model (what does that do?).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache

from acdc_custom.choices import Device
from acdc_custom.circuit.circuit import Outcome
from acdc_custom.compare.comparison import Crossing
from acdc_custom.compare.entry import Entry
from acdc_custom.engine.prepared import PreparedBatch
from acdc_custom.graph import Edge
from acdc_custom.model.open import open_model
from acdc_custom.runs.reopen import reopen

SHARED, ANY = "shared by all", "all together"


def edge_sets(entries: Sequence[Entry]) -> Mapping[str, frozenset[Edge]]:
    """What is run: each circuit by its letter, and what is made of them."""
    sets = {entry.letter: frozenset(kept.edge for kept in entry.circuit.edges) for entry in entries}
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
        every = frozenset(prepared.model.graph.edges())
        for name, edges in sets.items():
            alone, without = (_outcome(prepared, entry.circuit.outcome, kept) for kept in (edges, every - edges))
            yield Crossing(name, len(edges), entry.letter, alone, without)


def _outcome(prepared: PreparedBatch, found: Outcome, edges: Iterable[Edge]) -> Outcome:
    """Of a circuit of these edges."""
    inside = prepared.performance_of(sorted(edges))
    return replace(found, model=prepared.full, circuit=inside, empty=prepared.empty)
