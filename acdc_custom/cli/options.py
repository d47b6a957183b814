"""The options that several commands have: their names, defaults and help. Imports nothing heavy."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from acdc_custom.choices import (
    DEFAULT_THRESHOLD,
    Ablation,
    Device,
    Metric,
    Precision,
    checked_threshold,
    parse_metric,
)
from acdc_custom.graph import parse_heads
from acdc_custom.memory import parse_bytes
from acdc_custom.model.catalogue import DEFAULT_MODEL

if TYPE_CHECKING:
    from acdc_custom.grid.executor import Executor

HUB_HINT = "a bundled or packaged model (see acdc-custom models), a Hugging Face directory, or a hub name such as gpt2"

task_option = click.option(
    "--task",
    required=True,
    metavar="NAME|FILE",
    help="A built-in task (see acdc-custom tasks), or a task file.",
)
threshold_option = click.option(
    "--threshold",
    type=float,
    callback=lambda ctx, option, value: checked_threshold(value),
    default=DEFAULT_THRESHOLD,
    show_default=True,
    help="Remove an edge if that raises the metric by less; in the metric's unit.",
)
model_option = click.option(
    "--model", default=DEFAULT_MODEL, show_default=True, metavar="NAME|FOLDER", help=f"The model: {HUB_HINT}."
)
metric_option = click.option(
    "--metric",
    metavar="NAME",
    callback=lambda ctx, option, value: value and parse_metric(value).value,
    help=f"What is minimised: {', '.join(Metric)}, or module:function for your own.  [default: the task's, usually kl]",
)
ablation_option = click.option(
    "--ablation",
    type=click.Choice([a.value for a in Ablation]),
    metavar="KIND",
    default=Ablation.CORRUPTED.value,
    show_default=True,
    help="What a removed edge carries: " + "; ".join(f"{a.value}: {a.about}" for a in Ablation) + ".",
)
knock_out_option = click.option(
    "--knock-out",
    metavar="HEADS",
    default="",
    callback=lambda ctx, option, value: ",".join(map(str, parse_heads(value))) if value else "",
    help="Search without these heads, such as a9.h9,a9.h6: all their edges are removed before the search begins. Shows "
    "backup heads, which act only when others are gone.",
)
n_option = click.option(
    "--n", type=click.IntRange(min=1), metavar="PROMPTS", help="How many prompts.  [default: 50, or all there are]"
)
corruption_option = click.option(
    "--corruption", metavar="NAME", help="Which of the task's corruptions.  [default: the one that the task names]"
)
device_option = click.option(
    "--device",
    type=click.Choice([d.value for d in Device]),
    default=Device.AUTO.value,
    show_default=True,
    help="Where to compute; auto takes CUDA if there is any, then Apple's GPU, then the CPU.",
)
dtype_option = click.option(
    "--dtype",
    type=click.Choice([p.value for p in Precision]),
    default=Precision.FLOAT32.value,
    show_default=True,
    help="Precision.",
)
memory_limit_option = click.option(
    "--memory-limit",
    metavar="SIZE",
    callback=lambda ctx, option, value: value and parse_bytes(value),
    help="Memory to use at most, such as 8GiB: of the process, or of the GPU. Any limit gives the same circuit."
    "  [default: what is in use, and 80 % of what is free]",
)


@dataclass(frozen=True)
class ExecutorChoice:
    """How the runs of a grid are carried out, as it was asked for."""

    workers: int | None

    def executor(self) -> Executor:
        """What carries them out."""
        from acdc_custom.grid import Local

        return Local(self.workers)


def executor_options(command: Callable[..., None]) -> Callable[..., None]:
    """The options of how many runs are carried out; the command gets them as one, its `choice`."""

    @click.option(
        "--workers",
        type=click.IntRange(min=1),
        metavar="N",
        help="How many runs at a time, each a process.  [default: as many as cores and memory allow]",
    )
    @functools.wraps(command)
    def with_choice(*args: Any, workers: int | None, **options: Any) -> None:
        command(*args, choice=ExecutorChoice(workers), **options)

    return with_choice
