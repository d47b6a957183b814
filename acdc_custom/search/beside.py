"""Which scoring methods a circuit is compared with: all of the registry, but those that would take too long for it.

Owns that rule. A sweep draws these methods' curves beside its searches, an evaluation has a row for each. Imports no
torch.
"""

from __future__ import annotations

from dataclasses import dataclass

from acdc_custom.search.method import ScoringMethod
from acdc_custom.search.registry import scoring_methods

MOST_RUNS = 100_000  # edges times prompts: more than that, and a method that goes from edge to edge is left out


@dataclass(frozen=True)
class Beside:
    """The methods, and a sentence for each that is left out."""

    methods: tuple[ScoringMethod, ...]
    notes: tuple[str, ...]


def methods_beside(n_edges: int, n_prompts: int, positions: bool = False) -> Beside:
    """Those to compare with on a graph of so many edges, in `positions` at spans, and on so many prompts."""
    runs = n_edges * n_prompts
    slow = [method for method in scoring_methods() if method.each_edge and runs > MOST_RUNS]
    notes = [
        f"{method.title} are left out: {n_edges:,} edges on {n_prompts:,} prompts are {runs:,} runs of a prompt, and "
        f"{MOST_RUNS:,} at most are made for a comparison. They can be had with: "
        f"acdc-custom discover --method {method.name} --edges N{' --positions' * positions}"
        for method in slow
    ]
    return Beside(tuple(method for method in scoring_methods() if method not in slow), tuple(notes))
