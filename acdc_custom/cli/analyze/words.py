"""`acdc-custom analyze congruence | word-neurons`: sets of words in the model's weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from acdc_custom.choices import Similarity, TokenPlace
from acdc_custom.cli.analyze.options import AnalysisOptions, place, word_analysis, word_list
from acdc_custom.cli.analyze.running import opened, written

if TYPE_CHECKING:
    from acdc_custom.analyses.words import WordSet
    from acdc_custom.model.model import Model
    from acdc_custom.task import Task


@word_analysis("congruence", "Are the directions of a set of words alike?")
@word_list
@place
@click.option(
    "--similarity",
    type=click.Choice([s.value for s in Similarity]),
    default=Similarity.COSINE.value,
    show_default=True,
    help="How two directions are compared.",
)
def congruence(asked: AnalysisOptions, words: str | None, place: str, similarity: str) -> None:
    """Congruence: are the directions of a set of words more alike than those of random words of the tokenizer?

    All pairs of the set are compared, each pair once. The p-value is that of a one-sided permutation test.

    \b
    acdc-custom analyze congruence --task antonyms --words happy,sad,glad,angry
    """
    task, model = opened(asked)
    from acdc_custom.analyses.congruence import congruence, draw_congruence
    from acdc_custom.analyses.words import bos_of

    chosen = _words(task, model, words)
    bos = bos_of(task, model.tokenizer)
    result = congruence(model, chosen, TokenPlace(place), Similarity(similarity), bos, asked.settings.prompts.seed)
    click.echo(
        f"Mean       {result.mean:.3f} over {len(result.pairs)} pairs; drawn from these and {result.n_random} random "
        f"words: {result.random_means.mean():.3f}, standard deviation {result.random_means.std():.3f}"
    )
    click.echo(f"p          {result.p_value:.2g} (permutation test, {len(result.random_means):,} draws)")
    name = f"congruence_{place}_{similarity}"
    written(asked, name, result.to_rows(), {name: draw_congruence(result)})


@word_analysis("word-neurons", "Which MLP neurons read or write a set of words.")
@word_list
@place
def word_neurons(asked: AnalysisOptions, words: str | None, place: str) -> None:
    """Which MLP neurons read or write a set of words, judged by their weights, against random words.

    \b
    acdc-custom analyze word-neurons --task ioi --words names
    """
    task, model = opened(asked)
    from acdc_custom.analyses.word_neurons import draw_word_neurons, word_neurons
    from acdc_custom.analyses.words import bos_of

    chosen = _words(task, model, words)
    result = word_neurons(model, chosen, TokenPlace(place), bos_of(task, model.tokenizer), asked.settings.prompts.seed)
    for layer, neuron, side in result.strongest(5):
        cosine, z = result.cosine[side][layer, neuron], result.z[side][layer, neuron]
        click.echo(f"L{layer} N{neuron:<6} {side} these words: mean cosine {cosine:.3f}, z = {z:.1f}")
    name = f"word-neurons_{place}"
    written(asked, name, result.to_rows(), {name: draw_word_neurons(result)})


def _words(task: Task, model: Model, given: str | None) -> WordSet:
    """The words that were asked for: those with commas between them, or a list of the task."""
    from acdc_custom.analyses.words import given_words, task_words

    if given and "," in given:
        chosen = given_words(model.tokenizer, given.split(","))
    else:
        chosen = task_words(task, model.tokenizer, given)
    click.echo(f"Words      {chosen.name}: {', '.join(chosen.words)}")
    if chosen.left_out:
        click.echo(f"Note       These are not one token and are left out: {', '.join(chosen.left_out)}.")
    return chosen


COMMANDS = (congruence, word_neurons)
