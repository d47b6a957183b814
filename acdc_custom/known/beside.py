"""What a method finds in a known model in positions, beside what it finds there without them. Imports no torch.

Without positions, an edge is found or not, whatever it does where: so against the truth in positions it stands for all
of its spans. Owns the pairs, and what searching in positions tells apart that a search without them cannot.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from acdc_custom.choices import Ablation
from acdc_custom.graph import Edge
from acdc_custom.known.result import BenchmarkResult
from acdc_custom.known.roc import auc, rates, roc_curve


@dataclass(frozen=True)
class Beside:
    """The same method on the same model with the same ablation, in positions and without them."""

    plain: BenchmarkResult
    positioned: BenchmarkResult

    @property
    def auc(self) -> float | None:
        """Of edges at spans, against those that act there; None if none acts anywhere."""
        return self.positioned.changing_auc

    @cached_property
    def auc_without(self) -> float | None:
        """The same of the method without positions, whose edges are at all of their spans."""
        true, every = self.positioned.changing, self.positioned.every
        if not true:
            return None
        spread = [frozenset(edge for edge in every if edge.merged in edges) for _, edges in self.plain.found]
        return auc(roc_curve(rates(edges, true, every) for edges in spread))

    @cached_property
    def to_tell_apart(self) -> frozenset[Edge]:
        """The edges, without spans, that act at some of their spans and not at all of them."""
        acting = self.positioned.changing
        idle = {edge.merged for edge in self.positioned.every - acting}
        return frozenset(edge.merged for edge in acting if edge.merged in idle)

    @cached_property
    def told_apart(self) -> frozenset[Edge]:
        """Of these, those that are found, at the lowest threshold, at the very spans where they act."""
        wrong = {edge.merged for edge in self.positioned.at_lowest ^ self.positioned.changing}
        return self.to_tell_apart - wrong


def besides(trials: Iterable[BenchmarkResult]) -> list[Beside]:
    """Every trial in positions that has its counterpart without them among these, in order."""
    plain, positioned = dict[tuple[str, Ablation, str], BenchmarkResult](), list[BenchmarkResult]()
    for trial in trials:
        if trial.spans:
            positioned.append(trial)
        else:
            plain[_key(trial)] = trial
    return [Beside(plain[_key(trial)], trial) for trial in positioned if _key(trial) in plain]


def _key(trial: BenchmarkResult) -> tuple[str, Ablation, str]:
    return trial.name, trial.ablation, trial.method.name
