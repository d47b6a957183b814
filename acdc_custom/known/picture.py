"""The ROC curves of known models: a column per model, a row per ablation, a line per method. Imports no torch."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes

from acdc_custom.figures.theme import Figure, Theme
from acdc_custom.known.result import BenchmarkResult
from acdc_custom.known.roc import Rates
from acdc_custom.known.table import three

BUILT = "against all that was built"
CHANGING = "against what the ablation changes"
ROOM = 0.55  # below the curves, for their names


def draw(trials: Sequence[BenchmarkResult], theme: Theme = Theme.LIGHT) -> Figure:
    """Edges: what is decided, against the circuit that was built; all methods, against what an ablation changes.

    Trials in positions are left out: the table of areas has them.
    """
    trials = [trial for trial in trials if not trial.spans]
    names = list(dict.fromkeys(trial.name for trial in trials))
    ablations = list(dict.fromkeys(trial.ablation for trial in trials))
    decided = list(dict.fromkeys(trial.method.title for trial in trials if trial.decided))
    about = "; ".join(
        f"{trial.name}, {trial.ablation} ablation, {trial.method.name}: area {three(trial.edge_auc)} {BUILT}, "
        f"{three(trial.changing_auc)} {CHANGING}"
        for trial in trials
    )
    n_rows = len(decided) + len(ablations)
    with theme.applied():
        title = "Edges found in models whose circuit is known, over all thresholds"
        figure = Figure(title, f"ROC curves. {about}.", 1.0 + 3.1 * len(names), 0.6 + 2.9 * n_rows, theme)
        rows = iter(figure.subplots(n_rows, len(names), sharex=True, sharey=True, squeeze=False))
        for method, row in zip(decided, rows, strict=False):
            for panel, name in zip(row, names, strict=True):
                shown = [trial for trial in trials if trial.name == name and trial.method.title == method]
                lines = [
                    (f"{trial.ablation}, {three(trial.edge_auc)}", trial.edge_curve(trial.built)) for trial in shown
                ]
                _panel(panel, f"{name}, {method}\n{BUILT}", lines, theme)
        for ablation, row in zip(ablations, rows, strict=True):
            for panel, name in zip(row, names, strict=True):
                shown = [trial for trial in trials if (trial.name, trial.ablation) == (name, ablation)]
                lines = [
                    (
                        f"{trial.method.title}, {three(trial.changing_auc)}",
                        trial.edge_curve(trial.changing) if trial.changing else (),
                    )
                    for trial in shown
                ]
                _panel(panel, f"{name}, {ablation} ablation\n{CHANGING}", lines, theme)
        figure.supxlabel("share of the other edges that was found", fontsize=9)
        figure.supylabel("share of the true edges that was found", fontsize=9)
    return figure


def _panel(panel: Axes, title: str, lines: Sequence[tuple[str, Sequence[Rates]]], theme: Theme) -> None:
    """Curves that go right before they go up, with their areas; later ones thinner, since many coincide."""
    for number, (name, curve) in enumerate(lines):
        across, up = [point.false_positive for point in curve], [point.true_positive for point in curve]
        colour, marker = theme.look(number)
        wide = 1.0 + 0.9 * (len(lines) - 1 - number)
        panel.plot(
            across, up, color=colour, marker=marker, ms=2.5 + wide / 2, drawstyle="steps-post", lw=wide, label=name
        )
    panel.set_title(title)
    panel.set_xlim(-0.04, 1.04)
    panel.set_ylim(-ROOM, 1.04)
    panel.set_yticks([0, 0.2, 0.4, 0.6, 0.8, 1])
    panel.grid(True)
    panel.legend(loc="lower center", ncols=2, fontsize=6.5, title="and the area below", title_fontsize=6.5)
