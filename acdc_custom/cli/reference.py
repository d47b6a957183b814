"""The command reference of the documentation, made from the commands' own help.

    python -m acdc_custom.cli.reference > docs/commands.md

Owns the page's form; every word about a command comes from the command.
"""

from __future__ import annotations

from collections.abc import Iterator

import click

from acdc_custom.cli import group
from acdc_custom.cli.terminal import HelpContext

WIDTH = 84  # characters: what a code block shows without scrolling

_HEAD = """\
# Commands

<!-- Made by `python -m acdc_custom.cli.reference > docs/commands.md`. Edit the commands, not this page. -->

Each command says the same with `--help`. A command ends with 0 when it is done, with 2 when what was asked for
cannot be right (an option, a name, a task file), with 1 when the work could not be done, and with 130 after Ctrl-C.
Messages about errors go to the standard error stream, in one line.
"""


def reference() -> str:
    """The whole page, as Markdown."""
    sections = [f"## {path}\n\n```text\n{text}\n```\n" for path, text in commands()]
    return "\n".join([_HEAD, *sections])


def commands() -> Iterator[tuple[str, str]]:
    """Every command and subcommand: how it is called, and its help."""
    yield from _walk(group, HelpContext(group, info_name="acdc-custom"))


def _walk(command: click.Command, context: click.Context) -> Iterator[tuple[str, str]]:
    context.terminal_width = context.max_content_width = WIDTH
    context.help_option_names = ["-h", "--help"]
    yield context.command_path, command.get_help(context).rstrip()
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from _walk(below, HelpContext(below, parent=context, info_name=name))


if __name__ == "__main__":
    click.echo(reference(), nl=False)
