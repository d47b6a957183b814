"""`acdc-custom analyze neuron-examples`: what makes a neuron fire."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from acdc_custom.cli.options import RESULTS, SETTINGS, model_option, seed_option
from acdc_custom.cli.quiet import say_loading
from acdc_custom.cli.running import echo_written, open_told
from acdc_custom.cli.terminal import say
from acdc_custom.progress.bar import ProgressBar

if TYPE_CHECKING:
    from acdc_custom.analyses.neuron_names import Neuron
    from acdc_custom.analyses.neuron_records import NeuronExamples

FIRST = 5  # neurons of a table
TOP = 20  # examples of a neuron
SHOWN = 3  # examples in the terminal


@click.command("neuron-examples", short_help="What makes a neuron fire: its top examples in texts.")
@click.option(
    "--neuron",
    "neurons",
    metavar="NEURONS|CSV",
    required=True,
    multiple=True,
    help="Which neurons: names such as L3N20,L3N7, or the CSV file of patch-neurons or word-neurons, whose first ones "
    "are taken. May be given several times.",
)
@click.option(
    "--texts",
    metavar="FILE",
    required=True,
    type=click.Path(path_type=Path),
    help='One text per line; or JSONL, if its name ends in .jsonl, with objects that have a "text".',
)
@model_option
@click.option(
    "--first", type=click.IntRange(min=1), default=FIRST, show_default=True, help="How many neurons of a CSV file."
)
@click.option("--top", type=click.IntRange(min=1), default=TOP, show_default=True, help="How many examples per neuron.")
@click.option(
    "--longest",
    type=click.IntRange(min=1),
    metavar="TOKENS",
    help="A text of more tokens is read in pieces of so many, each by itself.  [default: 256, or what the model reads]",
)
@click.option(
    "--prepend-bos/--no-bos",
    default=None,
    help="Put the beginning-of-text token before every text, or do not.  [default: as the tokenizer does by itself]",
)
@seed_option("Which random words the test draws.")
@SETTINGS["device"]
@SETTINGS["dtype"]
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Where the page and the tables go.  [default: results/analyses/TEXTS_MODEL_NEURONS]",
)
def neuron_examples(
    neurons: tuple[str, ...],
    texts: Path,
    model: str,
    first: int,
    top: int,
    longest: int | None,
    prepend_bos: bool | None,
    seed: int,
    device: str,
    dtype: str,
    out: Path | None,
) -> None:
    """What makes a neuron fire? Its top examples in texts, with every token coloured by its activation.

    Also the histogram of its activations, the words that it reads and writes by its weights, and whether the words at
    which it fires most belong together more than chance. Writes a page to search and sort, a CSV and a JSON file. When
    it was stopped, give the command again: it goes on.

    \b
    acdc-custom analyze neuron-examples --neuron L3N20 --texts texts.txt
    acdc-custom analyze neuron-examples --texts texts.txt \\
      --neuron results/analyses/ioi_demo-4l/patch-neurons_denoising.csv
    """
    from acdc_custom.analyses.texts import read_texts

    wanted = [neuron for given in neurons for neuron in _named(given, first)]
    read = read_texts(texts)
    say_loading(model)
    opened = open_told(model, device, dtype)
    from acdc_custom.analyses import neuron_examples as examples
    from acdc_custom.analyses.example_files import JSON_NAME, PAGE_NAME, ExampleFolder, save_table
    from acdc_custom.files.writing import name_part, write_file
    from acdc_custom.report.neuron_view import neuron_page, notes

    asked = examples.what_is_asked(opened, read, wanted, top, longest, prepend_bos, seed)
    name = name_part("-".join(map(str, asked.neurons)), 60)
    with ExampleFolder(out or RESULTS / "analyses" / f"{texts.stem}_{Path(model).name}_{name}") as folder:
        earlier = folder.earlier(asked)
        click.echo(f"Texts      {asked.n_texts:,} of {texts}; pieces of at most {asked.longest} tokens")
        if earlier is not None:
            done = "all have been read" if earlier.is_complete else f"going on after {earlier.n_read:,}"
            click.echo(f"Found      {folder.path}: {done}")
        try:
            with ProgressBar(unit=" texts") as progress:
                found = examples.neuron_examples(
                    opened, read, asked.neurons, top, longest, prepend_bos, seed, earlier, folder.note, progress
                )
        except KeyboardInterrupt:
            raise click.Abort(f"stopped. Give the command again to go on; {folder.path} has what was found.") from None
        folder.note(found)
        for note in notes(found):
            say(f"Note       {note}")
        _show(found)
        page = write_file(folder.path / PAGE_NAME, neuron_page(found))
        table = save_table(found, folder.path)
    echo_written([page, table, folder.path / JSON_NAME])


def _named(given: str, first: int) -> tuple[Neuron, ...]:
    """What one `--neuron` says: names with commas between them, or a table."""
    from acdc_custom.analyses.neuron_names import Neuron, ranked_neurons

    if given.lower().endswith(".csv") or os.sep in given:
        return ranked_neurons(Path(given), first)
    return tuple(Neuron.parse(name) for name in given.split(","))


def _show(found: NeuronExamples) -> None:
    """The first examples, and whether the words belong together."""
    from acdc_custom.files.columns import line_width, paragraph
    from acdc_custom.report.neuron_view import about, likeness_sentence, lines

    for record in found.neurons:
        for line in paragraph(
            f"{about(record)} {likeness_sentence(record.alike)}", f"{record.neuron!s:<10} ", " " * 11
        ):
            click.echo(line)
        for line in lines(record.highest[:SHOWN], line_width() - 23):
            click.echo(f"           {line}")


COMMANDS = (neuron_examples,)
