"""What is said on a terminal breaks between words, whatever its width; a file or a pipe gets every line whole.

Help is broken between words, too: `eap-ig-mib` is one.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable

import click

from acdc_custom.files.columns import line_width, paragraph

HYPHEN = re.compile(r"(?<=\w)-(?=\w)")
UNBROKEN = "\u2011"  # a hyphen that no line ends with, while lines are made
LABEL = re.compile(r" *\S+(?: \S+)* {2,}")  # `Prompts    `, below whose end a line goes on


def say(text: str, err: bool = False) -> None:
    """Say a text, on the error output if `err`."""
    is_terminal = (sys.stderr if err else sys.stdout).isatty()
    click.echo(fitted(text, line_width()) if is_terminal else text, err=err)


def fitted(text: str, width: int) -> str:
    """The same with lines that are too long broken between words, the rest below the text behind the line's label."""
    return "\n".join(_broken(line, width) if len(line) > width else line for line in text.split("\n"))


def _broken(line: str, width: int) -> str:
    label = LABEL.match(line)
    indent = len(label[0]) if label and len(label[0]) < width // 2 else len(line) - len(line.lstrip())
    return "\n".join(paragraph(line[indent:], line[:indent], " " * indent, width))


class _Help(click.HelpFormatter):
    """Breaks no line within a word."""

    def write_text(self, text: str) -> None:
        super().write_text(HYPHEN.sub(UNBROKEN, text))

    def write_dl(self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        super().write_dl([(first, HYPHEN.sub(UNBROKEN, second)) for first, second in rows], col_max, col_spacing)

    def getvalue(self) -> str:
        return super().getvalue().replace(UNBROKEN, "-")


class HelpContext(click.Context):
    """The context of a command, whose help it is."""

    formatter_class = _Help


def with_whole_words(command: click.Command) -> click.Command:
    """The same command, or all commands of a group, with help that breaks between words."""
    command.context_class = HelpContext
    if isinstance(command, click.Group):
        for below in command.commands.values():
            with_whole_words(below)
    return command
