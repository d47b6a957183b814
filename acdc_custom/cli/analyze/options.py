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

from acdc_custom.choices import Direction, TokenPlace
from acdc_custom.circuit.settings import SearchSettings
from acdc_custom.cli.options import (
    RESULTS,
    model_option,
    seed_option,
    settings_options,
    task_option,
)

Function = Callable[..., None]


@dataclass(frozen=True)
class AnalysisOptions:
    """Which prompts on which model, and where results go."""

    task: str
    model: str
    settings: SearchSettings
    out: Path | None

    @property
    def folder(self) -> Path:
        """Where results go."""
        return self.out or RESULTS / "analyses" / f"{Path(self.task).stem}_{Path(self.model).name}"


def _settings(*names: str) -> Callable[[Function], Function]:
    return settings_options(*names, seed=seed_option("Which prompts, and what else is drawn at random."))


_OUT = click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Where table and figure go.  [default: results/analyses/TASK_MODEL]",
)


def analysis(name: str, short_help: str) -> Callable[[Function], click.Command]:
    """A subcommand that looks at prompts. Its function gets the shared options as one `AnalysisOptions`."""
    return _subcommand(
        name,
        short_help,
        (task_option, model_option, _settings("n", "seed", "corruption", "device", "dtype"), _OUT),
    )


def word_analysis(name: str, short_help: str) -> Callable[[Function], click.Command]:
    """The same for a subcommand that looks at words, and at no prompts."""
    return _subcommand(name, short_help, (task_option, model_option, _settings("seed", "device", "dtype"), _OUT))


def _subcommand(
    name: str, short_help: str, options: tuple[Callable[[Function], Function], ...]
) -> Callable[[Function], click.Command]:
    def decorate(function: Function) -> click.Command:
        @functools.wraps(function)
        def called(**given: Any) -> None:
            shared = {field.name: given.pop(field.name) for field in fields(AnalysisOptions) if field.name in given}
            function(AnalysisOptions(**shared), **given)

        with_options: Function = called
        for option in reversed(options):
            with_options = option(with_options)
        return click.command(name, short_help=short_help)(with_options)

    return decorate


marked_heads = click.option(
    "--heads",
    metavar="CIRCUIT|HEADS",
    help="Heads to frame in the figure: a run folder, a circuit.json, or names such as a9.h9,L9H6.",
)

placed_heads = click.option(
    "--heads",
    metavar="CIRCUIT|HEADS",
    help="Heads to frame in the figure: a run folder, a circuit.json, or names such as a9.h9,L9H6. Of heads at spans "
    "(a9.h9@END), and those of a circuit in positions, each is patched at every span, and framed where it is.",
)

chosen_heads = click.option(
    "--heads",
    metavar="CIRCUIT|HEADS",
    help="Which heads: a run folder, a circuit.json, or names such as a9.h9,L9H6.  "
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
