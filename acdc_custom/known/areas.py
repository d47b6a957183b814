"""The areas under the ROC curves as a table: a row per method, a column per model and ablation. Imports no torch.

Owns the four tables: against all that was built, against what an ablation changes, and, of a search in positions,
against where edges act, without positions and with them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from acdc_custom.choices import Ablation
from acdc_custom.figures.cells import table_of_shares
from acdc_custom.figures.theme import Figure, Theme
from acdc_custom.known.beside import besides
from acdc_custom.known.picture import BUILT, CHANGING
from acdc_custom.known.result import BenchmarkResult
from acdc_custom.known.table import three

WITHOUT = "Edges at spans where they act, without positions"
WITH = "Edges at spans where they act, in positions"
COLUMN, ROW, NAMES = 0.72, 0.235, 1.9  # inches: a cell, and the names of the methods
ABOVE = 0.75  # inches: title and headings of a table

Key = tuple[str, Ablation, str]  # model, ablation, and the title of a method
Areas = Mapping[Key, float | None]


def draw_areas(trials: Sequence[BenchmarkResult], theme: Theme = Theme.LIGHT) -> Figure:
    """The tables, one below the other."""
    plain, pairs = [trial for trial in trials if not trial.spans], besides(trials)
    tables: dict[str, Areas] = {
        f"Edges, {BUILT}": _areas(plain, lambda trial: trial.edge_auc),
        f"Edges, {CHANGING}": _areas(plain, lambda trial: trial.changing_auc),
    }
    if pairs:
        tables[WITHOUT] = {_key(pair.positioned): pair.auc_without for pair in pairs}
        tables[WITH] = {_key(pair.positioned): pair.auc for pair in pairs}
    columns = list(dict.fromkeys((trial.name, trial.ablation) for trial in plain))
    methods = list(dict.fromkeys(trial.method.title for trial in plain))
    about = " ".join(
        f"{title}: "
        + "; ".join(
            f"{name}, {ablation} ablation, {method}: {three(area)}" for (name, ablation, method), area in of.items()
        )
        + "."
        for title, of in tables.items()
    )
    with theme.applied():
        width, height = NAMES + COLUMN * len(columns), (ABOVE + ROW * len(methods)) * len(tables)
        title = "Areas under the ROC curves of known models: 1 finds all that is true, and nothing else"
        figure = Figure(title, about, width, height, theme)
        panels = figure.subplots(len(tables), 1, squeeze=False)[:, 0]
        for panel, (heading, areas) in zip(panels, tables.items(), strict=True):
            _table(panel, heading, areas, columns, methods, theme)
    return figure


def _areas(trials: Sequence[BenchmarkResult], area: Callable[[BenchmarkResult], float | None]) -> Areas:
    return {_key(trial): area(trial) for trial in trials}


def _key(trial: BenchmarkResult) -> Key:
    return trial.name, trial.ablation, trial.method.title


def _table(
    panel: Axes,
    heading: str,
    areas: Areas,
    columns: Sequence[tuple[str, Ablation]],
    methods: Sequence[str],
    theme: Theme,
) -> None:
    """One table: the models above, their ablations below them, and a gap between models."""
    values = np.array([[areas.get((*column, method)) for column in columns] for method in methods], dtype=float)
    table_of_shares(panel, values, theme)
    panel.set_title(heading)
    names = [name for name, _ in columns]
    middle = {name: (names.index(name) + (names.count(name) - 1) // 2) for name in names}
    heads = [f"{name if middle[name] == place else ''}\n{ablation}" for place, (name, ablation) in enumerate(columns)]
    panel.set_xticks(range(len(columns)), heads)
    panel.set_yticks(range(len(methods)), methods)
    for place in range(1, len(columns)):
        if names[place] != names[place - 1]:
            panel.axvline(place - 0.5, color=theme.value.ink, lw=2.4)
