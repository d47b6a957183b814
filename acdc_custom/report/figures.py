"""The figures of a page: each drawn twice, for light and for dark, and carried within the file.

Owns which figures there are and their captions. How a figure is drawn is others' business.
"""

from __future__ import annotations

import base64
from collections.abc import Callable

from acdc_custom.evaluate.picture import draw_evaluation
from acdc_custom.evaluate.records import Evaluation
from acdc_custom.figures.charts import histogram
from acdc_custom.figures.theme import Figure, Theme
from acdc_custom.report.contents import Contents, PageFigure
from acdc_custom.stability.figure import stability_figure
from acdc_custom.stability.record import Stability

PIXELS = 96  # per inch, as browsers count

LOGIT_DIFFERENCE = "logit difference, answer minus foil"


def page_figure(draw: Callable[[Theme], Figure], caption: str) -> PageFigure:
    """Draw a figure in both themes."""
    light, dark = draw(Theme.LIGHT), draw(Theme.DARK)
    width, height = (round(inches * PIXELS) for inches in light.get_size_inches())
    return PageFigure(_address(light), _address(dark), f"{light.title}. {light.about}", caption, width, height)


def model_spread(contents: Contents) -> PageFigure:
    """The logit difference of every prompt, by the model."""
    values = {"clean": contents.model.values, "corrupted": contents.corrupted.values}
    return page_figure(
        lambda theme: histogram(values, "The model on both versions", LOGIT_DIFFERENCE, "share of prompts", theme),
        "One value for each prompt, clean and corrupted. Right of zero the answer of the clean prompt wins; a dashed "
        "line is a mean. The further the two are apart, the more there is for a circuit to carry.",
    )


def all_spreads(contents: Contents) -> PageFigure:
    """The same by the model, by the circuit and with no edges."""
    values = {
        "model": contents.model.values,
        "circuit": contents.inside.values,
        "no edges": contents.empty.values,
    }
    return page_figure(
        lambda theme: histogram(values, "Model, circuit, no edges", LOGIT_DIFFERENCE, "share of prompts", theme),
        "The same prompts, by the whole model, by the circuit alone, and with every edge removed. A faithful circuit "
        "lies where the model lies.",
    )


def evaluation_figure(evaluation: Evaluation) -> PageFigure:
    """Faithfulness, completeness and minimality."""
    return page_figure(
        lambda theme: draw_evaluation(evaluation, theme),
        "Above: bars are the circuit, the other marks as many edges chosen in other ways, lines their 95 % intervals; "
        "100 % is as good as the model. Below, left: every mark is a set of nodes that was taken out of both the model "
        "and the circuit; on the diagonal both suffer alike. Below, right: how far the logit difference moves without "
        "one edge.",
    )


def study_figure(stability: Stability) -> PageFigure:
    """How often edges and heads are kept, how alike the runs are, what the consensus recovers."""
    return page_figure(
        lambda theme: stability_figure(stability, theme),
        "Edges by the number of runs that keep them: much on the right is stable, much on the left comes and goes. "
        "Heads with the 95 % intervals of their shares. The Jaccard index of every two runs: dark is alike. What the "
        "consensus recovers, for every share of runs, among the single runs.",
    )


def _address(figure: Figure) -> str:
    return "data:image/svg+xml;base64," + base64.b64encode(figure.to_svg().encode()).decode()
