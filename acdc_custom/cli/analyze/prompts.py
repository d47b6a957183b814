"""`acdc-custom analyze behaviour | lens | attribution`: how well, after which layer, and by which heads."""

from __future__ import annotations

import click

from acdc_custom.cli.analyze.options import AnalysisOptions, analysis, marked_heads
from acdc_custom.cli.analyze.running import opened, parsed_heads, prepared, top, written
from acdc_custom.progress.bar import ProgressBar


@analysis("behaviour", "How well the model does the task, and the spread between prompts.")
def behaviour(asked: AnalysisOptions) -> None:
    """How well the model does the task: the mean logit difference and its spread, for 10, 50 and 500 prompts.

    With --n, for that many in place of 500. A task that yields fewer prompts is asked for all of them.

    \b
    acdc-custom analyze behaviour --task ioi
    """
    task, model = opened(asked)
    from acdc_custom.analyses.behaviour_spread import SIZES, behaviour_spread, draw_behaviour_spread

    wanted = asked.settings.prompts
    sizes = SIZES if wanted.n is None else (*(size for size in SIZES if size < wanted.n), wanted.n)
    with ProgressBar(unit=" prompts") as progress:
        result = behaviour_spread(task, model, sizes, wanted.seed, wanted.corruption, progress)
    for row in result.to_rows():
        click.echo(
            f"{row['n']:>4} prompts  logit difference {row['mean']:.2f}, standard deviation {row['std']:.2f}, standard "
            f"error {row['standard_error']:.2f}; {row['correct']:.0%} correct; answer {row['answer_probability']:.1%}"
        )
    if len(result.clean) < result.asked:
        click.echo(f"Note       {result.asked} prompts were wanted; the task can make {len(result.clean)}.")
    written(asked, "behaviour", result.to_rows(), {"behaviour": draw_behaviour_spread(result)})


@analysis("lens", "The logit lens: the logit difference after each component.")
def lens(asked: AnalysisOptions) -> None:
    """The logit lens: the logit difference in the residual stream after each component, and what each one adds.

    \b
    acdc-custom analyze lens --task latest_s
    """
    batch = prepared(asked)
    from acdc_custom.analyses.lens import draw_contributions, draw_logit_lens, logit_lens

    result = logit_lens(batch)
    contributions = zip(result.components, result.contribution.tolist(), strict=True)
    click.echo(f"Most       {top(contributions, 'logits')}")
    figures = {"lens": draw_logit_lens(result), "lens_contributions": draw_contributions(result)}
    written(asked, "lens", result.to_rows(), figures)


@analysis("attribution", "What each head writes towards the answer.")
@marked_heads
def attribution(asked: AnalysisOptions, heads: str | None) -> None:
    """Direct logit attribution: what each head writes at END towards the answer, and away from the foil.

    \b
    acdc-custom analyze attribution --task ioi --heads results/ioi_demo-4l_0.01
    """
    chosen = parsed_heads(heads)
    batch = prepared(asked)
    from acdc_custom.analyses.lens import draw_head_attribution, head_attribution

    marked = chosen(batch.model.graph) if chosen else ()
    result = head_attribution(batch)
    most = ((head.label, float(result.attribution[head.layer, head.head])) for head in result.strongest(5))
    click.echo(f"Most       {top(most, 'logits')}")
    if marked:
        share = sum(result.attribution[head.layer, head.head] for head in marked)
        click.echo(f"--heads    {share:.2f} of {result.attribution.sum():.2f} logits that all heads write")
    written(asked, "attribution", result.to_rows(), {"attribution": draw_head_attribution(result, marked)})


COMMANDS = (behaviour, lens, attribution)
