"""The ROC curves of known models: a panel per model and per truth, a line per ablation. Imports no torch."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle

from matplotlib.axes import Axes

from acdc_custom.analyses.theme import Figure, Theme
from acdc_custom.graph import Edge
from acdc_custom.known.result import Trial
from acdc_custom.known.roc import auc

TRUTHS = ("the circuit that was built", "what the ablation changes")


def draw(trials: Sequence[Trial], theme: Theme = Theme.LIGHT) -> Figure:
    """Edges: above against the circuit that was built, below against those of it whose removal changes what is read."""
    names = list(dict.fromkeys(trial.name for trial in trials))
    about = "; ".join(
        f"{trial.name}, {trial.ablation}: area {trial.edge_auc:.3f} against {TRUTHS[0]}, "
        f"{trial.changing_auc:.3f} against {TRUTHS[1]}"
        for trial in trials
    )
    with theme.applied():
        figure = Figure(
            "Edges found in models whose circuit is known, over all thresholds",
            f"ROC curves. {about}.",
            1.0 + 2.3 * len(names),
            5.0,
            theme,
        )
        panels = figure.subplots(2, len(names), sharex=True, sharey=True, squeeze=False)
        for row, truth in zip(panels, TRUTHS, strict=True):
            for panel, name in zip(row, names, strict=True):
                panel.set_title(f"{name}\nagainst {truth}")
                for trial, style in zip((t for t in trials if t.name == name), cycle(("-", "--", ":")), strict=False):
                    _stairs(panel, trial, trial.built if truth == TRUTHS[0] else trial.changing, style)
                panel.set_xlim(-0.04, 1.04)
                panel.set_ylim(-0.04, 1.04)
                panel.grid(True)
                panel.legend(loc="lower right", fontsize=7)
        figure.supxlabel("share of the other edges that was found", fontsize=9)
        figure.supylabel("share of the true edges that was found", fontsize=9)
    return figure


def _stairs(panel: Axes, trial: Trial, true: frozenset[Edge], style: str) -> None:
    """One curve, which goes right before it goes up."""
    curve = trial.edge_curve(true)
    panel.plot(
        [point.false_positive for point in curve],
        [point.true_positive for point in curve],
        style,
        drawstyle="steps-post",
        lw=1.6,
        marker="o",
        ms=3,
        label=f"{trial.ablation}: {auc(curve):.3f}",
    )
