"""The ROC curves of known models: a column per model, a row per method, a line per ablation. Imports no torch."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle

from matplotlib.axes import Axes

from acdc_custom.figures.theme import Figure, Theme
from acdc_custom.known.result import BenchmarkResult, Method
from acdc_custom.known.roc import Rates
from acdc_custom.known.table import three

BUILT = "against all that was built"
CHANGING = "against what the ablation changes"
ROWS = ((Method.ACDC, BUILT), *((method, CHANGING) for method in Method))


def draw(trials: Sequence[BenchmarkResult], theme: Theme = Theme.LIGHT) -> Figure:
    """Edges: ACDC against the circuit that was built; then each method against what its ablation changes of it."""
    names = list(dict.fromkeys(trial.name for trial in trials))
    about = "; ".join(
        f"{trial.name}, {trial.ablation} ablation, {trial.method}: area {three(trial.edge_auc)} {BUILT}, "
        f"{three(trial.changing_auc)} {CHANGING}"
        for trial in trials
    )
    with theme.applied():
        title = "Edges found in models whose circuit is known, over all thresholds"
        figure = Figure(title, f"ROC curves. {about}.", 1.0 + 2.3 * len(names), 0.6 + 2.3 * len(ROWS), theme)
        panels = figure.subplots(len(ROWS), len(names), sharex=True, sharey=True, squeeze=False)
        for row, (method, truth) in zip(panels, ROWS, strict=True):
            for panel, name in zip(row, names, strict=True):
                shown = [trial for trial in trials if trial.name == name and trial.method is method]
                areas = []
                for trial, style in zip(shown, cycle(("-", "--", ":")), strict=False):
                    true = trial.built if truth == BUILT else trial.changing
                    curve = trial.edge_curve(true) if true else ()
                    _stairs(panel, curve, trial.ablation.value, style)
                    areas.append(three(trial.edge_auc if truth == BUILT else trial.changing_auc))
                panel.set_title("\n".join([f"{name}, {method.upper()}", truth, "area " + ", ".join(areas)]))
                panel.set_xlim(-0.04, 1.04)
                panel.set_ylim(-0.04, 1.04)
                panel.grid(True)
        panels[0, 0].legend(loc="lower right", title="ablation")
        figure.supxlabel("share of the other edges that was found", fontsize=9)
        figure.supylabel("share of the true edges that was found", fontsize=9)
    return figure


def _stairs(panel: Axes, curve: Sequence[Rates], name: str, style: str) -> None:
    """One curve, which goes right before it goes up."""
    across, up = [point.false_positive for point in curve], [point.true_positive for point in curve]
    panel.plot(across, up, style, drawstyle="steps-post", lw=1.6, marker="o", ms=3, label=name)
