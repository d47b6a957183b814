"""The file of a benchmark loads back exactly, or says why not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from acdc_custom.choices import Ablation, CustomMetric, Metric
from acdc_custom.errors import ResultError
from acdc_custom.graph import Edge, Graph, GraphShape
from acdc_custom.known.content import JSON_NAME, KnownResults, load_known, to_json
from acdc_custom.known.result import BenchmarkResult
from acdc_custom.search.registry import method_named

GRAPH = Graph(GraphShape(2, 2, 2))
FIRST, SECOND, WRONG = list(GRAPH.edges())[:3]
OWN = CustomMetric("mine:distance", "squared logits")


def trial_of(metric: Metric | CustomMetric, method: str) -> BenchmarkResult:
    found = ((1.0, frozenset[Edge]()), (0.1, frozenset({FIRST})), (0.01, frozenset({FIRST, WRONG})))
    parts = {FIRST: ("a", "b"), SECOND: ("b",)}
    changing = frozenset({SECOND}) if method == "acdc" else frozenset[Edge]()
    return BenchmarkResult(
        "mine", "sums", GRAPH, metric, Ablation.ZERO, method_named(method), 3, parts, changing, found
    )


TRIALS = (trial_of(OWN, "acdc"), trial_of(Metric.LOGIT_DIFF, "eap-ig"))


def test_it_loads_back_exactly(tmp_path: Path) -> None:
    (tmp_path / JSON_NAME).write_text(to_json(TRIALS, 5), encoding="utf-8")
    assert load_known(tmp_path) == load_known(tmp_path / JSON_NAME) == KnownResults(5, TRIALS)


def test_it_has_the_counts_and_areas_that_follow() -> None:
    first, second = json.loads(to_json(TRIALS, 5))["trials"]
    assert (first["built"], first["found"], first["wrong"], first["missed"], first["unit"]) == (
        2,
        2,
        1,
        1,
        "squared logits",
    )
    assert first["auc_changing"] == 0 and second["auc_changing"] is None and second["curve_changing"] == []


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda c: c.pop("seed"), 'with "seed", which is missing'),
        (lambda c: c["trials"][0].update(ablation="x"), r"trials\[0\].ablation is 'x', expected one of: corrupted"),
        (lambda c: c["trials"][1].pop("circuits"), r'trials\[1\] has to be an object with "circuits"'),
        (lambda c: c["trials"][0]["circuits"][1].update(edges=["x -> m0"]), '"x" is not a sender'),
        (lambda c: c["trials"][0].update(changed=["m7 -> logits"]), "the edge m7 -> logits is not in its graph"),
        (lambda c: c["trials"][0]["graph"].update(n_heads=0), "no graph has 2 layers, 0 heads"),
    ],
)
def test_a_damaged_file_is_told_in_a_line(spoil: Callable[[Any], Any], message: str, tmp_path: Path) -> None:
    content = json.loads(to_json(TRIALS, 5))
    spoil(content)
    (tmp_path / JSON_NAME).write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(ResultError, match=message) as error:
        load_known(tmp_path)
    assert "\n" not in str(error.value)


def test_a_folder_without_one_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(ResultError, match="Make it with: acdc-custom known"):
        load_known(tmp_path)
