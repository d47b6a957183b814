"""`acdc-custom survey`: what a model says after many prompts."""

from __future__ import annotations

from pathlib import Path

import click

from acdc_custom.cli.options import RESULTS, SETTINGS, model_option
from acdc_custom.cli.quiet import say_loading
from acdc_custom.progress.bar import ProgressBar


@click.command("survey", short_help="Tabulate what a model says next after many prompts.")
@click.argument("file", type=click.Path(path_type=Path))
@model_option
@click.option(
    "--prepend-bos/--no-bos",
    default=None,
    help="Put the beginning-of-text token before every prompt, or do not.  [default: as the tokenizer does by itself]",
)
@SETTINGS["device"]
@SETTINGS["dtype"]
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Where table and figure go.  [default: results/survey/FILE_MODEL]",
)
def command(file: Path, model: str, prepend_bos: bool | None, device: str, dtype: str, out: Path | None) -> None:
    """What does the model say next, and which subject is it? FILE has prompts, each with the subjects that it names.

    FILE is CSV or JSONL with the columns prompt and subjects. For every prompt, shows the likeliest next word, its
    probability, and whether it is the earliest subject, one in the middle, the latest, or none. Writes survey.csv and
    survey.svg.

    \b
    acdc-custom survey subjects.csv --model gpt2
    """
    from acdc_custom.survey.questions import read_questions

    questions = read_questions(file)
    say_loading(model)
    from acdc_custom.cli.running import describe_model
    from acdc_custom.errors import UsageError
    from acdc_custom.files.table import write_csv
    from acdc_custom.model.open import open_model
    from acdc_custom.survey.ask import ask
    from acdc_custom.survey.table import draw, lines, to_rows
    from acdc_custom.task.batch import describe_beginning
    from acdc_custom.task.tokens import Encoder, token_text

    opened = open_model(model, device, dtype, say=click.echo)
    click.echo(f"Model      {describe_model(opened)}")
    if prepend_bos and opened.tokenizer.bos_token_id is None:
        raise UsageError("--prepend-bos: this model's tokenizer has no beginning-of-text token. Leave it away.")
    bos = Encoder(opened.tokenizer).beginning(prepend_bos)
    begins = describe_beginning(token_text(opened.tokenizer, bos[0]) if bos else "")
    click.echo(f"Prompts    {len(questions)}, {begins}")
    with ProgressBar(unit=" prompts") as progress:
        survey = ask(opened, questions, bos, progress)
    for note in survey.notes:
        click.echo(f"Note       {note}")
    for line in lines(survey):
        click.echo(line)
    folder = out or RESULTS / "survey" / f"{file.stem}_{Path(model).name}"
    click.echo("Written")
    click.echo(f"  {write_csv(folder / 'survey.csv', to_rows(survey))}")
    click.echo(f"  {draw(survey).save(folder / 'survey.svg')}")
