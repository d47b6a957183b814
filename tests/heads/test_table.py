"""heads.json and heads.csv: what is written is what is read, and what is wrong is told."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from circuits import circuit_of, example_heads
from handmade import INHIBITION, MOVER, NEGATIVE, handmade_model, ioi_prompts
from tiny_task import prepared

from acdc_custom.errors import ResultError, UsageError
from acdc_custom.files.columns import line_width
from acdc_custom.graph import Sender
from acdc_custom.heads.evidence import Measure, Role
from acdc_custom.heads.find import find_roles
from acdc_custom.heads.summary import MANY, summarize_heads
from acdc_custom.heads.table import HeadTable

MOVING = Sender.parse("a1.h0")


def test_a_table_loads_back_exactly(tmp_path: Path) -> None:
    table = example_heads()
    json_path, csv_path = table.save(tmp_path / "run")
    assert HeadTable.load(tmp_path / "run") == HeadTable.load(json_path) == table
    content = json.loads(json_path.read_text())
    assert content["schema"] == 1 and set(content["measures"]) == set(Measure)
    assert content["heads"][0]["evidence"][0]["passed"] is True
    assert list(tmp_path.glob("run/*")) and csv_path.name == "heads.csv"


def test_the_csv_has_a_line_for_each_head_and_reads_back_to_the_same_numbers(tmp_path: Path) -> None:
    table = example_heads()
    _, path = table.save(tmp_path)
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["head"] for row in rows] == [str(row.head) for row in table.rows]
    first = rows[0]
    assert (first["layer"], first["number"], first["in_circuit"], first["role"]) == ("1", "0", "1", "name mover")
    for measure in Measure:
        score = table[MOVING].scores.get(measure)
        assert first[measure] == ("" if score is None else repr(score.value))
    assert float(first["attention_IO, the one"]) == table[MOVING].attention["IO, the one"]


def test_roles_are_counted() -> None:
    table = example_heads()
    assert table.counts == {Role.NAME_MOVER: 1, Role.UNCLASSIFIED: 1}
    assert table.roles[MOVING] is Role.NAME_MOVER
    with pytest.raises(KeyError):
        table[Sender.parse("a0.h3")]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda text: text[:200], "is damaged: "),
        (lambda text: text.replace('"schema": 1', '"schema": 9'), "was written by a newer acdc-custom"),
        (
            lambda text: text.replace('"name mover"', '"mover of names"'),
            "is damaged: .*role is 'mover of names', expected one of: name mover",
        ),
        (lambda text: text.replace('"movers"', '"moved"'), 'with "movers", which is missing'),
        (lambda text: text.replace('"a1.h0"', '"L1H0"'), "is not a sender"),
    ],
)
def test_a_damaged_file_is_told(tmp_path: Path, damage, message: str) -> None:  # type: ignore[no-untyped-def]
    path, _ = example_heads().save(tmp_path)
    path.write_text(damage(path.read_text()))
    with pytest.raises(ResultError, match=message):
        HeadTable.load(tmp_path)


def test_a_missing_table_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(ResultError, match="Make it with: acdc-custom roles"):
        HeadTable.load(tmp_path)


def test_the_text_fits_the_terminal_and_says_what_is_hidden() -> None:
    table = example_heads()
    text = summarize_heads(table)
    assert max(map(len, text.splitlines())) <= line_width()
    assert ["L1H0", "name", "mover"] in [
        line.split()[:3] for line in text.splitlines()
    ] and "1 name mover, 1 unclassified; 16 prompts" in text
    assert summarize_heads(replace(table, rows=())) == "There is no attention head in this circuit."
    many = replace(table, rows=(table.rows[0], *[table.rows[1]] * MANY))
    assert f"{MANY} heads more are unclassified; heads.csv has them all." in summarize_heads(many)


def test_reading_a_table_does_not_import_torch() -> None:
    code = "import sys, acdc_custom.heads.table, acdc_custom.heads.summary; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_table_of_a_batch_has_the_circuits_heads_or_all(tmp_path: Path) -> None:
    batch = prepared(handmade_model(), ioi_prompts(8))
    circuit = circuit_of(batch.model.graph.shape, {(MOVER, "logits"): 1.0, (INHIBITION, f"{MOVER}.q"): 0.5})
    table = find_roles(batch, circuit)
    assert table.roles == {Sender.parse(INHIBITION): Role.S_INHIBITION, Sender.parse(MOVER): Role.NAME_MOVER}
    assert [str(mover) for mover in table.movers] == [MOVER]
    assert (table.source.n, table.source.model) == (8, batch.model.name)
    assert any("no negative name mover" in note for note in table.notes)
    assert any(note.endswith(f"--knock-out {MOVER}") for note in table.notes)
    mover = table[Sender.parse(MOVER)]
    assert set(mover.correlation) == {"answer", "foil"} and all(-1 <= r <= 1 for r in mover.correlation.values())
    every = find_roles(batch)
    assert len(every.rows) == 9 and every.roles[Sender.parse(NEGATIVE)] is Role.NEGATIVE_NAME_MOVER
    table.save(tmp_path)
    assert HeadTable.load(tmp_path) == table


def test_a_logit_difference_search_cannot_find_negative_movers_and_the_note_says_so() -> None:
    batch = prepared(handmade_model(), ioi_prompts(4))
    circuit = circuit_of(batch.model.graph.shape, {(MOVER, "logits"): 1.0}, metric="logit-diff")
    assert any("negative name movers cannot be in this circuit" in note for note in find_roles(batch, circuit).notes)


def test_without_a_logit_difference_there_is_nothing_to_explain() -> None:
    batch = prepared(handmade_model(), ioi_prompts(4))
    nothing = replace(batch)
    vars(nothing)["full"] = replace(batch.full, logit_diff=0.0)
    with pytest.raises(UsageError, match="the model's logit difference is zero"):
        find_roles(nothing)
