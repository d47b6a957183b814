"""The options that several commands have: their names, defaults and help. Imports nothing heavy."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from acdc_custom.choices import Device, Precision
from acdc_custom.model.catalogue import DEFAULT_MODEL

if TYPE_CHECKING:
    from acdc_custom.grid.executor import Executor

HUB_HINT = "a bundled or packaged model (see acdc-custom models), a Hugging Face directory, or a hub name such as gpt2"

model_option = click.option(
    "--model", default=DEFAULT_MODEL, show_default=True, metavar="NAME|FOLDER", help=f"The model: {HUB_HINT}."
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
