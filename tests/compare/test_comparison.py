"""A comparison: who has what, what is warned of, roles side by side, and the file."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from circuits import EDGES, circuit_of, example_heads

from acdc_custom.circuit.members import Part
from acdc_custom.compare.comparison import Comparison, compare_circuits
from acdc_custom.compare.content import to_json
from acdc_custom.compare.entry import Entry, letter, load_entries
from acdc_custom.compare.summary import summarize_comparison
from acdc_custom.compare.words import finding, is_rare
from acdc_custom.errors import UsageError
from acdc_custom.graph import GraphShape


def test_shared_and_private_members_are_told_apart(comparison: Comparison) -> None:
    assert list(map(str, comparison.shared_by_all(Part.EDGES))) == ["a1.h0 -> m1", "m1 -> logits"]
    assert set(map(str, comparison.private_to(Part.EDGES, "A"))) == {"embed -> a1.kv0.k", "embed -> m1"}
    assert list(map(str, comparison.private_to(Part.NODES, "A"))) == ["embed"]
    assert list(map(str, comparison.private_to(Part.HEADS, "B"))) == ["a1.h2"]


def test_a_circuit_with_itself_has_nothing_private(entries: tuple[Entry, ...]) -> None:
    same = compare_circuits((entries[0], replace(entries[0], letter="B")), draws=20)
    for part in Part:
        assert not same.private_to(part, "A") and not same.private_to(part, "B")
        assert all(pair.overlap.jaccard == 1 for pair in same.pairs)
    assert not any(head.differs for head in same.heads)


def test_a_head_with_two_roles_differs_and_an_unclassified_one_does_not(comparison: Comparison) -> None:
    differs = {str(head.head): head.differs for head in comparison.heads}
    assert differs == {"a1.h0": True, "a1.h2": False}
    assert "L1H0 A name mover; B induction" in " ".join(summarize_comparison(comparison).split())


def test_a_second_role_in_common_is_no_difference(entries: tuple[Entry, ...]) -> None:
    first, second = entries
    assert first.heads and second.heads
    both = replace(second.heads.rows[0], also=(first.heads.rows[0].role,))
    table = replace(second.heads, rows=(both, *second.heads.rows[1:]))
    assert not any(head.differs for head in compare_circuits((first, replace(second, heads=table)), draws=20).heads)


def test_the_file_has_every_member_once_with_its_circuits(comparison: Comparison) -> None:
    content = json.loads(to_json(comparison))
    edges = {(e["sender"], e["receiver"]): e["in"] for e in content["edges"]}
    assert edges[("m1", "logits")] == ["A", "B"] and edges[("embed", "m1")] == ["A"]
    assert len(content["edges"]) == len(edges) == 5
    (pair,) = [pair for pair in content["pairs"] if pair["of"] == "edges"]
    assert (pair["n_shared"], pair["jaccard"], pair["share_of_first"]) == (2, 2 / 5, 0.5)
    assert {"heads shuffled", "edges rewired"} == set(pair["chance"])
    head = next(head for head in content["heads"] if head["head"] == "a1.h0")
    assert head["roles"] == {"A": ["name mover"], "B": ["induction"]} and head["roles_differ"]
    assert content["crossings"] == []


@pytest.mark.parametrize("number", [(0, "A"), (25, "Z"), (26, "AA"), (51, "AZ"), (702, "AAA")])
def test_letters_go_on_like_a_spreadsheets(number: tuple[int, str]) -> None:
    assert letter(number[0]) == number[1]


def test_what_makes_circuits_hard_to_compare_is_said(entries: tuple[Entry, ...]) -> None:
    first, second = entries
    assert compare_circuits(entries, draws=20).notes == ()
    provenance = second.circuit.provenance
    settings = replace(provenance.settings, metric="logit-diff", ablation="zero", order_seed=3)
    other = replace(provenance, settings=settings, model=replace(provenance.model, weights_sha256="00" * 32))
    changed = replace(second, circuit=replace(second.circuit, provenance=other))
    said = " ".join(compare_circuits((first, changed), draws=20).notes)
    for word in ("different models", "metrics", "ablations", "visiting orders"):
        assert word in said
    nothing = replace(second, circuit=circuit_of(second.circuit.shape, {}))
    assert "without edges" in " ".join(compare_circuits((first, nothing), draws=20).notes)
    small = replace(second, circuit=circuit_of(second.circuit.shape, {("m1", "logits"): 1.0}))
    assert "sizes differ" in " ".join(compare_circuits((first, small), draws=20).notes)


def test_other_shapes_and_other_counts_of_draws_are_refused(entries: tuple[Entry, ...]) -> None:
    other = replace(entries[1], where=Path("there"), circuit=circuit_of(GraphShape(3, 4, 4), {}))
    with pytest.raises(UsageError, match="2 layers of 4 heads in 2 groups; 3 layers of 4 heads"):
        compare_circuits((entries[0], other), draws=20)
    for draws in (19, 0, -1, 100_001):
        with pytest.raises(UsageError, match="20 to 100,000"):
            compare_circuits(entries, draws=draws)


def test_circuits_are_named_by_their_folders_and_told_apart(tmp_path: Path) -> None:
    circuit = circuit_of(GraphShape(2, 4, 2), EDGES)
    for name in ("a/run", "b/run", "other"):
        circuit.save(tmp_path / name)
    example_heads().save(tmp_path / "other")
    places = [tmp_path / "a/run", tmp_path / "b/run/circuit.json", tmp_path / "other", tmp_path / "other"]
    entries = load_entries(places)
    names = [entry.name for entry in entries]
    assert names[:2] == [str(tmp_path / "a/run"), str(tmp_path / "b/run/circuit.json")]
    assert names[2:] == [str(tmp_path / "other"), f"{tmp_path / 'other'} (2)"]
    assert [entry.letter for entry in entries] == ["A", "B", "C", "D"]
    assert [entry.heads is not None for entry in entries] == [False, False, True, True]
    assert [entry.name for entry in load_entries(places[1:3])] == ["run", "other"]
    with pytest.raises(UsageError, match="two at least"):
        load_entries(places[:1])


def test_where_there_are_too_few_random_circuits_the_answer_is_unknown() -> None:
    one = circuit_of(GraphShape(2, 4, 4), {("a1.h0", "logits"): 1.0, ("embed", "a1.h0.v"): 1.0})
    entries = tuple(Entry(name, name, Path(name), one, None) for name in ("A", "B"))
    comparison = compare_circuits(entries, draws=100)
    lines = [line for line in summarize_comparison(comparison).splitlines() if line.startswith("A-B heads")]
    assert " ".join(lines).split().count("unknown") == 2  # of both indices
    assert "with their heads shuffled there are only 3 other circuits, and it takes 20 to tell" in finding(comparison)
    assert not any(map(is_rare, comparison.pairs))
    (pair,) = (p for p in json.loads(to_json(comparison))["pairs"] if p["of"] == "heads")
    chance = pair["chance"]["heads shuffled"]["jaccard"]
    assert (chance["p"], chance["n_random"]) == (None, 3)


def test_rewiring_that_leaves_few_circuits_says_how_many() -> None:
    edges = {("m0", "a1.h0.q"): 1.0, ("m1", "logits"): 1.0, ("m0", "a2.h1.q"): 1.0}
    one = circuit_of(GraphShape(3, 4, 4), edges)
    entries = tuple(Entry(name, name, Path(name), one, None) for name in ("A", "B"))
    text = " ".join(summarize_comparison(compare_circuits(entries, draws=100)).split())
    assert "these degrees leave 1 other circuit, and it takes 20 to tell" in text
