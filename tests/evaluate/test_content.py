"""The files of an evaluation: JSON that loads back exactly, a table with every number, a figure that stands alone."""

from __future__ import annotations

import csv
import io
import json
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from evaluations import evaluation_of

from acdc_custom.errors import ResultError
from acdc_custom.evaluate.content import load, save, to_csv, to_json
from acdc_custom.evaluate.picture import draw_evaluation
from acdc_custom.evaluate.records import Evaluation
from acdc_custom.evaluate.summary import summarize_evaluation
from acdc_custom.figures.theme import Theme
from acdc_custom.files.columns import line_width


def test_it_loads_back_exactly(evaluation: Evaluation, tmp_path: Path) -> None:
    json_path, csv_path = save(evaluation, tmp_path)
    assert load(tmp_path) == load(json_path) == evaluation
    assert csv_path.read_text().startswith("prompts,kind,n,edges,n_edges,measure,value,low,high\n")
    none = evaluation_of(fresh=None)
    save(none, tmp_path)
    assert load(tmp_path) == none


def test_the_table_has_every_measure_of_everything_that_was_run(evaluation: Evaluation) -> None:
    rows = list(csv.DictReader(io.StringIO(to_csv(evaluation))))
    assert len(rows) == 6 * sum(len(on.measured) for on in evaluation.prompts)
    inside = next(m for m in evaluation.main.measured if m.subject == "circuit")
    (row,) = (r for r in rows if (r["prompts"], r["edges"], r["measure"]) == (evaluation.main.name, "circuit", "kl"))
    assert float(row["value"]) == inside.faithfulness.kl.value
    assert float(row["low"]) <= float(row["value"]) <= float(row["high"])


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda c: c.pop("tests"), '"tests" is missing'),
        (lambda c: c["source"].update(seed="x"), "source.seed is 'x', expected int"),
        (
            lambda c: c["prompts"][0].update(kind="prompts[0].kind is 'dreamt', expected one of: "),
            "prompts[0].kind is 'dreamt', expected one of: ",
        ),
        (
            lambda c: c["examined"][0]["edges"][0].update(edge="a -> b"),
            "examined[0].edges[0].edge is 'a -> b', expected an object",
        ),
        (lambda c: c.update(notes={}), "expected a list"),
        (lambda c: c["prompts"].clear(), "it has no prompts"),
        (lambda c: c["examined"].clear(), "it has no prompts"),
        (lambda c: c["prompts"][1]["measured"].pop(3), "what no edges does on new prompts is missing"),
        (lambda c: c["examined"][0].update(model=1e300), "examined[0].model is 1e+300, which is too large"),
        (lambda c: c.update(notes={}), "Make it with: acdc-custom evaluate "),
        (lambda c: c.update(schema=99), "newer acdc-custom"),
        (lambda c: c.update(schema=None), 'no "schema"'),
    ],
)
def test_a_damaged_file_is_told_in_a_line(spoil: Callable[[Any], Any], message: str, tmp_path: Path) -> None:
    content = json.loads(to_json(evaluation_of()))
    spoil(content)
    (tmp_path / "evaluation.json").write_text(json.dumps(content))
    with pytest.raises(ResultError, match=re.escape(message)):
        load(tmp_path)


def test_a_file_that_is_not_there_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(ResultError, match="acdc-custom evaluate"):
        load(tmp_path)


@pytest.mark.parametrize("theme", Theme)
def test_the_figure_is_an_svg_that_tells_the_verdict(evaluation: Evaluation, theme: Theme) -> None:
    svg = draw_evaluation(evaluation, theme).to_svg()
    ElementTree.fromstring(svg)
    assert evaluation.verdict.split(".")[0] in svg
    for on in evaluation.prompts:
        assert f"{on.name} ({on.n})" in svg


def test_the_legends_of_the_figure_name_random_circuits_and_the_line_of_minimality(evaluation: Evaluation) -> None:
    svg = draw_evaluation(evaluation).to_svg()
    assert "contributes nothing below" in svg and "random circuits, 5 % to 95 %" in svg and "K chosen: random" in svg


def test_a_figure_of_what_cannot_be_recovered_can_be_drawn() -> None:
    ElementTree.fromstring(draw_evaluation(evaluation_of(discovery=9.0, fresh=None, gaps={}, moved=())).to_svg())


def test_the_summary_begins_with_the_verdict_and_fits_a_wide_terminal(evaluation: Evaluation) -> None:
    text = summarize_evaluation(evaluation)
    assert max(map(len, text.splitlines())) <= line_width()
    for finding in evaluation.findings:
        assert finding.question in text
        assert text.index(finding.question) < text.index("On each set of prompts")
    for test in evaluation.tests:
        assert f"{test.hypothesis} p = " in " ".join(text.split())
    assert "-0%" not in text
