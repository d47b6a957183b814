"""The page of neuron examples: what it says, and what a browser makes of it."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from pages import Page

from acdc_custom.analyses.activation_counts import Histogram
from acdc_custom.analyses.neuron_names import Neuron
from acdc_custom.analyses.neuron_records import (
    Asked,
    Example,
    FiredAt,
    Likeness,
    NeuronExamples,
    NeuronRecord,
    NeuronWeights,
    TokenCosine,
)
from acdc_custom.report.neuron_view import likeness_sentence, neuron_page

ALIKE = Likeness(("Anna", "Tom", "Adam"), 0.5, 0.1, 0.0001, 0.0001, 10_000, 300)


def example(line: int, words: str, *activations: float) -> Example:
    peak = max(range(len(activations)), key=lambda place: activations[place])
    tokens = tuple(" " * (n > 0) + word for n, word in enumerate(words.split()))
    return Example(line, 0, peak, tokens, activations)


def found() -> NeuronExamples:
    """One neuron, three texts, one of them hostile and one long."""
    long = example(9, " ".join(f"w{n}" for n in range(100)), *(2.0 if n == 70 else 0.5 for n in range(100)))
    highest = (
        example(4, "zebra <script>alert(1)</script> runs", 0.0, 3.0, -1.0),
        long,
        example(1, "apple pie", 1.0, 0.2),
    )
    cosines = (TokenCosine(" river", 0.31), TokenCosine('"<b>', 0.2))
    record = NeuronRecord(
        Neuron(5, 441), 105, 40.0, 60, Histogram(0.5, -2, (1, 0, 60, 3, 0, 1)), highest, (), (FiredAt(3, " <i>", 3.0),),
        NeuronWeights(cosines, cosines, cosines), ALIKE,
    )  # fmt: skip
    asked = Asked("demo-4l", "0", "float32", "<b>.txt", "0", 3, (Neuron(5, 441),), 20, 256, (), 0)
    return NeuronExamples(asked, 3, 1, 2, (1, 2, 3), (record,))


@pytest.fixture(scope="session")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("neurons") / "neurons.html"
    path.write_text(neuron_page(found()), encoding="utf-8")
    return path


def test_the_page_is_whole_html_and_says_what_was_read_and_cut(path: Path) -> None:
    page = Page(path.read_text(encoding="utf-8"))
    assert page.open == []
    text = " ".join(" ".join(page.texts).split())
    assert "What makes L5N441 fire" in text and "3 texts of <b>.txt (105 tokens), read by demo-4l in float32." in text
    assert "1 text was longer than 256 tokens, and was read in pieces of so many." in text
    assert "1.9% of the tokens are words that the tokenizer does not know" in text
    assert "Anna, Tom, Adam) belong together more than chance" in text
    assert "Where it is least" not in text


def test_p_is_said_with_the_smallest_that_it_could_be() -> None:
    assert "(p = 0.0001, the smallest that this test can give; 10,000 draws" in likeness_sentence(ALIKE)
    chance = likeness_sentence(dataclasses.replace(ALIKE, p_value=0.3))
    assert "do not belong together" in chance and "(p = 0.3; the smallest that this test can give is 0.0001;" in chance
    assert "fewer than three whole words" in likeness_sentence(None)


def test_search_and_sort_work_offline_and_every_token_is_coloured(chromium: Any, path: Path) -> None:
    page = chromium.new_page(viewport={"width": 500, "height": 900})
    told: list[str] = []
    page.on("console", lambda message: told.append(message.text))
    page.on("request", lambda request: told.append(request.url) if not request.url.startswith("file:") else None)
    page.goto(path.as_uri())
    lines = (
        "[...document.querySelectorAll('ol.examples li')].filter((x) => !x.hidden).map((x) => Number(x.dataset.line))"
    )
    assert page.evaluate(lines) == [4, 9, 1]
    page.select_option("#sort", "token")
    assert page.evaluate(lines) == [4, 1, 9]
    page.select_option("#sort", "line")
    assert page.evaluate(lines) == [1, 4, 9]
    page.fill("#search", "W3 ")  # a word of the part of the long text that is not shown at once
    assert page.evaluate(lines) == [9] and page.inner_text("#said") == "1 of 3 examples"
    page.fill("#search", "")
    assert (
        page.locator(".text .peak").first.evaluate("(x) => getComputedStyle(x).backgroundColor") != "rgba(0, 0, 0, 0)"
    )
    assert page.locator("ol.examples li").nth(1).locator(".text span").nth(2).get_attribute("class") == "below"
    assert page.locator(".whole span").count() == 100
    assert page.evaluate("document.documentElement.scrollWidth") <= 500
    page.close()
    assert told == []
