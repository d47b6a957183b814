"""The files of a sweep."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from swept import made_up

from acdc_custom.reading import parse_json
from acdc_custom.sweep.content import to_json, to_rows
from acdc_custom.sweep.write import write_sweep


def test_the_json_has_every_point_and_what_is_read_off_them() -> None:
    content = parse_json(to_json(made_up()))
    assert content["schema"] == 1 and content["failed"] == ["late"]
    (case,) = content["cases"]
    assert (case["task"], case["edges"], case["full"]["logit_diff"]) == ("ioi", 1000, 4.0)
    (search,) = case["searches"]
    assert [point["threshold"] for point in search["points"]] == [0.5, 0.1, 0.05, 0.01]
    assert [point["on_front"] for point in search["points"]] == [True, True, False, True]
    assert search["suggestion"]["threshold"] == 0.1 and search["suggestion"]["folder"] == "run_0.1"
    assert search["recovered_at_shares"] == [0, 0, 0, 0, 0.95, 0.6, 0.99, 0.99, 0.99, 1]
    assert search["cpr"] == pytest.approx(made_up().cases[0].searches[0].curve.cpr)
    assert [part["method"] for part in case["attributions"]] == ["eap", "eap-ig"]
    assert list(case["attributions"][0]["rankings"]) == ["signed", "absolute"]


def test_what_is_no_number_is_null() -> None:
    (case,) = parse_json(to_json(made_up(gap=0.0)))["cases"]
    (search,) = case["searches"]
    assert search["cpr"] is None and {point["recovered"] for point in search["points"]} == {None}
    assert search["suggestion"]["threshold"] is None


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
