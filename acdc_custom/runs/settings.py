"""One run, before it is a run: a folder's name, and everything that is asked for there.

Owns the settings of `acdc-custom discover` as a value, and the checks that need neither task nor model.
"""

from __future__ import annotations

from dataclasses import dataclass

from acdc_custom.choices import (
    DEFAULT_THRESHOLD,
    Ablation,
    Device,
    Order,
    Precision,
    checked_seed,
    checked_threshold,
    parse_metric,
)
from acdc_custom.errors import UsageError
from acdc_custom.graph import parse_heads
from acdc_custom.model.catalogue import DEFAULT_MODEL


@dataclass(frozen=True)
class Job:
    """A run that is wanted: `name` is its folder's, all else is what `discover` takes, and None the default.

    Raises `UsageError` for what no run can have.
    """

    name: str
    task: str
    model: str = DEFAULT_MODEL
    threshold: float = DEFAULT_THRESHOLD
    metric: str | None = None
    n: int | None = None
    seed: int = 0
    corruption: str | None = None
    ablation: str = Ablation.CORRUPTED.value
    order: str = Order.ORIGINAL.value
    order_seed: int = 0
    templates: str = ""
    resample: int | None = None
    knock_out: str = ""
    window: int | None = None
    memory_limit: int | None = None  # bytes
    device: str = Device.AUTO.value
    dtype: str = Precision.FLOAT32.value

    def __post_init__(self) -> None:
        checked_threshold(self.threshold)
        for kind, value in (
            (Ablation, self.ablation),
            (Order, self.order),
            (Device, self.device),
            (Precision, self.dtype),
        ):
            if value not in list(kind):
                raise UsageError(f'there is no {kind.__name__.lower()} "{value}". There are: {", ".join(kind)}.')
        if self.metric is not None:
            parse_metric(self.metric)
        if self.knock_out:
            parse_heads(self.knock_out)
        for seed in (self.seed, self.order_seed, self.resample or 0):
            checked_seed(seed)
        for what, count in (("n", self.n), ("window", self.window), ("memory limit", self.memory_limit)):
            if count is not None and count < 1:
                raise UsageError(f"the {what} is {count}: it must be at least 1.")

    @property
    def batch(self) -> tuple[object, ...]:
        """What its prompts and their activations depend on: jobs that share this share that work."""
        prompts = (self.task, self.n, self.seed, self.corruption, self.templates, self.resample)
        return (self.model, self.device, self.dtype, *prompts, self.ablation, self.knock_out, self.memory_limit)
