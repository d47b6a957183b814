"""A search in positions whose task sets the spans: in the circuit, its files and its picture."""

from __future__ import annotations

from pathlib import Path

from commands import Run

from acdc_custom.circuit.circuit import Circuit
from acdc_custom.task import load_task

SPANS = """
[spans]
first half = ["{A}", ".#3"]
S4 = "{D}"
never = "{D}#2"
"""


def test_a_circuit_has_the_spans_that_its_task_sets(run: Run) -> None:
    text = load_task("latest_s").text + SPANS.replace("first half", '"first half"')
    Path("mine.toml").write_text(text.replace('never = "{D}#2"', ""), encoding="utf-8")
    code, out, err = run("discover", "--task", "mine.toml", "--positions", "--threshold", "0.5",
                         "--n", "2", "--held-out", "0", "--no-roles", "--out", "found")  # fmt: skip
    assert code == 0, err
    circuit = Circuit.load("found")
    spans = {span.name: span.example for span in circuit.spans}
    assert list(spans) == ["first half", "first half..S4", "S4", "S4..END", "END"]
    assert spans["first half"].count(".") == 3 and spans["END"] == "is"
    assert {kept.edge.span for kept in circuit.edges} > {"END"}
    assert "Spans      first half, first half..S4, S4, S4..END, END" in out.splitlines()
    picture = Path("found/circuit.dot").read_text(encoding="utf-8")
    assert all(f"<B>{name}</B>" in picture for name in spans)
    code, out, err = run("show", "found")
    assert code == 0 and "embed@S4 -> a0.h3.v@S4" in out


def test_a_place_that_is_in_no_template_is_one_line(run: Run) -> None:
    Path("mine.toml").write_text(load_task("latest_s").text + SPANS.replace("first half", "half"), encoding="utf-8")
    code, _, err = run("discover", "--task", "mine.toml", "--positions")
    assert code != 0
    assert 'mine.toml: spans.never: "{D}#2" is in no template' in " ".join(err.split())
