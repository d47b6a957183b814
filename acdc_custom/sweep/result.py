"""What a sweep finds: for every batch on a model, the curves of all methods, and which threshold to take.

Owns the records. How they are measured, written and drawn are other modules' business.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Self

from acdc_custom.choices import Order, Ranking, parse_metric
from acdc_custom.circuit.circuit import TaskPerformance
from acdc_custom.circuit.settings import SearchSettings
from acdc_custom.files.table import Row, Tabular
from acdc_custom.search.registry import title_of
from acdc_custom.sweep.curve import Curve
from acdc_custom.sweep.suggestion import Suggestion

NESTED = "nested circuits"


@dataclass(frozen=True)
class Shared:
    """What the runs of a case have in common: see `SearchSettings`."""

    ablation: str
    knock_out: str
    n: int
    seed: int
    corruption: str
    templates: str
    resample: int | None
    dtype: str

    @classmethod
    def of(cls, settings: SearchSettings) -> Self:
        """Of a run."""
        flat = settings.flat()
        return cls(**{field.name: flat[field.name] for field in fields(cls)})


@dataclass(frozen=True)
class Searched:
    """The curve over thresholds of a method that decides edges, with one metric and one visiting order."""

    metric: str
    order: str
    order_seed: int  # matters for the random order alone
    curve: Curve
    suggestion: Suggestion
    nested: bool = False  # found as a path: every circuit is within those of the smaller thresholds

    @property
    def title(self) -> str:
        """The method, as it is printed."""
        return title_of(self.curve.method)

    @property
    def unit(self) -> str:
        """The unit of the thresholds."""
        return parse_metric(self.metric).unit

    @property
    def name(self) -> str:
        """`metric kl, order random 3`, and `nested circuits` of a path."""
        seed = f" {self.order_seed}" if self.order == Order.RANDOM else ""
        return f"metric {self.metric}, order {self.order}{seed}{f', {NESTED}' * self.nested}"


@dataclass(frozen=True)
class Attributed:
    """The curves of the edges that a scoring method ranks first, in both of its orders."""

    method: str  # its name
    curves: Mapping[Ranking, Curve]

    @property
    def title(self) -> str:
        """The method, as it is printed."""
        return title_of(self.method)

    @property
    def cpr(self) -> float:
        """See `Curve.cpr`; edges are ranked by their signed scores, as in MIB."""
        return self.curves[Ranking.SIGNED].cpr

    @property
    def cmd(self) -> float:
        """See `Curve.cmd`; edges are ranked by their absolute scores, as in MIB."""
        return self.curves[Ranking.ABSOLUTE].cmd


@dataclass(frozen=True)
class TestPrompts:
    """The prompts of a case that no search has seen: how many, and what the model and no edges do on them."""

    __test__ = False  # no test of pytest's

    n: int
    full: TaskPerformance
    empty: TaskPerformance


@dataclass(frozen=True)
class Case:
    """Everything that was run on one batch of prompts in one model with one ablation."""

    task: str
    model: str
    settings: Shared
    full: TaskPerformance  # the full model
    empty: TaskPerformance  # the circuit without edges
    searches: tuple[Searched, ...]
    attributions: tuple[Attributed, ...]
    notes: tuple[str, ...] = ()  # whole sentences: which methods are left out, and why
    n_spans: int = 0  # of circuits in positions; edges, and those of the graph, are counted at spans
    test: TestPrompts | None = None  # None: no prompts were held out

    @property
    def n_edges(self) -> int:
        """Of the model's graph; in positions, an edge at every span."""
        return self.searches[0].curve.full.n_edges

    @property
    def name(self) -> str:
        """`ioi in demo-4l`."""
        return f"{self.task} in {self.model}"

    @property
    def about(self) -> str:
        """`50 prompts, seed 0, corruption switch, ablation corrupted`, and `in positions` of such circuits."""
        its = self.settings
        parts = [f"{its.n} prompts", f"seed {its.seed}", f"corruption {its.corruption}", f"ablation {its.ablation}"]
        parts += [f"templates {its.templates}"] if its.templates else []
        parts += [f"without {its.knock_out}"] if its.knock_out else []
        parts += ["in positions"] if self.n_spans else []
        return ", ".join(parts)


@dataclass(frozen=True)
class Sweep(Tabular):
    """All cases; `failed` are the names of runs that there are no circuits of."""

    cases: tuple[Case, ...]
    failed: tuple[str, ...] = ()

    def to_rows(self) -> list[Row]:
        """A row per circuit, as in `sweep.csv`."""
        from acdc_custom.sweep.table import to_rows

        return to_rows(self)
