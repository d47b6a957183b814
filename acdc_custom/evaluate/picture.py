"""An evaluation as one figure: faithfulness on every set of prompts, completeness, minimality.

Owns its three panels. What the numbers mean is said in `records.py`.
"""

from __future__ import annotations

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from acdc_custom.evaluate.kinds import Chosen, Subject
from acdc_custom.evaluate.records import ComponentAblations, Evaluation
from acdc_custom.figures.theme import Figure, Theme
from acdc_custom.files.reading import shortened
from acdc_custom.stats.intervals import Estimate

WIDTH = 9.0  # inches
ROW = 0.62  # of one set of prompts
LONGEST = 40  # letters of the name of a set of prompts
FURTHEST = (-0.6, 1.6)  # recovered shares beyond are drawn at the edge
SETS = {Chosen.RANDOM: ("o", 0), Chosen.ROLE: ("s", 1), Chosen.GREEDY: ("^", 2)}


def draw_evaluation(evaluation: Evaluation, theme: Theme = Theme.LIGHT) -> Figure:
    """The figure, for a page or a notebook."""
    source = evaluation.source
    title = f"Can it be believed? {source.task} in {source.model}, {source.n_edges:,} edges"
    top = 1.3 + ROW * len(evaluation.prompts)
    with theme.applied():
        figure = Figure(title, _about(evaluation), WIDTH, top + 3.4, theme)
        grid = figure.add_gridspec(2, 2, height_ratios=[top, 3.4])
        _faithfulness(figure.add_subplot(grid[0, :]), evaluation, theme)
        examined = evaluation.examined[-1]
        _completeness(figure.add_subplot(grid[1, 0]), examined, theme)
        _minimality(figure.add_subplot(grid[1, 1]), examined, theme)
    return figure


def _about(evaluation: Evaluation) -> str:
    panels = "the logit difference that is recovered on each set of prompts, completeness, minimality"
    return f"{evaluation.verdict} Three panels: {panels}."


def _faithfulness(axes: Axes, evaluation: Evaluation, theme: Theme) -> None:
    """One row per set of prompts: the circuit as a bar, what it is compared with as marks; lines are intervals."""
    colours, shown = theme.value.series, []
    titles = dict.fromkeys(title for on in evaluation.prompts for title in on.ranked)
    looks = {title: theme.look(number) for number, title in enumerate(titles, 1)}
    for row, on in enumerate(evaluation.prompts):
        for measured in on.measured:
            recovered = measured.faithfulness.normalised
            if recovered is None or measured.subject not in (Subject.CIRCUIT, *looks):
                continue
            shown.append(recovered)
            if measured.subject == Subject.CIRCUIT:
                axes.barh(row - 0.27, _inside(recovered.value), height=0.22, color=colours[0], alpha=0.55)
                _interval(axes, recovered, row - 0.27, colours[0], "|")
            else:
                place = list(looks).index(measured.subject) / len(looks)
                colour, mark = looks[measured.subject]
                _interval(axes, recovered, row - 0.11 + 0.34 * place, colour, mark)
    shown += _among_random(axes, evaluation, theme)
    axes.axvline(1, color=theme.value.ink, lw=0.8)
    axes.axvline(0, color=theme.value.faint, lw=0.8)
    low = min([-0.05, *(_inside(x.low) for x in shown)])
    high = max([1.1, *(_inside(x.high) for x in shown)])
    axes.set_xlim(low - 0.02, high + 0.02)
    ticks = {-0.5: "-50 %", 0: "0 %\nno edges", 0.5: "50 %", 1: "100 %\nthe model", 1.5: "150 %"}
    axes.set_xticks(*zip(*((x, label) for x, label in ticks.items() if low <= x <= high), strict=True))
    axes.set_yticks(
        range(len(evaluation.prompts)), [f"{shortened(on.name, LONGEST)} ({on.n})" for on in evaluation.prompts]
    )
    axes.set_ylim(len(evaluation.prompts) - 0.4, -0.6)
    axes.set_title("Faithfulness: share of the logit difference that is recovered, with 95 % intervals")
    handles: list[Artist] = [Patch(color=colours[0], alpha=0.55, label="circuit")]
    handles += [
        axes.plot([], [], mark, color=colour, ms=4, label=f"{title}, as many edges")[0]
        for title, (colour, mark) in looks.items()
    ]
    if evaluation.random:
        names = ", ".join(random.drawn for random in evaluation.random)
        # From the top, as they are drawn below the prompts that they were run on.
        said = f"random circuits, 5 % to 95 %: {names}"
        handles += axes.plot([], [], "-", marker="|", color=theme.value.faint, lw=1.4, ms=4, label=said)
    below = -0.45 / (ROW * len(evaluation.prompts) + 0.3)
    axes.legend(handles=handles, loc="upper center", bbox_to_anchor=(0.42, below), ncols=3, fontsize=7.5)


def _among_random(axes: Axes, evaluation: Evaluation, theme: Theme) -> list[Estimate]:
    """Random circuits, below the set of prompts that they were run on; gives what is shown."""
    main = evaluation.main
    row, model, empty = evaluation.prompts.index(main), main.of(Subject.MODEL), main.of(Subject.EMPTY)
    assert model is not None and empty is not None  # they are run on every set
    gap = model.logit_diff.value - empty.logit_diff.value
    if not gap:
        return []
    spans = []
    for place, random in enumerate(evaluation.random):
        of = random.logit_diff
        ends = ((x - empty.logit_diff.value) / gap for x in (of.value, of.low, of.high))
        spans.append(Estimate(*ends))
        _interval(axes, spans[-1], row + 0.27 + 0.06 * place, theme.value.faint, "|")
    return spans


def _interval(axes: Axes, of: Estimate, row: float, colour: str, mark: str) -> None:
    low, value, high = (_inside(x) for x in (of.low, of.value, of.high))
    axes.plot([low, high], [row, row], "-", color=colour, lw=1.4)
    axes.plot([value], [row], mark, color=colour, ms=4)


def _inside(x: float) -> float:
    return min(max(x, FURTHEST[0]), FURTHEST[1])


def _completeness(axes: Axes, examined: ComponentAblations, theme: Theme) -> None:
    """F of model against circuit, both without K; on the diagonal they suffer alike."""
    points = [(row.model, row.circuit) for row in examined.knocked_out]
    ends = [*(x for point in points for x in point), examined.model, examined.circuit, examined.empty]
    around = 0.05 * (max(ends) - min(ends) or 1)
    low, high = min(ends) - around, max(ends) + around
    axes.plot([low, high], [low, high], color=theme.value.faint, lw=0.8)
    axes.plot(examined.model, examined.circuit, "*", color=theme.value.ink, ms=8, label="nothing knocked out")
    for chosen, (mark, colour) in SETS.items():
        rows = [row for row in examined.knocked_out if row.chosen is chosen]
        if rows:
            xs, ys = [row.model for row in rows], [row.circuit for row in rows]
            axes.plot(xs, ys, mark, color=theme.value.series[colour], ms=4, alpha=0.8, label=f"K chosen: {chosen}")
    axes.set_xlim(low, high)
    axes.set_ylim(low, high)
    axes.set_xlabel("F(model without K), logits")
    axes.set_ylabel("F(circuit without K), logits")
    axes.set_title(f"Completeness: without sets K of nodes, {shortened(examined.prompts, LONGEST)}")
    axes.legend(fontsize=7.5, loc="best")


def _minimality(axes: Axes, examined: ComponentAblations, theme: Theme) -> None:
    """What each edge moves, largest first, and each node."""
    whole = max(abs(examined.model), 1e-9)
    edges = sorted((100 * removed.moved / whole for removed in examined.edges), reverse=True)
    floor = 1e-3
    axes.bar(range(len(edges)), [max(x, floor) for x in edges], color=theme.value.series[0], width=1.0, alpha=0.7)
    axes.set_yscale("log")
    axes.set_yticks([0.001, 0.01, 0.1, 1, 10, 100], ["0", "0.01", "0.1", "1", "10", "100"])
    axes.minorticks_off()
    axes.set_ylim(floor, max([100, *edges]) * 1.2)
    axes.axhline(0.1, color=theme.value.series[1], lw=1.2, label="contributes nothing below")
    axes.legend(fontsize=7.5, loc="upper right")
    axes.set_xlabel("edges of the circuit, sorted")
    axes.set_ylabel("mean change, % of F(model)")
    axes.set_title(f"Minimality: without one edge, {shortened(examined.prompts, LONGEST)}")
