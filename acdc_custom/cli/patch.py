"""`acdc-custom patch`: path patching, from heads to the inputs of other heads or to the logits."""

from __future__ import annotations

from pathlib import Path

import click

from acdc_custom.choices import Effect
from acdc_custom.cli.analyze.options import AnalysisOptions, analysis
from acdc_custom.cli.analyze.running import prepared, written
from acdc_custom.errors import UsageError


@analysis("patch", "Path patching from heads to heads or to the logits.")
@click.option(
    "--from",
    "senders",
    default="heads",
    show_default=True,
    metavar="NODES",
    help="What is patched, each by itself: heads, nodes (heads, MLPs and the embedding), or names: a9.h6,L9H9,m3. "
    "At the tokens of one span alone: a9.h6@S2, heads@S2.",
)
@click.option(
    "--to",
    "receivers",
    required=True,
    metavar="INPUTS",
    help="What reads it, all together: logits, or inputs of nodes: a9.h6.q,a9.h9.q; a7.h3.v; m10. "
    "At one span alone: a9.h6.q@END,a7.h3.v@S2.",
)
@click.option(
    "--position",
    "positions",
    multiple=True,
    metavar="NAME",
    help="Where it is read: a named position of the task, such as END; may be given more than once.  "
    "[default: everywhere; the logits at END]",
)
@click.option(
    "--effect",
    type=click.Choice([e.value for e in Effect]),
    metavar="EFFECT",
    default=Effect.DIRECT.value,
    show_default=True,
    help="What is recomputed between sender and receiver: " + "; ".join(f"{e.value}: {e.about}" for e in Effect) + ".",
)
@click.option(
    "--heads-from",
    type=click.Path(path_type=Path),
    metavar="RUN",
    help="Patch from the heads of a circuit only: a run folder, or a circuit.json. Those of a circuit in positions are "
    "patched at the spans at which they write.",
)
def command(
    asked: AnalysisOptions,
    senders: str,
    receivers: str,
    positions: tuple[str, ...],
    effect: str,
    heads_from: Path | None,
) -> None:
    """Patch paths: what do nodes tell the inputs of other nodes, or the logits?

    Each sender's output is taken from the corrupted prompt, along its paths to the receivers only, and the change of
    the logit difference is shown, in per cent: negative where the sender helps. Writes a table, and a figure with a
    cell for each head.

    \b
    acdc-custom patch --task ioi --to logits
    acdc-custom patch --task ioi --model gpt2 --to a9.h9.q,a9.h6.q,a10.h0.q \\
      --position END
    acdc-custom patch --task ioi --model gpt2 --position S2 --effect total \\
      --to a7.h3.v,a7.h9.v,a8.h6.v,a8.h10.v
    acdc-custom patch --task ioi --model gpt2 --from heads@S2 \\
      --to a9.h9.q@END,a7.h3.v@S2 --effect total
    """
    from acdc_custom.circuit.circuit import Circuit
    from acdc_custom.heads.names import check_readings, circuit_places, parse_receivers, parse_senders, places_there

    to = parse_receivers(receivers)  # what is wrong with names or circuit is told before the model is loaded
    check_readings(to, positions)
    among = [] if heads_from is None else circuit_places(Circuit.load(heads_from))
    if heads_from is not None and not among:
        raise UsageError(f"--heads-from {heads_from}: this circuit has no heads.")
    batch = prepared(asked)
    from acdc_custom.figures.charts import head_heatmap
    from acdc_custom.heads.patch import patch_paths
    from acdc_custom.progress.bar import ProgressBar

    graph = batch.model.graph
    among = places_there(among, batch.tokens.spans.names)
    with ProgressBar() as progress:
        table = patch_paths(batch, parse_senders(senders, graph, to, among), to, positions, effect, progress)
    click.echo(table.text())
    shape = graph.shape
    figures = {}
    for span in table.spans:
        figures[table.name_from(span)] = head_heatmap(
            table.by_head(shape.n_layers, shape.n_heads, span),
            f"{table.title}{span and f', from {span}'}",
            "change of the logit difference, per cent",
            [place.node for place in among if place.span in ("", span)],
        )
    written(asked, table.name, table.to_rows(), figures)
