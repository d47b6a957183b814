"""`acdc-custom tasks`: what there is to ask."""

from __future__ import annotations

import click


@click.command("tasks", short_help="List the built-in tasks.")
def command() -> None:
    """List the built-in tasks, with their corruptions. Your own: see the task guide in the documentation.

    \b
    acdc-custom tasks
    """
    from acdc_custom.task import load_task, task_names

    width = max(map(len, task_names()))
    for name in task_names():
        task = load_task(name)
        click.echo(f"{name:<{width}} {task.description}")
        if task.model:
            click.echo(f"{'':<{width}}   made for --model {task.model}")
        for corruption in task.corruptions:
            default = " (default)" if corruption == task.default_corruption else ""
            click.echo(f"{'':<{width}}   --corruption {corruption}{default}")
