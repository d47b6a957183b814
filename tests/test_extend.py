"""The examples of docs/extend.md do what the page says, in at most fifteen lines each."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from acdc_custom import discover, load_model, load_task
from acdc_custom.engine.prepared import prepare_batch
from acdc_custom.model import architecture
from acdc_custom.model.architecture import describe
from acdc_custom.model.features import Windows
from acdc_custom.search import registry
from acdc_custom.search.method import ScoringMethod

PAGE = (Path(__file__).parents[1] / "docs" / "extend.md").read_text(encoding="utf-8")


def example(heading: str) -> str:
    """The one code block under a heading."""
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    (code,) = re.findall(r"^```(?:python|toml)\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    return str(code)


def run(heading: str) -> dict[str, Any]:
    """What the code under a heading defines."""
    names: dict[str, Any] = {}
    exec(compile(example(heading), heading, "exec"), names)
    return names


@pytest.mark.parametrize("heading", re.findall(r"^## (.*)$", PAGE, re.MULTILINE))
def test_an_example_has_at_most_fifteen_lines(heading: str) -> None:
    assert len([line for line in example(heading).splitlines() if line.strip()]) <= 15


def test_the_task_is_searched(tmp_path: Path) -> None:
    path = tmp_path / "book.toml"
    path.write_text(example("A task"))
    assert discover(load_task(str(path)), load_model(), threshold=0.5, n=4).settings.prompts.n == 4


def test_the_metric_is_what_its_docstring_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "margin.py").write_text(example("A metric"))
    monkeypatch.chdir(tmp_path)
    circuit = discover(load_task("ioi"), load_model(), threshold=1, n=4, metric="margin:margin")
    assert circuit.outcome.metric_before < 0, "the model's first choice is the answer"


def test_the_architecture_is_described(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(architecture, "ARCHITECTURES", dict(architecture.ARCHITECTURES))
    run("An architecture")
    described = describe("MyLlamaForCausalLM", SimpleNamespace(tie_word_embeddings=False))
    assert (described.title, described.windows) == ("My Llama", Windows.EVERY_LAYER)


def test_the_method_is_found_and_scores_every_edge(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("change")
    vars(module).update(run("A search method"))
    method = module.METHOD
    assert isinstance(method, ScoringMethod)
    prepared = prepare_batch(load_task("ioi"), load_model(), n=4)
    scores = method.scores(prepared.chunks)
    assert list(scores) == list(prepared.model.graph.edges()) and min(scores.values()) >= 0
    known = registry.methods()
    monkeypatch.setattr(registry, "methods", lambda: (*known, method))
    assert len(discover(prepared.task, prepared.model, method="change", edges=9, n=4).edges) == 9


def test_every_setting_has_an_option() -> None:
    run("An option of the search")


def test_the_figure_is_drawn_for_light_and_dark_pages() -> None:
    prepared = prepare_batch(load_task("ioi"), load_model(), n=4)
    (figure,) = run("A figure of the report")["prompt_lengths"](SimpleNamespace(prepared=prepared))
    assert figure.light != figure.dark and "How long the prompts are" in figure.about
