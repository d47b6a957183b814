"""What the picture of a sweep shows."""

from __future__ import annotations

import dataclasses
import math

from swept import made_up

from acdc_custom.choices import Ranking
from acdc_custom.figures.theme import Figure
from acdc_custom.sweep.picture import BEATEN, SUGGESTED, draw_sweep
from acdc_custom.sweep.result import Sweep


def test_each_case_has_a_panel_for_kl_and_one_for_what_is_recovered() -> None:
    (case,) = made_up().cases
    figure = draw_sweep(Sweep((case, dataclasses.replace(case, task="other"))))
    assert [axes.get_ylabel() for axes in figure.axes] == ["KL from the model (nats)", "logit difference recovered"] * 2
    assert figure.axes[2].get_title(loc="left").startswith("other in demo")


def test_curves_are_where_the_numbers_are() -> None:
    (case,) = made_up().cases
    figure = draw_sweep(made_up())
    signed = case.attributions[1].curves[Ranking.SIGNED].points
    lines = {line.get_label(): line for line in figure.axes[1].lines}
    assert case.attributions[1].method == "eap-ig"
    drawn = [tuple(row) for row in lines["_EAP-IG (inputs), signed scores"].get_xydata()]
    assert drawn == [(point.n_edges, point.faithfulness) for point in signed]


def test_thresholds_stand_at_the_points_and_a_ring_around_the_suggested_one() -> None:
    left = draw_sweep(made_up()).axes[0]
    assert {"0.1", "0.05", "0.01"} <= {text.get_text() for text in left.texts}
    assert "0.5" not in {text.get_text() for text in left.texts}  # no edges: a logarithm has no place for it
    rings = [line for line in left.lines if line.get_markersize() == 11]
    assert [tuple(ring.get_xydata()[0]) for ring in rings] == [(20, 1.0)]


def test_a_case_without_anything_to_recover_is_drawn() -> None:
    figure = draw_sweep(made_up(gap=0.0))
    assert all(math.isfinite(end) for end in figure.axes[1].get_ylim())
    assert "</svg>" in figure.to_svg()


def test_of_many_searches_those_with_one_metric_look_alike() -> None:
    (case,) = made_up().cases
    searches = [dataclasses.replace(case.searches[0], order="random", order_seed=seed) for seed in range(6)]
    few = draw_sweep(Sweep((dataclasses.replace(case, searches=tuple(searches)),)))
    assert legend(few) == [f"ACDC, metric kl, order random {seed}" for seed in range(6)]
    searches += [dataclasses.replace(case.searches[0], metric="logit-diff")]
    many = draw_sweep(Sweep((dataclasses.replace(case, searches=tuple(searches)),)))
    assert legend(many) == ["ACDC, metric kl", "ACDC, metric logit-diff"]
    assert len([line for line in many.axes[0].lines if line.get_markersize() == 11]) == 7


def test_every_method_has_a_look_of_its_own_that_the_legend_below_tells() -> None:
    (case,) = made_up().cases
    many = tuple(dataclasses.replace(case.attributions[0], method=f"method-{number}") for number in range(9))
    figure = draw_sweep(Sweep((dataclasses.replace(case, attributions=many),)))
    handles = figure.legends[0].get_lines()
    looks = {(line.get_color(), line.get_marker()) for line in handles[:9]}
    drawn = {(line.get_color(), line.get_marker()) for line in figure.axes[0].lines if line.get_linewidth() == 1}
    assert len(looks) == 9 and looks == drawn
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == [
        *(f"method-{number}" for number in range(9)),
        "absolute scores",
        "signed scores",
        SUGGESTED,
        BEATEN,
        "recovered within 10%",
    ]


def test_searches_and_the_methods_beside_them_never_share_a_marker() -> None:
    (case,) = made_up().cases
    searches = tuple(dataclasses.replace(case.searches[0], order="random", order_seed=seed) for seed in range(6))
    many = tuple(dataclasses.replace(case.attributions[0], method=f"method-{number}") for number in range(6))
    figure = draw_sweep(Sweep((dataclasses.replace(case, searches=searches, attributions=many),)))
    of_searches = [line.get_marker() for line in figure.axes[0].get_legend().get_lines()]
    of_methods = [line.get_marker() for line in figure.legends[0].get_lines()[:6]]
    assert len({*of_searches, *of_methods}) == 12


def test_a_point_that_another_threshold_beats_is_hollow_and_the_legend_says_so() -> None:
    figure = draw_sweep(made_up())
    lines = [line for line in figure.axes[0].lines if line.get_markersize() == 4.5 and line.get_linewidth() == 0]
    hollow = [line for line in lines if line.get_markerfacecolor() == "none"]
    assert [tuple(row) for line in hollow for row in line.get_xydata()] == [(30, 1.5)], "20 edges have a KL of 1.0"
    assert BEATEN in [text.get_text() for text in figure.legends[0].get_texts()]


def legend(figure: Figure) -> list[str]:
    """The names of the first panel's curves."""
    return [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
