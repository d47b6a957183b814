"""What is timed before a search: the nodes that are made up are alive, and the command says what came out."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from tiny import random_prompts, tiny_gpt2

from acdc_custom.choices import Metric
from acdc_custom.cli import running
from acdc_custom.graph import LOGITS, Graph, GraphShape, Sender, Stage
from acdc_custom.search import pace


@pytest.mark.parametrize("shape", [(1, 1, 1), (4, 8, 8), (12, 12, 12), (30, 9, 3)])
def test_the_circuit_that_is_made_up_is_in_the_graph_and_reaches_its_lowest_layer(shape: tuple[int, int, int]) -> None:
    graph = Graph(GraphShape(*shape))
    edges = pace.made_up(graph)
    assert all(edge in graph and edge.sender == sender for sender, its in edges.items() for edge in its)
    assert Sender(0, Stage.HEAD, 0) in edges, "whose value is where windows are timed"
    read = {edge.receiver for its in edges.values() for edge in its}
    assert all(r == LOGITS or any(node in edges for node in graph.nodes_of(r)) for r in read), "fed, so alive"


@pytest.mark.parametrize("short", [0.0, 1000.0])
def test_windows_are_timed_at_both_ends_of_a_model_and_the_hint_of_a_short_search_too(
    monkeypatch: pytest.MonkeyPatch, short: float
) -> None:
    from search.test_acdc import prepared

    from acdc_custom.circuit.settings import SearchSettings
    from acdc_custom.search.registry import method_named

    monkeypatch.setattr(pace, "SHORT", short)
    model, prompts = tiny_gpt2(1, 2), random_prompts(1)
    chunks = [caches for caches, _ in prepared(model, prompts, Metric.KL)]
    batch: Any = SimpleNamespace(
        chunks=chunks, batch=SimpleNamespace(prompts=prompts), memory=SimpleNamespace(window_bytes=2**20), model=model
    )
    settings = SearchSettings(metric="kl", threshold=0.01)
    for name, has_hint in (("acdc", False), ("grouped", True)):
        measured = pace.measured_pace(batch, settings, method_named(name))
        assert measured is not None and measured.near > 0 and measured.far > 0
        assert (measured.before > 0) == has_hint


@pytest.mark.parametrize(("fixed", "asked"), [(0.0, [4, 16, 40]), (0.01, [4, 16, 40]), (0.06, [4])])
def test_a_pass_is_timed_on_more_prompts_until_it_is_long_enough_to_tell(
    monkeypatch: pytest.MonkeyPatch, fixed: float, asked: list[int]
) -> None:
    timed, each = [], 0.001

    def seconds(action: Any, device: Any) -> float:
        timed.append(action())
        return fixed + each * timed[-1]

    monkeypatch.setattr(pace, "run", lambda weights, few: len(few))
    monkeypatch.setattr(pace, "_warm_seconds", seconds)
    caches: Any = SimpleNamespace(
        model=SimpleNamespace(device=SimpleNamespace(type="cpu"), weights=None),
        tokens=SimpleNamespace(clean=[0] * 40),
    )
    assert pace._pass_seconds(caches) == pytest.approx((fixed + each * asked[-1]) * 40 / asked[-1])
    assert timed == asked


@pytest.mark.parametrize(
    ("method", "seconds", "line"),
    [
        ("acdc", 9.0, ""),
        ("acdc", 45.0, "Time       about 45 s"),
        ("acdc", 700.0, "Time       about 12 minutes; --method grouped takes about 4 minutes"),
        ("grouped", 700.0, "Time       about 12 minutes"),
    ],
)
def test_the_time_is_told_if_it_is_long_and_a_quicker_method_if_it_is_very_long(
    monkeypatch: pytest.MonkeyPatch, method: str, seconds: float, line: str
) -> None:
    from acdc_custom.circuit.settings import SearchSettings

    asked = []

    def grouped(prepared: Any, settings: SearchSettings, start: Any) -> Any:
        asked.append(settings.method)
        return SimpleNamespace(seconds=240.0)

    monkeypatch.setattr(pace, "forecast_of", grouped)
    run: Any = SimpleNamespace(prepared=None, settings=SearchSettings(method=method, threshold=0.01), start=None)
    assert running.describe_time(run, seconds) == line
    assert set(asked) <= {"grouped"}
