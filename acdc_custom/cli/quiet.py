"""`--quiet`, which every command has that works for a while, and what it silences: bars, and lines about waiting.

Results and errors are said in any case.
"""

from __future__ import annotations

import os

import click

from acdc_custom.progress.display import QUIET


def with_quiet(command: click.Command) -> click.Command:
    """The same command, or all commands of a group, with the option."""
    if isinstance(command, click.Group):
        for below in command.commands.values():
            with_quiet(below)
    elif all(option.name != "quiet" for option in command.params):
        about = f"No progress bars, and no lines about waiting. {QUIET}=1 in the environment does the same."
        option = click.Option(["-q", "--quiet"], is_flag=True, expose_value=False, callback=_silence, help=about)
        command.params.append(option)
    return command


def _silence(context: click.Context, option: click.Parameter, value: bool) -> None:
    if value and not os.environ.get(QUIET):
        os.environ[QUIET] = "1"  # processes that are started for the work are quiet, too
        context.call_on_close(lambda: os.environ.pop(QUIET, None))


def say_loading(model: str) -> None:
    """Before a model is opened, which may take a while."""
    if not os.environ.get(QUIET):
        click.echo(f"Model      {model}, loading ...", err=True)
