"""A task whose answers have two tokens, through every command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from commands import Run

ONE = """
schema = 1
description = "Who gets it?"
templates = ["When {A} and {B} went to the store, {B} gave a drink to"]
answer = " {A}"
foil = " {B}"
slots = { A = "names", B = "names" }
words = { names = ["Alice", "Bob", "Carol", "David", "John", "Mary"] }
positions = { IO = "{A}", S2 = "{B}#2" }
corruptions = { switch = { replace = { "B#2" = "{A}" } } }
"""
TWO = ONE.replace(" a drink to", " a drink").replace('" {A}"', '" to {A}"').replace('" {B}"', '" to {B}"')
ROWS = [
    {"answer": " to Mary", "foil": " to John"},
    {"answer": " to", "foil": " the", "clean": "When Bob and Carol went to the park, Carol gave a book"},
]


@pytest.fixture
def tasks(run: Run) -> Run:
    """`run`, beside a task of one token and the same task of two."""
    Path("one.toml").write_text(ONE)
    Path("two.toml").write_text(TWO)
    return run


def done(run: Run, *args: str) -> str:
    code, out, err = run(*args)
    assert code == 0, err
    return out


@pytest.mark.slow
def test_from_the_check_to_the_report(tasks: Run) -> None:
    out = done(tasks, "tasks", "check", "two.toml", "--n", "5")
    assert '2 tokens, " to" " Carol"; the logit difference is at token 2, " Carol" against " David"' in out
    assert "Answers    of 2 tokens, each asked after those before it (teacher forcing)" in out
    assert "make answers of 2 tokens" in " ".join(out.split())
    found = ("--n", "4", "--threshold", "0.1", "--method", "grouped", "--positions", "--no-roles")
    out = done(tasks, "discover", "--task", "two.toml", *found, "--out", "run")
    assert "gave a drink -> to Carol, not to David" in out and "Answers    of 2 tokens" in out
    circuit = json.loads(Path("run/circuit.json").read_text())
    assert circuit["spans"][-1] == {"name": "END", "example": "drink to"}
    assert "END" in {edge["span"] for edge in circuit["edges"]}
    done(tasks, "roles", "run")
    done(tasks, "evaluate", "run", "--n", "5")
    done(tasks, "report", "run")
    page = Path("run/report.html").read_text()
    assert "drink" in page and Path("run/evaluation.json").exists()


def test_what_heads_do_is_what_they_do_in_the_task_that_asks_for_the_token_that_differs(tasks: Run) -> None:
    from acdc_custom.analyses.activation_patching import patch_residual
    from acdc_custom.analyses.lens import head_attribution, logit_lens
    from acdc_custom.engine.prepared import prepare_batch
    from acdc_custom.heads.find import find_roles
    from acdc_custom.model.open import open_model

    model = open_model("demo-4l")
    one, two = (prepare_batch(f"{name}.toml", model, n=3) for name in ("one", "two"))
    assert two.tokens.answer_positions.shape == (3, 2)
    assert (two.full.logit_diff, two.corrupted.logit_diff) == pytest.approx(
        (one.full.logit_diff, one.corrupted.logit_diff)
    )
    assert two.full.kl == pytest.approx(0, abs=1e-6) and two.corrupted.kl == pytest.approx(
        one.corrupted.kl / 2, rel=0.1
    )
    heads = [model.graph.senders[place] for place in (1, 12, 33)]
    assert find_roles(two, heads=heads).rows == find_roles(one, heads=heads).rows
    assert find_roles(two, heads=heads).source.batch_sha256 == two.batch.sha256 != one.batch.sha256
    assert (head_attribution(two).attribution == head_attribution(one).attribution).all()
    assert (logit_lens(two).contribution == logit_lens(one).contribution).all()
    assert (patch_residual(two).logit_diff == patch_residual(one).logit_diff).all()


def test_rows_of_one_and_of_two_tokens_are_searched_together(run: Run) -> None:
    beside = {"clean": "When Mary and John went to the store, John gave a drink"}
    twins = (
        "When Mary and John went to the store, Mary gave a drink",
        "When Bob and Carol went to the park, Bob gave a book",
    )
    rows = [{**beside, "corrupted": twin, **row} for row, twin in zip(ROWS, twins, strict=True)]
    Path("rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    Path("mine.toml").write_text('schema = 1\ndescription = "d"\nrows = "rows.jsonl"\n')
    out = done(
        run, "discover", "--task", "mine.toml", "--threshold", "0.5", "--metric", "answer-logprob", "--out", "run"
    )
    assert "Answers    of 1 to 2 tokens" in out and "2, seed 0" in out
    said = (
        "answers of 1 to 2 tokens: KL is the mean over an answer's tokens; the logit difference is at the first token"
    )
    shown = done(run, "show", "run")
    assert said in " ".join(shown.split()) and all(len(line) <= 80 for line in shown.splitlines() if "answer" in line)
    assert said in " ".join(out.split()), "as the search says it"
    assert json.loads(Path("run/circuit.json").read_text())["outcome"]["answer_tokens"] == [1, 2]


def test_a_foil_of_another_length_is_one_line_with_the_prompt(tasks: Run) -> None:
    Path("two.toml").write_text(TWO.replace('foil = " to {B}"', 'foil = " {B}"'))
    code, _, err = tasks("discover", "--task", "two.toml", "--n", "3")
    assert code == 2
    assert 'foil: of another length than the answer: " David" is 1 token (" David"), " to Carol" is 2 tokens' in err
    assert err.count("\n") <= 2 and "(prompt: " in err
