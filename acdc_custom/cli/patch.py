"""`acdc-custom patch`: path patching, from heads to the inputs of other heads or to the logits."""

from __future__ import annotations

from pathlib import Path

import click

from acdc_custom.choices import Effect
from acdc_custom.cli.analyze.options import AnalysisOptions, analysis
from acdc_custom.cli.analyze.running import prepared, written


@analysis("patch", "Path patching from heads to heads or to the logits.")
@click.option(
    "--from",
    "senders",
    default="heads",
    show_default=True,
    metavar="NODES",
    help="What is patched, each by itself: heads, nodes (heads, MLPs and the embedding), or names: a9.h6,L9H9,m3.",
)
@click.option(
    "--to",
    "receivers",
    required=True,
    metavar="INPUTS",
    help="What reads it, all together: logits, or inputs of nodes: a9.h6.q,a9.h9.q; a7.h3.v; m10.",
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
    help="Patch from the heads of a circuit only: a run folder, or a circuit.json.",
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
    acdc-custom patch --task ioi --model gpt2 --to a9.h9.q,a9.h6.q,a10.h0.q --position END
    acdc-custom patch --task ioi --model gpt2 --to a7.h3.v,a7.h9.v,a8.h6.v,a8.h10.v --position S2 --effect total
    """
    from acdc_custom.circuit.circuit import Circuit
    from acdc_custom.heads.names import circuit_heads, parse_receivers, parse_senders

    to = parse_receivers(receivers)  # what is wrong with names or circuit is told before the model is loaded
    among = [] if heads_from is None else circuit_heads(Circuit.load(heads_from))
    batch = prepared(asked)
    from acdc_custom.figures.charts import head_heatmap
    from acdc_custom.heads.patch import patch_paths
    from acdc_custom.progress.bar import ProgressBar

    graph = batch.model.graph
    with ProgressBar() as progress:
        table = patch_paths(batch, parse_senders(senders, graph, to, among), to, positions, effect, progress)
    click.echo(table.text())
    shape = graph.shape
    figure = head_heatmap(
        table.by_head(shape.n_layers, shape.n_heads), table.title, "change of the logit difference, per cent", among
    )
    written(asked, table.name, table.to_rows(), {table.name: figure})
