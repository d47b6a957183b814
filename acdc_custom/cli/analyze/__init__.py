"""`acdc-custom analyze`: the manual analyses, one subcommand each."""

from __future__ import annotations

import click

from acdc_custom.cli.analyze import heads, neurons, patching, prompts, words


@click.group("analyze", short_help="Manual analyses: lens, patching, copy scores, attention.")
def command() -> None:
    """The manual analyses, on any task and model. Each writes a table (CSV) and a figure (SVG).

    They look at the whole model, or, with --heads, at the heads that a search has found.

    \b
    acdc-custom analyze lens --task latest_s
    acdc-custom analyze patch-heads --task ioi --heads results/ioi_demo-4l_0.01
    """


for module in (prompts, patching, heads, words, neurons):
    for subcommand in module.COMMANDS:
        command.add_command(subcommand)
