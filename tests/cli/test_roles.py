"""`acdc-custom roles` and `patch`, and a search without some heads: what a user types, and what comes back."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from circuits import circuit_of
from commands import Run

from acdc_custom.circuit.circuit import Circuit, KeptEdge, Span
from acdc_custom.files.columns import line_width
from acdc_custom.graph import Edge, GraphShape, Sender, Stage
from acdc_custom.heads.names import circuit_heads
from acdc_custom.heads.table import HeadTable

SEARCH = ("discover", "--task", "ioi", "--n", "6", "--held-out", "4", "--no-roles", "--out", "run")


def discover(run: Run, model: str, *more: str) -> Circuit:
    code, _, err = run(*SEARCH, "--model", model, *more)
    assert code == 0, err
    return Circuit.load("run")


def test_roles_are_printed_written_and_drawn(run: Run, small_model: str) -> None:
    circuit = discover(run, small_model)
    plain = Path("run/circuit.dot").read_text()
    code, out, _ = run("roles", "run")
    assert code == 0
    lines = out.splitlines()
    table = HeadTable.load("run")
    assert [row.head for row in table.rows] == circuit_heads(circuit)
    header = next(i for i, line in enumerate(lines) if line.startswith("head "))
    printed = [line.split()[0] for line in lines[header + 1 : header + 1 + len(table.rows)]]
    assert sorted(printed) == sorted(row.head.label for row in table.rows)
    assert max(map(len, lines[header:])) <= line_width()
    assert lines[-5:] == [
        "Written",
        *(f"  run/{name}" for name in ("heads.json", "heads.csv", "circuit.dot", "circuit.svg")),
    ]
    assert table.source.n == 6 and table.source.batch_sha256 == circuit.task.batch_sha256
    drawn = Path("run/circuit.dot").read_text()
    assert drawn != plain and "heads" in drawn
    ElementTree.parse("run/circuit.svg")
    assert run("draw", "run", "--out", "again.dot")[0] == 0
    assert Path("again.dot").read_text() == drawn


def test_all_heads_and_other_prompts_can_be_asked_for(run: Run, small_model: str) -> None:
    circuit = discover(run, small_model)
    code, out, _ = run("roles", "run/circuit.json", "--all-heads", "--n", "4", "--seed", "3")
    assert code == 0
    table = HeadTable.load("run")
    assert len(table.rows) == circuit.shape.n_layers * circuit.shape.n_heads
    assert {row.head for row in table.rows if row.in_circuit} == set(circuit_heads(circuit))
    assert (table.source.n, table.source.seed) == (4, 3)
    assert "4 prompts" in " ".join(out.split())


def test_a_run_that_is_not_there_is_told_before_anything_is_loaded(run: Run) -> None:
    code, out, err = run("roles", "nowhere")
    assert (code, out) == (1, "") and err.startswith("acdc-custom: there is no nowhere")


def test_patch_prints_and_writes_a_change_for_each_head(run: Run) -> None:
    code, out, _ = run("patch", "--task", "ioi", "--n", "4", "--to", "a3.h1.q,a3.h2.q", "--position", "END")
    assert code == 0
    said = " ".join(out.split())
    assert "Patched paths to a3.h1.q, a3.h2.q at END; direct effect: MLPs between, no other head" in said
    folder = Path("results/analyses/ioi_demo-4l")
    (table,), (figure,) = folder.glob("*.csv"), folder.glob("*.svg")
    assert table.stem == figure.stem == "patch_a3.h1.q-and-1-more_END_direct"
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["sender"] for row in rows] == [f"a{layer}.h{head}" for layer in range(3) for head in range(8)]
    assert {row["receivers"] for row in rows} == {"a3.h1.q a3.h2.q"}
    for row in rows:
        clean = float(row["clean_logit_diff"])
        assert float(row["change_percent"]) == pytest.approx(100 * (float(row["logit_diff"]) - clean) / clean)
    ElementTree.parse(figure)


def test_patch_takes_senders_by_name_by_kind_and_from_a_circuit(run: Run, small_model: str) -> None:
    def senders(*more: str) -> list[str]:
        code, _, err = run(
            "patch", "--task", "ioi", "--model", small_model, "--n", "2", "--to", "logits", "--out", "out", *more
        )
        assert code == 0, err
        with Path("out/patch_logits_END_direct.csv").open(newline="") as file:
            return [row["sender"] for row in csv.DictReader(file)]

    circuit = discover(run, small_model)
    assert senders("--from", "m1, a0.h3") == ["a0.h3", "m1"]
    assert senders("--from", "nodes") == [str(sender) for sender in circuit.graph.senders]
    assert senders("--heads-from", "run") == [str(head) for head in circuit_heads(circuit)]


def test_patch_takes_heads_and_inputs_at_spans(run: Run) -> None:
    small = ("patch", "--task", "latest_s", "--n", "2", "--out", "out")
    code, out, err = run(*small, "--from", "a2.h1@END,L2H1@S4", "--to", "a3.h3.v@S4,a3.h3.q@END")
    assert code == 0, err
    said = " ".join(out.split())
    assert "Patched paths to a3.h3.v at S4, a3.h3.q at END; direct effect" in said and "L2H1@S4" in out
    (table,) = Path("out").glob("*.csv")
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["sender"], row["span"], row["position"]) for row in rows] == [
        ("a2.h1", "END", "S4, END"),
        ("a2.h1", "S4", "S4, END"),
    ]
    assert len(list(Path("out").glob("*_from_*.svg"))) == 2
    code, out, err = run(*small, "--from", "heads@S4", "--to", "logits")
    assert code == 0 and "No path of this effect leads from S4 to where it is read" in " ".join(out.split()), err


def test_the_heads_of_a_circuit_in_positions_are_patched_where_they_write(run: Run) -> None:
    edges = ("a1.h1@S2 -> a2.h1.v@S2", "a2.h1@END -> logits@END", "a2.h1@gone -> m2@gone")
    made = circuit_of(GraphShape(4, 8, 8), {})
    kept = tuple(KeptEdge(Edge.named(edge), 1.0) for edge in edges)
    names = dict.fromkeys(edge.edge.span for edge in kept)
    replace(made, edges=kept, spans=tuple(Span(name, "") for name in names)).save("placed")
    code, _, err = run("patch", "--task", "latest_s", "--n", "2", "--to", "logits", "--out", "out",
                       "--heads-from", "placed", "--effect", "total")  # fmt: skip
    assert code == 0, err
    (table,) = Path("out").glob("*.csv")
    with table.open(newline="") as file:
        assert [f"{row['sender']}@{row['span']}" for row in csv.DictReader(file)] == ["a1.h1@S2", "a2.h1@END"]
    code, out, err = run("analyze", "patch-heads", "--task", "latest_s", "--n", "2", "--heads", "placed", "--out", "at")
    assert code == 0, err
    with Path("at/patch-heads_z_denoising_spans.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {(row["layer"], row["head"]) for row in rows} == {("1", "1"), ("2", "1")}
    assert {"S2", "END"} < {row["span"] for row in rows} and "L2H1@" in out


WRONG = {
    "no such span": (("--to", "a3.h1.v@S9"), 2, 'no span is called "S9". Did you mean "S2"? These prompts have: '),
    "no span": (("--to", "a3.h1.v@"), 2, '"a3.h1.v@" names no span after its @. Write it as a9.h6.q@END'),
    "no head at a span": (("--to", "logits", "--from", "L9X@S2"), 2, '"L9X@S2" is not a sender'),
    "logits elsewhere": (("--to", "logits@S2"), 2, "logits@S2: the logits are read at END only. Leave @S2 away."),
    "said twice": (("--to", "a3.h1.v@S2", "--position", "END"), 2, "where a3.h1.v is read is said twice"),
    "no such position": (("--to", "a3.h1.v", "--position", "S9"), 2, 'no position is called "S9". Did you mean "S2"?'),
    "no such head": (("--to", "a9.h1.v"), 2, "there is no a9.h1.v in this model: it has 4 layers of 8 heads"),
    "no receiver": (("--to", "a3.h1"), 2, '"a3.h1" is not a receiver.'),
    "no path": (("--to", "a1.h1.v", "--from", "a2.h0"), 2, "a2.h0 does not come before a1.h1.v"),
    "logits and more": (("--to", "logits,a1.h1.v"), 2, "the logits come after every other receiver"),
    "no circuit": (("--to", "logits", "--heads-from", "nowhere"), 1, "there is no nowhere"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_cannot_be_patched_is_one_line(run: Run, case: str) -> None:
    args, expected, message = WRONG[case]
    code, _, err = run("patch", "--task", "ioi", "--n", "2", *args)
    last = err.splitlines()[-1]
    assert (code, message in last) == (expected, True), err
    assert last.startswith("acdc-custom: ")


def test_a_search_without_some_heads_keeps_none_of_their_edges_and_says_so(run: Run, small_model: str) -> None:
    whole = discover(run, small_model)
    head = circuit_heads(whole)[0]
    Path("run").rename("whole")
    code, out, _ = run(*SEARCH, "--model", small_model, "--knock-out", f"{head}, a1.h7")
    assert code == 0 and f"without    {head},a1.h7" in out
    without = Circuit.load("run")
    assert without.settings.knock_out == f"{head},a1.h7"
    assert json.loads(Path("run/run.json").read_text())["provenance"]["settings"]["knock_out"] == f"{head},a1.h7"
    assert not {head, Sender(1, Stage.HEAD, 7)} & set(without.nodes)
    assert without.outcome.model == whole.outcome.model and without.outcome.metric_before > 0
    assert f"Searched without {head.label}, L1H7" in Path("run/circuit.dot").read_text()


def test_a_search_without_some_heads_that_was_stopped_goes_on_without_them(run: Run, small_model: str) -> None:
    whole = discover(run, small_model, "--knock-out", "a0.h4")
    journal = Path("run/decisions.jsonl")
    decided = journal.read_text()
    journal.write_text("".join(decided.splitlines(keepends=True)[:150]))
    Path("run/circuit.json").unlink()
    code, _, err = run("resume", "run")
    assert code == 0, err
    assert journal.read_text() == decided
    assert (Circuit.load("run").edges, Circuit.load("run").provenance) == (whole.edges, whole.provenance)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ("a9.h0", "a9.h0 cannot be knocked out: demo-4l has 4 layers of 8 heads, counted from 0"),
        ("m1", "m1 is no head. Heads are called a9.h6, L9H6 or 9.6."),
        ("L1", '"L1" is not a sender.'),
    ],
)
def test_what_cannot_be_knocked_out_is_told(run: Run, names: str, message: str) -> None:
    code, _, err = run("discover", "--task", "ioi", "--n", "2", "--out", "run", "--knock-out", names)
    assert (code, message in err.splitlines()[-1]) == (2, True), err
    assert not Path("run").exists()
