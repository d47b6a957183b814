"""A circuit file loads back exactly, or says why not."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from circuits import example_circuit, scored_circuit

from acdc_custom.circuit.circuit import Circuit
from acdc_custom.circuit.summary import summarize
from acdc_custom.errors import ResultError


def test_what_was_saved_is_loaded_back_exactly(tmp_path: Path) -> None:
    circuit = example_circuit()
    path = circuit.save(tmp_path / "new" / "folder")
    assert Circuit.load(path) == Circuit.load(path.parent) == circuit
    assert Circuit.load(path).to_json() == path.read_text()


def test_a_circuit_of_scored_edges_is_told_from_one_of_decided_edges(tmp_path: Path) -> None:
    decided, scored = example_circuit(), scored_circuit()
    assert Circuit.load(scored.save(tmp_path)) == scored
    assert (decided.is_scored, decided.chosen) == (False, "at threshold 0.01 nats")
    assert (scored.is_scored, scored.chosen) == (True, "ranked first by eap-ig")
    text = summarize(scored)
    assert f"1 evaluation in 1.5 s; {scored.graph.n_edges} edges scored, in logits" in text
    assert "Strongest edges, by the size of their scores:" in text and "threshold" not in text
    assert "evaluations in 1.5 s; 0 decisions within rounding error" in summarize(decided)


def test_the_strongest_edges_are_those_of_largest_effect_of_either_sign() -> None:
    assert [kept.effect for kept in scored_circuit().strongest(2)] == [-2.0, 1.0]


def test_a_consensus_is_told_from_a_single_run(tmp_path: Path) -> None:
    single = example_circuit()
    consensus = replace(single, search=replace(single.search, runs=20, share=0.5))
    assert Circuit.load(consensus.save(tmp_path)) == consensus
    assert consensus.search.consensus == "consensus of 20 runs, edges kept by at least 50%"
    assert single.search.consensus == ""
    assert "consensus of 20 runs" in summarize(consensus) and "consensus" not in summarize(single)


def test_a_file_from_before_there_were_consensuses_is_a_single_run(tmp_path: Path) -> None:
    content = json.loads(example_circuit().to_json())
    del content["search"]["runs"], content["search"]["share"]
    (tmp_path / "circuit.json").write_text(json.dumps(content), encoding="utf-8")
    assert Circuit.load(tmp_path) == example_circuit()


def test_edges_are_objects_with_names_and_an_effect(tmp_path: Path) -> None:
    content = json.loads(example_circuit().save(tmp_path).read_text())
    assert content["schema"] == 1
    assert content["edges"][0] == {"sender": "m1", "receiver": "logits", "effect": 1.5}
    assert content["graph"]["edges"] == example_circuit().graph.n_edges


def edited(change: Any) -> str:
    content = json.loads(example_circuit().to_json())
    change(content)
    return json.dumps(content)


def put(*keys: Any, value: Any) -> Any:
    def change(content: Any) -> None:
        for key in keys[:-1]:
            content = content[key]
        content[keys[-1]] = value

    return change


def drop(*keys: Any) -> Any:
    def change(content: Any) -> None:
        for key in keys[:-1]:
            content = content[key]
        del content[keys[-1]]

    return change


DAMAGED = {
    "cut off": (lambda: example_circuit().to_json()[:200], "it is no whole JSON file"),
    "empty": (lambda: "", "it is no whole JSON file"),
    "a list": (lambda: "[]", 'has no "schema"'),
    "no schema": (lambda: edited(drop("schema")), 'has no "schema"'),
    "newer": (lambda: edited(put("schema", value=2)), "written by a newer acdc-custom"),
    "no edges": (lambda: edited(drop("edges")), 'with "edges", which is missing'),
    "no settings": (lambda: edited(drop("settings")), "'settings' is missing"),
    "no seed": (
        lambda: edited(drop("settings", "prompts", "seed")),
        'templates, resample, held_out: "seed" is missing',
    ),
    "a strange setting": (lambda: edited(put("settings", "sead", value=1)), '"sead" is none of them'),
    "a word for a number": (
        lambda: edited(put("settings", "prompts", "seed", value="x")),
        "settings.prompts.seed is 'x', expected int",
    ),
    "a truth for a number": (
        lambda: edited(put("settings", "prompts", "n", value=True)),
        "settings.prompts.n is True, expected int",
    ),
    "no such sender": (lambda: edited(put("edges", 0, "sender", value="x1")), "is not a sender"),
    "no such edge": (lambda: edited(put("edges", 0, "sender", value="m7")), "m7 -> logits is not in its graph"),
    "an edge twice": (lambda: edited(lambda c: c["edges"].append(c["edges"][0])), "is there twice"),
    "an edge without effect": (lambda: edited(drop("edges", 0, "effect")), 'with "effect", which is missing'),
    "a wrong total": (lambda: edited(put("graph", "edges", value=3)), "edges, not 3"),
    "an impossible shape": (lambda: edited(put("graph", "n_heads", value=0)), "no graph has"),
    "edges that are no list": (lambda: edited(put("edges", value={})), "edges is {}, expected a list"),
    "an outcome that is no object": (lambda: edited(put("outcome", value=[])), r"outcome is \[\], expected an object"),
    "a graph without end": (lambda: edited(put("graph", "n_layers", value=10**9)), "no model has 1000000000 layers"),
    "no number": (lambda: edited(put("edges", 0, "effect", value=float("nan"))), "NaN is not a number that JSON has"),
    "an infinite number": (lambda: edited(put("search", "noise", value=float("inf"))), "Infinity is not a number"),
    "a number too large": (
        lambda: edited(put("search", "noise", value=1.5)).replace("1.5", "1e999"),
        "1e999 is too large",
    ),
    "a whole number too large": (lambda: edited(put("search", "seconds", value=10**400)), "the number 1000"),
    "a key twice": (
        lambda: example_circuit().to_json().replace('"created"', '"schema": 1, "created"'),
        'key "schema" is there twice',
    ),
    "a truth for an effect": (lambda: edited(put("edges", 0, "effect", value=True)), "effect is True, expected float"),
    "a number for a sender": (lambda: edited(put("edges", 0, "sender", value=1)), "sender is 1, expected str"),
    "a number for a date": (lambda: edited(put("created", value=1)), "created is 1, expected str"),
    "a text for a count": (
        lambda: edited(put("search", "decided", "dead", value="8")),
        "search.decided.dead is '8', expected int",
    ),
    "a text for a margin": (
        lambda: edited(put("search", "closest_margin", value="x")),
        "closest_margin is 'x', expected float",
    ),
    "half a character": (lambda: edited(put("created", value="\ud800")), "half a character"),
    "lists without an end": (lambda: "[" * 10**5, "nested too deeply"),
}


@pytest.mark.parametrize("name", ["x" * 300, "nul\0", "circuit.json/x"])
def test_a_path_that_cannot_be_is_one_clear_error(name: str, tmp_path: Path) -> None:
    (tmp_path / "circuit.json").touch()
    with pytest.raises(ResultError):
        Circuit.load(tmp_path / name)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "circuit.json")
    with pytest.raises(ResultError, match="it is a pipe or a device, not a file"):
        Circuit.load(tmp_path)


@pytest.mark.parametrize("case", DAMAGED)
def test_a_damaged_file_is_refused_in_words(case: str, tmp_path: Path) -> None:
    text, message = DAMAGED[case]
    (tmp_path / "circuit.json").write_text(text())
    with pytest.raises(ResultError, match=message) as caught:
        Circuit.load(tmp_path)
    assert "circuit.json" in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ResultError, match=r"there is no .*circuit\.json"):
        Circuit.load(tmp_path)


def test_an_unwritable_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ResultError, match="could not be written"):
        example_circuit().save(tmp_path / "file" / "folder")


def test_recovered_is_the_share_between_the_corrupted_and_the_clean_run() -> None:
    assert example_circuit().outcome.faithfulness == pytest.approx((3.0 - -1.0) / (4.0 - -1.0))


def test_as_a_networkx_graph_it_has_one_edge_per_head_that_an_edge_feeds() -> None:
    graph = example_circuit().to_networkx()
    assert graph.has_edge("m1", "logits", key="")
    assert graph.has_edge("embed", "a1.h0", key="k") and graph.has_edge("embed", "a1.h1", key="k")
    assert graph.edges["embed", "a1.h0", "k"]["effect"] == 0.25
