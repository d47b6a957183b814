"""What is said on a terminal breaks between words, whatever its width; a file or a pipe gets every line whole."""

from __future__ import annotations

import re
import sys

import click

from acdc_custom.files.columns import line_width, paragraph

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
