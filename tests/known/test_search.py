"""Known circuits are searched from Python as by the command, and the result shows itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from circuits import circuit_of
from gpt2_shaped import stand_in
from two_digits import two_digit_tokenizer

from acdc_custom import find_known_circuits
from acdc_custom.errors import UsageError
from acdc_custom.known.against import PublishedResults, matches
from acdc_custom.known.published import GPT2_SMALL, PUBLISHED, PublishedName
from acdc_custom.known.trial import ABLATIONS, known_models
from acdc_custom.search.methods import eap


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """One model and one method."""
    monkeypatch.setattr("acdc_custom.known.search.known_models", lambda n, seed: known_models(n, seed)[1:2])
    monkeypatch.setattr("acdc_custom.known.trial.methods", lambda: (eap.METHOD,))


def test_it_gives_what_the_command_writes_and_writes_nothing(
    small: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    found = find_known_circuits(n=3, seed=1, progress=False)
    assert found.seed == 1 and [trial.ablation for trial in found.trials] == list(ABLATIONS)
    assert {trial.n for trial in found.trials} == {3} and not list(tmp_path.iterdir())
    assert repr(found) == "<KnownResults: 1 method on 1 known model>"
    frame = found.frame()
    assert list(frame["auc_edges"]) == [trial.edge_auc for trial in found.trials]
    assert set(frame["n_spans"]) == {0}


def test_in_a_notebook_it_is_the_table_of_areas(small: None) -> None:
    shown = find_known_circuits(n=2, positions=True, progress=False)._repr_html_()
    assert shown.startswith("<svg") and "<image" not in shown and "in positions" in shown


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model": "gpt2"}, "model goes with published"),
        ({"threshold": 0.1}, "threshold goes with published"),
        ({"published": "gpt2-ioi", "positions": True}, "positions is for the small models"),
        ({"published": "gtp2-ioi"}, 'no published circuit is called "gtp2-ioi". Did you mean "gpt2-ioi"?'),
        ({"n": 0}, "the number of prompts has to be 1 or more"),
        ({"seed": -1}, "the seed is -1"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as error:
        find_known_circuits(progress=False, **options)
    assert message in str(error.value) and "\n" not in str(error.value)


def test_what_was_found_of_a_published_circuit_shows_itself() -> None:
    edges = {("a9.h9", "logits"): 1.0, ("a0.h1", "a9.h9.v"): 0.5, ("a1.h1", "logits"): 0.1}
    published, circuit = PUBLISHED[PublishedName.IOI], circuit_of(GPT2_SMALL, edges)
    found = PublishedResults(published, circuit, None, matches(published, circuit, None))
    assert repr(found) == f"<PublishedResults: gpt2-ioi in {circuit.model.name}, 2 of 26 heads>"
    assert list(found.frame()["right"])[:1] == [2] and "<table>" in found._repr_html_()


@pytest.mark.slow
def test_a_published_circuit_is_looked_for_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = stand_in(tmp_path / "gpt2", two_digit_tokenizer())
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    found = find_known_circuits("gpt2-greater-than", model, threshold=0.01, n=2, progress=False)
    heads = {str(node) for node in found.circuit.nodes if str(node).startswith("a")}
    (match, *_) = found.matches
    assert match.found is not None and heads == set(map(str, match.found)) and heads
    assert found.circuit.task.name == "greater_than_gpt2" and found.heads is None
    assert found.circuit.settings.prompts.n == 2 and not list(Path().iterdir())
