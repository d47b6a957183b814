"""Everything that is chosen for a search, as one value.

Owns the settings, their defaults, and what cannot be a setting. It is what the command line fills in, what a run
folder keeps, what resuming compares, and what a grid of runs varies. Knows no task, no model and no search method: what
depends on these is checked where they are known.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from enum import Enum
from typing import Any, Self

from acdc_custom.choices import (
    DEFAULT_METHOD,
    Ablation,
    CustomMetric,
    Device,
    Metric,
    Order,
    Precision,
    Ranking,
    check_kinds,
    checked_seed,
    checked_threshold,
    parse_metric,
)
from acdc_custom.errors import UsageError, did_you_mean
from acdc_custom.files.records import seldom
from acdc_custom.graph import parse_heads
from acdc_custom.task.selection import PromptSelection


@dataclass(frozen=True)
class SearchSettings:
    """What is chosen for a search. Enums may be given by their values. Raises `UsageError` for what cannot be.

    Of the defaults that depend on the task, the model or the method, None says that it is theirs; a circuit's settings
    have none of these left. `window` and `memory_limit` never change what is found.
    """

    method: str = DEFAULT_METHOD  # see acdc_custom.search.registry
    threshold: float | None = None  # of a method that decides edges, in the metric's unit
    edges: int | None = None  # of a method that scores edges: how many the circuit has
    ranking: Ranking = Ranking.ABSOLUTE  # of a method that scores edges: which of them come first
    start: str = ""  # the run folder of the circuit whose edges alone are searched; "" for all of the model's
    refine: bool = False  # of a method that decides edges: search again what is left, until nothing goes
    positions: bool = seldom(False)  # of a method that decides edges: each edge at each span by itself
    steps: int | None = None  # of a method that integrates gradients: at how many points
    metric: str | None = None
    ablation: Ablation = Ablation.CORRUPTED
    knock_out: str = ""  # heads without edges from the start, as in "a9.h6,a9.h9"; "" for none
    order: Order = Order.ORIGINAL
    order_seed: int = 0  # matters for the random order alone
    prompts: PromptSelection = field(default_factory=PromptSelection)
    window: int | None = None  # candidates evaluated at once; None: it adapts
    memory_limit: int | None = None  # bytes; None: a share of what is free
    device: Device = Device.AUTO
    dtype: Precision = Precision.FLOAT32

    def __post_init__(self) -> None:
        if isinstance(self.knock_out, (list, tuple)):
            object.__setattr__(self, "knock_out", ",".join(map(str, self.knock_out)))
        check_kinds(self)
        for name, kind in _ENUMS.items():
            object.__setattr__(self, name, _member(kind, getattr(self, name)))
        if self.threshold is not None:
            checked_threshold(self.threshold)
        if self.metric is not None:
            parse_metric(self.metric)
        if self.knock_out:
            parse_heads(self.knock_out)
        checked_seed(self.order_seed)
        for name in ("edges", "steps", "window", "memory_limit"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise UsageError(f"the {name.replace('_', ' ')} is {value}: it must be at least 1.")

    @classmethod
    def of(cls, **options: Any) -> Self:
        """Settings from names and values, those of the prompts among them: `of(threshold=0.1, n=20)`.

        Raises `UsageError` for a name that is no setting.
        """
        return cls().with_(**options)

    def with_(self, **options: Any) -> Self:
        """The same with some of them changed, given as in `of`."""
        for name in options:
            if name not in NAMES:
                raise UsageError(f'"{name}" is no setting.{did_you_mean(name, NAMES)} There are: {", ".join(NAMES)}.')
        own = {name: value for name, value in options.items() if name not in _OF_PROMPTS}
        of_prompts = {name: value for name, value in options.items() if name in _OF_PROMPTS}
        return replace(self, **own, prompts=replace(self.prompts, **of_prompts))

    def flat(self) -> dict[str, Any]:
        """Names and values, those of the prompts among them; enums by their values."""
        values = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "prompts"}
        values |= dataclasses.asdict(self.prompts)
        return {name: _plain(values[name]) for name in NAMES}

    @property
    def parsed_metric(self) -> Metric | CustomMetric:
        """The metric of settings that are complete."""
        return parse_metric(self.metric or Metric.KL)

    @property
    def amount(self) -> str:
        """What the size of the circuit depends on, as a folder's name has it: the threshold, or the edges."""
        return f"{self.threshold:g}" if self.threshold is not None else str(self.edges)


_ENUMS: Mapping[str, type[Enum]] = {
    "ranking": Ranking,
    "ablation": Ablation,
    "order": Order,
    "device": Device,
    "dtype": Precision,
}
_OF_PROMPTS = tuple(f.name for f in fields(PromptSelection))
NAMES = tuple(
    name for f in fields(SearchSettings) for name in (_OF_PROMPTS if f.name == "prompts" else (f.name,))
)  # of all settings, flat


def _member(kind: type[Enum], value: Any) -> Enum:
    try:
        return kind(value)
    except ValueError:
        names = ", ".join(str(member.value) for member in kind)
        raise UsageError(f'there is no {kind.__name__.lower()} "{value}". There are: {names}.') from None


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, Enum) else value
