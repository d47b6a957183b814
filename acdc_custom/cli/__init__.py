"""The command line. Every command is a module here and imports what is heavy only when it runs."""

from __future__ import annotations

import errno
import io
import os
import re
import sys
from collections.abc import Iterator, Mapping
from importlib import import_module

import click

from acdc_custom.cli.quiet import with_quiet
from acdc_custom.cli.terminal import HelpContext, say, with_whole_words
from acdc_custom.errors import AcdcError, UsageError, did_you_mean
from acdc_custom.files.reading import printable
from acdc_custom.version import __version__

# By what they are for, in the order of the help page.
GROUPS: Mapping[str, tuple[str, ...]] = {
    "Find a circuit": ("discover", "resume", "status", "show", "draw"),
    "Understand it": ("roles", "patch", "analyze", "report"),
    "Believe it, or not": ("evaluate", "sweep", "stability", "known"),
    "Compare and exchange": ("compare", "export"),
    "Make a task, choose a model": ("tasks", "survey", "models"),
}
COMMANDS = tuple(name for names in GROUPS.values() for name in names)
AT_ONCE = ("status", "show", "draw", "export", "models")  # the others work for a while, and can be quiet
SHOW_TRACEBACK = "ACDC_CUSTOM_TRACEBACK"


class _Commands(click.Group):
    """Loads a command's module when the command is asked for."""

    context_class = HelpContext

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        command = import_module(f"acdc_custom.cli.{name}").command
        assert isinstance(command, click.Command)
        return with_whole_words(command if name in AT_ONCE else with_quiet(command))

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """In groups, each under its heading."""
        longest = max(map(len, COMMANDS))
        for heading, names in GROUPS.items():
            found = [(name, sub) for name in names if (sub := self.get_command(ctx, name))]
            limit = formatter.width - 6 - longest
            with formatter.section(heading):
                formatter.write_dl(
                    [(f"{name:<{longest}}", command.get_short_help_str(limit)) for name, command in found]
                )

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            raise click.UsageError(
                f'no command is called "{name}".{did_you_mean(name, COMMANDS)} There are: {", ".join(COMMANDS)}.'
            )
        return super().resolve_command(ctx, args)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, "--version", message="acdc-custom %(version)s")
def group() -> None:
    """Find out which attention heads and MLPs do a task: exact, fast ACDC on your own prompts.

    \b
    acdc-custom discover --task latest_s --threshold 0.01
    """


def main(args: list[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 2 for what was asked for, 1 for what went wrong, 130 for Ctrl-C."""
    # Threads that wait for each other spin for a short while only: on a machine that has other work to do, spinning for
    # long makes everything several times slower. Read by GNU OpenMP when torch is imported.
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")
    if isinstance(sys.stdout, io.TextIOWrapper):  # a terminal that has no é shows \xe9
        sys.stdout.reconfigure(errors="backslashreplace")
    args = sys.argv[1:] if args is None else args
    try:
        for arg in args:
            if not _is_text(arg):
                raise UsageError(f"{arg!a} is not text in this system's encoding. Rename the file, or the folder.")
        group.main(args, prog_name="acdc-custom", standalone_mode=False)
    except AcdcError as error:
        _stop(str(error), error.exit_code)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        sys.exit(2)
    except click.NoSuchOption as error:
        where = error.ctx.command_path if error.ctx else "acdc-custom"
        _stop(f"{error.format_message()}{_elsewhere(error.option_name, where)} See: {where} --help", error.exit_code)
    except click.ClickException as error:
        where = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else "acdc-custom"
        _stop(f"{error.format_message()} See: {where} --help", error.exit_code)
    except (click.Abort, KeyboardInterrupt) as error:
        _stop(str(error) or "stopped.", 130)
    except BrokenPipeError:
        # Whoever read our output has gone; keep the interpreter from complaining about it on exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as error:
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            _stop("no space is left on the device that the output goes to.", 1)
        if os.environ.get(SHOW_TRACEBACK):
            raise
        _stop(
            f"this should not have happened: {type(error).__name__}: {error}. Please report it; "
            f"with {SHOW_TRACEBACK}=1 in the environment the same command shows where.",
            1,
        )


def _elsewhere(option: str, here: str) -> str:
    """Which other commands have this option; empty if none has."""
    having = [path for path, names in _options(group, "acdc-custom") if option in names and path != here]
    return f" {option} is an option of: {', '.join(having)}." if having else ""


def _options(command: click.Command, path: str) -> Iterator[tuple[str, list[str]]]:
    """Every command and the names of its options."""
    yield path, [name for option in command.params for name in option.opts]
    if isinstance(command, click.Group):
        context = click.Context(command, info_name=path)
        for name in command.list_commands(context):
            if below := command.get_command(context, name):
                yield from _options(below, f"{path} {name}")


def _is_text(arg: str) -> bool:
    """Whether it is in whole characters, which a file can hold; names of files on Linux may be anything."""
    return arg.encode(errors="ignore").decode() == arg


def _stop(message: str, exit_code: int) -> None:
    """Say it in one line, whatever is in it, without anything that a terminal would obey."""
    line = re.sub(r"\s*[\r\n]\s*", " ", message)
    say(f"acdc-custom: {printable(line)}", err=True)
    sys.exit(exit_code)
