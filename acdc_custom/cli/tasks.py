"""`acdc-custom tasks`: what there is to ask, and making a task of one's own."""

from __future__ import annotations

from pathlib import Path

import click

from acdc_custom.cli.options import HUB_HINT, SETTINGS, model_option, seed_option
from acdc_custom.cli.quiet import say_loading
from acdc_custom.model.catalogue import DEFAULT_MODEL

SHOWN = 5  # prompts

_task = click.argument("task", metavar="NAME|FILE")
_seed = seed_option("Which prompts: the same seed, the same prompts.")


@click.group("tasks", invoke_without_command=True, short_help="List, write, print and check tasks.")
@click.pass_context
def command(ctx: click.Context) -> None:
    """List the built-in tasks, with their corruptions, or make a task of your own.

    \b
    acdc-custom tasks
    acdc-custom tasks new my_task
    acdc-custom tasks show my_task.toml
    acdc-custom tasks check my_task.toml --model gpt2
    """
    if not ctx.invoked_subcommand:
        _list()


@command.command("list", short_help="List the built-in tasks.")
def list_command() -> None:
    """List the built-in tasks, with their corruptions.

    \b
    acdc-custom tasks list
    """
    _list()


def _list() -> None:
    from acdc_custom.files.columns import left, table
    from acdc_custom.task import load_task, task_names

    rows = []
    for name in task_names():
        task = load_task(name)
        rows.append((name, task.description))
        if task.model:
            rows.append(("", f"  made for --model {task.model}"))
        for corruption in task.corruptions:
            default = " (default)" if corruption == task.default_corruption else ""
            rows.append(("", f"  --corruption {corruption}{default}"))
    for line in table((left(), left()), rows):
        click.echo(line)


@command.command("new", short_help="Write a task file to begin with.")
@click.argument("name")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Where it goes; nothing is overwritten.  [default: NAME.toml]",
)
def new_command(name: str, out: Path | None) -> None:
    """Write a task file to begin with: it works as it is, and explains every line.

    \b
    acdc-custom tasks new my_task
    """
    from acdc_custom.files.columns import left, table, whole
    from acdc_custom.task.starter import shown_path, write_starter

    path = write_starter(name, out)
    shown = shown_path(path)
    click.echo(f"Written {path}")
    click.echo("It is a task as it is. Change it into yours, and look at it after each change:")
    steps = (
        (whole(f"acdc-custom tasks show {shown}"), "prints the prompts"),
        (whole(f"acdc-custom tasks check {shown}"), "says what would go wrong, and how well a model does it"),
        (whole(f"acdc-custom discover --task {shown}"), "finds the circuit"),
    )
    for line in table((left(), left()), steps, indent=2):
        click.echo(line)


@command.command("show", short_help="Print a task's prompts.")
@_task
@click.option(
    "--n",
    type=click.IntRange(min=1),
    metavar="PROMPTS",
    help=f"How many prompts.  [default: the first {SHOWN} of those that a search would take]",
)
@_seed
@SETTINGS["corruption"]
@click.option(
    "--model",
    default=DEFAULT_MODEL,
    show_default=True,
    metavar="NAME|FOLDER",
    help=f"Whose tokens; its weights are not loaded: {HUB_HINT}.",
)
def show_command(task: str, n: int | None, seed: int, corruption: str | None, model: str) -> None:
    """Print a task's prompts: clean over corrupted, the tokens that differ marked, positions, answers and foils.

    \b
    acdc-custom tasks show ioi
    acdc-custom tasks show my_task.toml --n 3 --corruption rename
    """
    from acdc_custom.task import load_task

    loaded = load_task(task)
    from acdc_custom.model.open import open_tokenizer
    from acdc_custom.task.batch import describe_beginning
    from acdc_custom.task.chat import frame_of
    from acdc_custom.task_check.text import describe_frame, describe_prompt, headed

    tokenizer = open_tokenizer(model, say=click.echo)
    batch = loaded.batch(tokenizer, n=n, seed=seed, corruption=corruption)
    shown = batch.prompts[: n or SHOWN]
    of = f"the first {len(shown)} of {len(batch.prompts)}" if len(shown) < len(batch.prompts) else f"{len(shown)}"
    begins = describe_beginning(batch.beginning)
    lines = [
        *headed("Task", f"{loaded.name}: {loaded.description}"),
        *headed("Prompts", f"{of}, seed {seed}, corruption {batch.corruption}, tokens of {model}; {begins}"),
    ]
    if loaded.spec.chat:
        lines += describe_frame(frame_of(tokenizer))
    for number, prompt in enumerate(shown, 1):
        lines += describe_prompt(prompt, tokenizer, number)
    for note in batch.notes:
        lines += headed("Note", note)
    for line in lines:
        _echo(line)


@command.command("check", short_help="Check a task on a model before searching.")
@_task
@model_option
@SETTINGS["n"]
@_seed
def check_command(task: str, model: str, n: int | None, seed: int) -> None:
    """Say what would go wrong with a task on a model, before any search, and how well the model does it.

    Looks at all corruptions. Ends with 0 if a search can begin, and with 1 if there are problems, each of which is told
    with what to do about it.

    \b
    acdc-custom tasks check my_task.toml --model gpt2
    """
    from acdc_custom.errors import ProblemsFound, TaskError, count
    from acdc_custom.task.find import find_task, read_task
    from acdc_custom.task.selection import checked_number
    from acdc_custom.task.starter import shown_path
    from acdc_custom.task_check.text import describe_check, describe_problems, file_problems, headed

    checked_number(n)
    found = find_task(task)
    try:
        loaded = read_task(found)
    except TaskError as error:
        problems = file_problems(error)
        for line in describe_problems(problems):
            _echo(line)
        raise ProblemsFound(
            f"{count(len(problems), 'problem')} in {found.file}. More may show once it can be read."
        ) from None

    say_loading(model)
    from acdc_custom.cli.running import describe_model
    from acdc_custom.model.open import open_model
    from acdc_custom.progress.bar import ProgressBar
    from acdc_custom.task_check.measure import check_task

    opened = open_model(model, say=click.echo)
    with ProgressBar(unit=" prompts") as progress:
        checked = check_task(loaded, opened, n, seed, progress)
    for line in (*headed("Model", describe_model(opened)), *describe_check(checked, opened.tokenizer)):
        _echo(line)
    if checked.problems:
        raise ProblemsFound(f"{count(len(checked.problems), 'problem')} with {loaded.name} on {model}.")
    name = shown_path(Path(task)) if task.endswith(".toml") else task
    click.echo(f"Next       acdc-custom discover --task {name} --model {model}")


def _echo(line: str) -> None:
    """Print a line; the marks under what differs are coloured where there are colours."""
    click.echo(click.style(line, fg="yellow", bold=True) if line.strip() and not line.strip("^ ") else line)
