"""The manual analyses that a report shows, run on the circuit's own prompts, and what they say about single nodes.

Owns the choice of analyses and how many prompts they get. What an analysis computes and draws is its own business.
"""

from __future__ import annotations

from collections.abc import Iterator

from acdc_custom.analyses import activation_patching, lens
from acdc_custom.analyses.runs import SMALLEST_GAP
from acdc_custom.analyses.scatter import attention_scatter, draw_scatter
from acdc_custom.engine.prepared import PreparedBatch, fewer_prompts
from acdc_custom.graph import Sender, Stage
from acdc_custom.heads.words import cast_of
from acdc_custom.progress.protocol import Progress
from acdc_custom.report.contents import Fact, PageFigure
from acdc_custom.report.figures import page_figure
from acdc_custom.runs.reopen import Reopened

SCATTERED_HEADS = 3
FEWEST_POINTS = 3  # a correlation of fewer means nothing
PATCHED_PROMPTS = 16  # patching runs the model once per layer and position: so many prompts are enough for a figure


def analysis_figures(run: Reopened, on_progress: Progress) -> Iterator[PageFigure]:
    """The logit lens, direct attribution and activation patching, with the circuit's heads framed."""
    heads = [node for node in run.circuit.nodes if node.stage is Stage.HEAD]
    on_progress("attributing the answer", 0, 1)
    streams = lens.logit_lens(run.prepared)
    yield page_figure(
        lambda theme: lens.draw_logit_lens(streams, theme),
        "How sure of the answer the model is after each component. A step up is a component that writes towards the "
        "answer.",
    )
    attribution = lens.head_attribution(run.prepared)
    yield page_figure(
        lambda theme: lens.draw_head_attribution(attribution, heads, theme),
        "What each head writes directly towards the answer (blue) or the foil (red). Heads of the circuit have a "
        "frame. A head can matter without writing to the answer, by what later nodes read from it.",
    )
    few = _few(run)
    if abs(few.full.logit_diff - few.corrupted.logit_diff) >= SMALLEST_GAP:
        yield from _patching(few, heads, on_progress)
    on_progress("attention against output", 0, 1)
    yield from _scatter(run, heads, attribution)


def _patching(few: PreparedBatch, heads: list[Sender], on_progress: Progress) -> Iterator[PageFigure]:
    """Activation patching of the residual stream and of heads."""
    by_position = activation_patching.patch_residual(few, on_progress=on_progress)
    yield page_figure(
        lambda theme: activation_patching.draw_patching(by_position, theme=theme),
        "Where the answer is on its way: the residual stream of the clean run, put into the corrupted run at one "
        f"layer and one position. 1 brings the clean answer back. On {_count(few)}.",
    )
    by_head = activation_patching.patch_heads(few, on_progress=on_progress)
    yield page_figure(
        lambda theme: activation_patching.draw_patching(by_head, heads, theme),
        f"The same for the output of one head at all positions; heads of the circuit have a frame. On {_count(few)}.",
    )


def _scatter(run: Reopened, heads: list[Sender], attribution: lens.HeadAttribution) -> Iterator[PageFigure]:
    """Attention against output for the heads of the circuit that write most, if the prompts name any word."""
    prepared = run.prepared.at_contrast
    if len(prepared.batch.prompts) < FEWEST_POINTS or not heads:
        return
    if not cast_of(prepared.task, prepared.batch, prepared.model.tokenizer).subjects:
        return
    strongest = sorted(heads, key=lambda head: -abs(float(attribution.attribution[head.layer, head.head])))
    points = attention_scatter(prepared, strongest[:SCATTERED_HEADS])
    yield page_figure(
        lambda theme: draw_scatter(points, theme),
        "For the heads of the circuit that write most towards the answer or the foil: does a head write along a word "
        "the more, the more it attends to it? A name mover does.",
    )


def node_facts(run: Reopened) -> dict[str, list[Fact]]:
    """What the analyses say about the nodes of the circuit, by name."""
    attribution, streams = lens.head_attribution(run.prepared), lens.logit_lens(run.prepared)
    added = dict(zip(streams.components, streams.contribution, strict=True))
    facts = {}
    for node in run.circuit.nodes:
        value = attribution.attribution[node.layer, node.head] if node.stage is Stage.HEAD else added[_component(node)]
        facts[str(node)] = [Fact("writes to the answer", f"{value:+.2f} logits", "direct logit attribution at END")]
    return facts


def _component(node: Sender) -> str:
    return "embed" if node.stage is Stage.EMBED else f"L{node.layer} MLP"


def _few(run: Reopened) -> PreparedBatch:
    """As many prompts as patching gets, of the run's task and seed."""
    return fewer_prompts(run.prepared, run.circuit.settings, PATCHED_PROMPTS)


def _count(prepared: PreparedBatch) -> str:
    n = len(prepared.batch.prompts)
    return f"{n} prompt{'s' * (n > 1)}"
