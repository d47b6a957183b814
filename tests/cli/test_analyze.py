"""What a user types to analyze, and what comes back."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from commands import Run

from acdc_custom.circuit.circuit import Circuit

FOLDER = Path("results/analyses/latest_s_demo-4l")

# Arguments, the files that they leave, and the columns that the table begins with.
ANALYSES = {
    "behaviour": ((), ("behaviour",), "n,mean,std"),
    "lens": ((), ("lens", "lens_contributions"), "component,accumulated"),
    "attribution": (("--heads", "a0.h4,a3.h3"), ("attribution",), "head,layer,index,attribution"),
    "patch-residual": ((), ("patch-residual_denoising",), "layer,place,position,logit_diff,normalised"),
    "patch-attention": (("--direction", "noising"), ("patch-attention_noising",), "layer,place,position"),
    "patch-mlp": ((), ("patch-mlp_denoising",), "layer,place,position"),
    "patch-heads": (("--part", "pattern"), ("patch-heads_pattern_denoising",), "layer,place,head,logit_diff"),
    "patch-neurons": (("--layers", "3"), ("patch-neurons_denoising",), "layer,neuron,logit_diff,effect"),
    "copying": ((), ("copying", "negative_copying"), "head,reads,copied,negative"),
    "attention": (("--heads", "a3.h3", "--prompt", "2"), ("attention",), "head,position,token"),
    "scatter": (("--heads", "a3.h3"), ("scatter",), "head,subject,prompt,attention,output,r,p"),
}
OF_WORDS = {
    "congruence": (("--similarity", "dot"), ("congruence_block-0_dot",), "word,other,dot"),
    "word-neurons": (("--place", "embedding"), ("word-neurons_embedding",), "layer,neuron,reads_cosine"),
}


# Like patch-attention but for the layer's part, whose numbers are proved in tests/analyses.
LIKE_OTHERS = ("patch-residual", "patch-mlp")


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.slow if name in LIKE_OTHERS else ()) for name in (*ANALYSES, *OF_WORDS)],
)
def test_an_analysis_writes_a_table_and_figures_and_says_where(run: Run, name: str) -> None:
    options, figures, columns = {**ANALYSES, **OF_WORDS}[name]
    size = ("--n", "12") if name in ANALYSES else ()
    code, out, err = run("analyze", name, "--task", "latest_s", *size, *options)
    assert code == 0, err
    written = [Path(line.strip()) for line in out.split("Written\n")[1].splitlines()]
    page = [FOLDER / "attention.html"] * (name == "attention")
    assert written == [FOLDER / f"{figures[0]}.csv", *(FOLDER / f"{figure}.svg" for figure in figures), *page]
    with written[0].open() as file:
        rows = list(csv.DictReader(file))
    assert ",".join(rows[0]).startswith(columns) and len(rows) > 1
    for path in page:
        text = path.read_text()
        assert "L3H3" in text and "Prompt 3, clean" in text
    for path in written[1 : 1 + len(figures)]:
        svg = ElementTree.fromstring(path.read_text())
        assert svg[0].tag.endswith("title") and svg[0].text and svg[1].tag.endswith("desc") and svg[1].text


def test_the_heads_of_a_circuit_that_was_found_feed_an_analysis(run: Run, small_model: str, small_run: Path) -> None:
    about = ("--task", "ioi", "--model", small_model, "--n", "4")
    found = Circuit.load(small_run)
    of_heads = tuple(kept for kept in found.edges if str(kept.edge.sender).startswith("a"))
    replace(found, edges=of_heads[:2]).save(Path("run"))  # of which few panels are drawn
    nodes = {edge["sender"] for edge in json.loads(Path("run/circuit.json").read_text())["edges"]}
    heads = {node for node in nodes if node.startswith("a")}
    assert heads
    for given in ("run", "run/circuit.json"):
        code, _, err = run("analyze", "scatter", *about, "--heads", given, "--out", "out")
        assert code == 0, err
        with Path("out/scatter.csv").open() as file:
            assert {row["head"] for row in csv.DictReader(file)} == heads


def test_without_heads_those_of_the_largest_attribution_are_shown(run: Run) -> None:
    run("analyze", "attribution", "--task", "ioi", "--n", "6", "--out", "out")
    run("analyze", "attention", "--task", "ioi", "--n", "6", "--out", "out")
    with Path("out/attribution.csv").open() as file:
        rows = sorted(csv.DictReader(file), key=lambda row: -abs(float(row["attribution"])))
    with Path("out/attention.csv").open() as file:
        assert {row["head"] for row in csv.DictReader(file)} == {row["head"] for row in rows[:4]}


def test_several_templates_are_shown_by_role(run: Run) -> None:
    assert run("analyze", "patch-residual", "--task", "ioi", "--n", "8", "--out", "out")[0] == 0
    with Path("out/patch-residual_denoising.csv").open() as file:
        columns = dict.fromkeys(row["position"] for row in csv.DictReader(file))
    assert list(columns) == ["IO", "S1", "S1+1", "S2", "END", "all others"]


def test_a_task_with_fewer_prompts_than_wanted_says_so(run: Run) -> None:
    rows = [
        {"clean": f"{a} is a teacher. The teacher is", "corrupted": f"{b} is a teacher. The teacher is"}
        | {"answer": f" {a}", "foil": f" {b}"}
        for a, b in [("Alice", "Bob"), ("Mary", "John"), ("Tom", "Anna")]
    ]
    Path("rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    Path("mine.toml").write_text('schema = 1\ndescription = "Who?"\nrows = "rows.jsonl"\n')
    code, out, _ = run("analyze", "behaviour", "--task", "mine.toml")
    assert code == 0 and "500 prompts were wanted; the task can make 3." in out


TASK = ("--task", "latest_s", "--n", "4")
WRONG = {
    "no analysis of this name": (("lense", *TASK), 2, "lense"),
    "no task": (("lens",), 2, "Missing option '--task'"),
    "unknown task": (("lens", "--task", "latest"), 2, 'Did you mean "latest_s"?'),
    "a head of another model": (("attribution", *TASK, "--heads", "a9.h9"), 2, "there is no a9.h9. This model's heads"),
    "no head": (("attribution", *TASK, "--heads", "m1"), 2, "m1 is no head. Heads are called a9.h6, L9H6 or 9.6."),
    "no name": (("attribution", *TASK, "--heads", "L9"), 2, '"L9" is not a sender'),
    "no such span": (("patch-heads", *TASK, "--heads", "a3.h3@S9"), 2, 'no span is called "S9". Did you mean "S'),
    "a span in vain": (("attention", *TASK, "--heads", "a3.h3@S2"), 2, "this analysis takes heads at all tokens"),
    "no circuit": (("attribution", *TASK, "--heads", "nowhere/circuit.json"), 1, "there is no nowhere/circuit.json"),
    "no number": (("patch-neurons", *TASK, "--layers", "x"), 2, "--layers x: give layer numbers"),
    "no layer": (("patch-neurons", *TASK, "--layers", "9"), 2, "layer 9: demo-4l has layers 0 to 3"),
    "no prompt": (("attention", *TASK, "--prompt", "9"), 2, "there is no prompt 9: the batch has prompts 0 to 3"),
    "no word list": (("congruence", *TASK[:2], "--words", "name"), 2, 'Did you mean "names"?'),
    "too few words": (("congruence", *TASK[:2], "--words", "Alice,xyzzy"), 2, "1 of 2 words are one token"),
    "no folder": (("lens", *TASK, "--out", "file/out"), 1, "the output folder file/out cannot be written to"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_one_line_and_an_exit_code(run: Run, case: str) -> None:
    args, expected, message = WRONG[case]
    Path("file").touch()
    code, _, err = run("analyze", *args)
    last = err.splitlines()[-1]
    assert (code, message in last) == (expected, True), err
    assert last.startswith("acdc-custom: ") and "Traceback" not in err
    assert not Path("results").exists()


def test_a_circuit_of_another_model_is_refused(run: Run) -> None:
    from circuits import example_circuit

    example_circuit().save("other")
    code, _, err = run("analyze", "attribution", *TASK, "--heads", "other")
    assert code == 2 and "this circuit is of a model of another shape" in err


NEURONS = ("analyze", "neuron-examples", "--texts", "texts.txt")


def test_the_neurons_that_patching_ranked_first_are_shown_in_texts(run: Run) -> None:
    Path("texts.txt").write_text("Alice is a teacher.\n\nBob is a student. The xyzzy is Bob.\n")
    Path("patched.csv").write_text("layer,neuron,effect\n3,1,0.1\n3,20,-0.5\n2,7,0.3\n")
    code, out, err = run(*NEURONS, "--neuron", "patched.csv", "--first", "2", "--longest", "6")
    assert code == 0, err
    folder = Path("results/analyses/texts_demo-4l_L3N20-L2N7")
    names = ("neuron-examples.html", "neuron-examples.csv", "neuron-examples.json")
    assert [Path(line.strip()) for line in out.split("Written\n")[1].splitlines()] == [folder / name for name in names]
    assert "Texts      2 of texts.txt; pieces of at most 6 tokens" in out
    assert "1 text was longer than 6 tokens, and was read in pieces of so many." in out
    with (folder / names[1]).open() as file:
        rows = list(csv.DictReader(file))
    assert {row["neuron"] for row in rows} == {"L3N20", "L2N7"} and {row["line"] for row in rows} == {"1", "3"}
    assert json.loads((folder / names[2]).read_text())["n_unknown"] == 1
    code, out, _ = run(*NEURONS, "--neuron", "L3N20,2.7", "--longest", "6", "--out", str(folder))
    assert code == 0 and f"{folder}: all have been read" in out


WRONG_NEURONS = {
    "a neuron that is not there": (
        ("--neuron", "L9N441"),
        2,
        "there is no neuron L9N441: those of demo-4l are L0N0 to L3",
    ),
    "a node": (("--neuron", "L3H1"), 2, '"L3H1" is no neuron. Neurons are called L5N441'),
    "no table": (("--neuron", "texts.txt/x.csv"), 2, "cannot be read"),
    "no text": (("--neuron", "L3N2", "--texts", "empty.txt"), 2, "empty.txt: there is no text."),
    "no file": (("--neuron", "L3N2", "--texts", "nowhere.txt"), 2, "there is no file nowhere.txt"),
    "no key": (("--neuron", "L3N2", "--texts", "keys.jsonl"), 2, 'keys.jsonl, line 1: no "text" that is a text'),
    "too long": (("--neuron", "L3N2", "--longest", "9999"), 2, "pieces of 9999 tokens: demo-4l reads 1 to"),
    "no folder": (("--neuron", "L3N2", "--out", "texts.txt/out"), 1, "cannot be written to"),
}


@pytest.mark.parametrize("case", WRONG_NEURONS)
def test_what_is_wrong_with_neurons_or_texts_is_one_line(run: Run, case: str) -> None:
    args, expected, message = WRONG_NEURONS[case]
    Path("texts.txt").write_text("Alice is a teacher.\n")
    Path("empty.txt").write_text("\n")
    Path("keys.jsonl").write_text('{"prompt": "Alice"}\n')
    code, _, err = run(*NEURONS, *args)
    last = err.splitlines()[-1]
    assert (code, message in last) == (expected, True), err
    assert "Traceback" not in err and not Path("results").exists()
