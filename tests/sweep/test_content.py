"""The files of a sweep."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import pytest
from swept import made_up, with_tests

from acdc_custom.errors import ResultError
from acdc_custom.files.reading import parse_json
from acdc_custom.sweep.content import load_sweep, to_json, write_sweep
from acdc_custom.sweep.picture import draw_sweep
from acdc_custom.sweep.result import Sweep
from acdc_custom.sweep.summary import summarize_sweep
from acdc_custom.sweep.table import to_rows


def test_the_json_has_every_point_and_what_is_read_off_them() -> None:
    content = parse_json(to_json(made_up()))
    assert content["schema"] == 1 and content["failed"] == ["late"]
    (case,) = content["cases"]
    assert (case["task"], case["n_edges"], case["full"]["logit_diff"]) == ("ioi", 1000, 4.0)
    (search,) = case["searches"]
    assert [point["threshold"] for point in search["points"]] == [0.5, 0.1, 0.05, 0.01]
    assert [point["on_front"] for point in search["points"]] == [True, True, False, True]
    assert search["suggestion"]["threshold"] == 0.1 and search["suggestion"]["folder"] == "run_0.1"
    assert search["faithfulness_at_shares"] == [0, 0, 0, 0, 0.95, 0.6, 0.99, 0.99, 0.99, 1]
    assert search["cpr"] == pytest.approx(made_up().cases[0].searches[0].curve.cpr)
    assert [part["method"] for part in case["attributions"]] == ["eap", "eap-ig"]
    assert list(case["attributions"][0]["rankings"]) == ["signed", "absolute"]
    assert search["method"] == "acdc" and case["notes"] == []


def test_what_is_no_number_is_null() -> None:
    (case,) = parse_json(to_json(made_up(gap=0.0)))["cases"]
    (search,) = case["searches"]
    assert search["cpr"] is None and {point["faithfulness"] for point in search["points"]} == {None}
    assert search["suggestion"]["threshold"] is None


def test_a_sweep_loads_as_it_was_saved(tmp_path: Path, last: tuple[Sweep, object]) -> None:
    for sweep in (made_up(), last[0]):
        write_sweep(sweep, tmp_path)
        assert load_sweep(tmp_path) == sweep
    (tmp_path / "sweep.json").write_text(to_json(made_up(gap=0.0)))
    assert to_json(load_sweep(tmp_path / "sweep.json")) == to_json(made_up(gap=0.0))


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ('"schema": 1', '"schema": 2', "newer acdc-custom"),
        ('"schema": 1', '"scheme": 1', 'no "schema"'),
        ('"kl": 1.0', '"kl": "low"', "kl is 'low', expected float"),
        ('"failed": [', '"failing": [', 'with "failed", which is missing'),
        (
            '"rule": "recovers"',
            '"rule": "guessed"',
            "suggestion.rule is 'guessed', expected one of: recovers, knee, none",
        ),
        ('"absolute": {', '"relative": {', "is missing"),
        ("}", "", "is damaged"),
    ],
)
def test_a_damaged_file_is_refused_in_words(tmp_path: Path, before: str, after: str, message: str) -> None:
    text = to_json(made_up())
    assert before in text
    (tmp_path / "sweep.json").write_text(text.replace(before, after))
    with pytest.raises(ResultError, match=message):
        load_sweep(tmp_path)


def test_a_folder_without_a_sweep_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ResultError, match="Give a folder that acdc-custom sweep wrote"):
        load_sweep(tmp_path)


def test_the_table_has_a_row_for_each_circuit() -> None:
    rows = to_rows(made_up())
    assert len(rows) == 4 + 2 * 2 * 11
    assert [row["folder"] for row in rows if row["suggested"] == 1] == ["run_0.1"]
    assert {row["threshold"] for row in rows if row["method"] == "eap"} == {""}
    assert {len(row) for row in rows} == {len(rows[0])}


def test_all_files_are_written_whole(tmp_path: Path) -> None:
    json_file, table, picture = write_sweep(made_up(), tmp_path / "new")
    assert json_file.read_text() == to_json(made_up())
    assert len(list(csv.DictReader(table.open()))) == len(to_rows(made_up()))
    assert picture.read_text().startswith("<svg ")


def test_files_picture_and_words_say_that_circuits_are_nested_and_others_are_as_they_were(tmp_path: Path) -> None:
    (case,) = made_up().cases
    nested = replace(case.searches[0], nested=True)
    for searches in ((nested,), (nested, *case.searches)):
        sweep = Sweep((replace(case, searches=searches),))
        (tmp_path / "sweep.json").write_text(to_json(sweep))
        assert load_sweep(tmp_path) == sweep
        rows = to_rows(sweep)
        assert {len(row) for row in rows} == {len(rows[0])}
        assert [row["nested"] for row in rows] == [1] * 4 + [0] * 4 * (len(searches) - 1) + [""] * 44
        said = " ".join(summarize_sweep(sweep).split())
        assert (
            "ACDC, metric kl, order original, nested circuits" in said and "Nested circuits: every search but" in said
        )
        assert ("order original threshold" in said) == (len(searches) > 1)
    assert "nested" not in to_json(made_up()) and "nested" not in to_rows(made_up())[0]
    assert "nested" not in summarize_sweep(made_up()).lower()
    assert "nested circuits" in draw_sweep(sweep).to_svg()


def test_files_have_what_circuits_do_on_test_prompts(tmp_path: Path) -> None:
    sweep = with_tests()
    (tmp_path / "sweep.json").write_text(to_json(sweep))
    assert load_sweep(tmp_path) == sweep and '"test"' not in to_json(made_up())
    (case,) = parse_json(to_json(sweep))["cases"]
    assert case["test"]["n"] == 30
    assert case["searches"][0]["points"][1]["test"] == {
        "kl": 2.0,
        "logit_diff": pytest.approx(2.4),
        "faithfulness": {"value": pytest.approx(0.85), "low": pytest.approx(0.8), "high": pytest.approx(0.9)},
    }
    rows = {(row["method"], row["ranking"], row["n_edges"]): row for row in to_rows(sweep)}
    row = rows["acdc", "", 20]
    assert (row["test_kl"], row["test_faithfulness"], row["test_low"]) == (2.0, pytest.approx(0.85), pytest.approx(0.8))
    assert rows["eap", "absolute", 20]["test_kl"] == pytest.approx(1.15)
    assert rows["eap", "signed", 20]["test_kl"] == rows["acdc", "", 0]["test_low"] == ""
