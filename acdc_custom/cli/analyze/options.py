"""The options that analyses share, and what was asked for with them.

Owns their names, defaults and help. Imports nothing heavy.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import click

from acdc_custom.choices import Device, Direction, Precision, TokenPlace, checked_seed
from acdc_custom.cli.discover import HUB_HINT, RESULTS
from acdc_custom.model.catalogue import DEFAULT_MODEL

Function = Callable[..., None]


@dataclass(frozen=True)
class Asked:
    """Which prompts on which model, and where results go."""

    task: str
    model: str
    seed: int
    device: str
    dtype: str
    out: Path | None
    n: int | None = None
    corruption: str | None = None

    @property
    def folder(self) -> Path:
        """Where results go."""
        return self.out or RESULTS / "analyses" / f"{Path(self.task).stem}_{Path(self.model).name}"


_TASK = click.option(
    "--task", required=True, metavar="NAME|FILE", help="A built-in task (see acdc-custom tasks), or a task file."
)
_MODEL = click.option(
    "--model", default=DEFAULT_MODEL, show_default=True, metavar="NAME|FOLDER", help=f"The model: {HUB_HINT}."
)
_N = click.option(
    "--n", type=click.IntRange(min=1), metavar="PROMPTS", help="How many prompts.  [default: 50, or all there are]"
)
_SEED = click.option(
    "--seed",
    type=int,
    callback=lambda ctx, option, value: checked_seed(value),
    default=0,
    show_default=True,
    help="Which prompts, and what else is drawn at random.",
)
_CORRUPTION = click.option(
    "--corruption", metavar="NAME", help="Which of the task's corruptions.  [default: the one that the task names]"
)
_DEVICE = click.option(
    "--device",
    type=click.Choice([d.value for d in Device]),
    default=Device.AUTO.value,
    show_default=True,
    help="Where to compute; auto takes CUDA if there is any, then Apple's GPU, then the CPU.",
)
_DTYPE = click.option(
    "--dtype",
    type=click.Choice([p.value for p in Precision]),
    default=Precision.FLOAT32.value,
    show_default=True,
    help="Precision.",
)
_OUT = click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Where table and figure go.  [default: results/analyses/TASK_MODEL]",
)


def analysis(name: str, short_help: str) -> Callable[[Function], click.Command]:
    """A subcommand that looks at prompts. Its function gets the shared options as one `Asked`."""
    return _subcommand(name, short_help, (_TASK, _MODEL, _N, _SEED, _CORRUPTION, _DEVICE, _DTYPE, _OUT))


def word_analysis(name: str, short_help: str) -> Callable[[Function], click.Command]:
    """The same for a subcommand that looks at words, and at no prompts."""
    return _subcommand(name, short_help, (_TASK, _MODEL, _SEED, _DEVICE, _DTYPE, _OUT))


def _subcommand(
    name: str, short_help: str, options: tuple[Callable[[Function], Function], ...]
) -> Callable[[Function], click.Command]:
    def decorate(function: Function) -> click.Command:
        @functools.wraps(function)
        def called(**given: Any) -> None:
            shared = {field.name: given.pop(field.name) for field in fields(Asked) if field.name in given}
            function(Asked(**shared), **given)

        with_options: Function = called
        for option in reversed(options):
            with_options = option(with_options)
        return click.command(name, short_help=short_help)(with_options)

    return decorate


marked_heads = click.option(
    "--heads",
    metavar="CIRCUIT|HEADS",
    help="Heads to frame in the figure: a run folder, a circuit.json, or names such as a9.h9,a9.h6.",
)

chosen_heads = click.option(
    "--heads",
    metavar="CIRCUIT|HEADS",
    help="Which heads: a run folder, a circuit.json, or names such as a9.h9,a9.h6.  "
    "[default: the four that write most towards the answer, or against it]",
)

direction = click.option(
    "--direction",
    type=click.Choice([d.value for d in Direction]),
    metavar="WAY",
    default=Direction.DENOISING.value,
    show_default=True,
    help="; ".join(f"{d.value}: {d.about}" for d in Direction) + ".",
)

word_list = click.option(
    "--words",
    metavar="LIST|WORDS",
    help="Which words: a word list of the task, or words with commas between them.  "
    "[default: the list that the answers come from]",
)

place = click.option(
    "--place",
    type=click.Choice([p.value for p in TokenPlace]),
    default=TokenPlace.BLOCK_0.value,
    show_default=True,
    help="Where a word's direction is taken: " + "; ".join(f"{p.value}: {p.about}" for p in TokenPlace) + ".",
)
