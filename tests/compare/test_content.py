"""The file of a comparison loads back exactly, or says why not."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from compared import check_damage_is_told

from acdc_custom.circuit.members import Part
from acdc_custom.compare.comparison import Comparison, Crossing
from acdc_custom.compare.content import JSON_NAME, load_comparison, recorded, to_json
from acdc_custom.errors import ResultError
from acdc_custom.heads.evidence import Role


@pytest.fixture
def crossed(comparison: Comparison) -> Comparison:
    """With each circuit on its own prompts."""
    crossings = tuple(
        Crossing(entry.letter, len(entry.circuit.edges), entry.letter, entry.circuit.outcome, entry.circuit.outcome)
        for entry in comparison.entries
    )
    return replace(comparison, crossings=crossings)


def test_it_loads_back_exactly(crossed: Comparison, tmp_path: Path) -> None:
    (tmp_path / JSON_NAME).write_text(to_json(crossed), encoding="utf-8")
    found = load_comparison(tmp_path)
    assert found == load_comparison(tmp_path / JSON_NAME) == recorded(crossed)
    first, _ = crossed.entries
    assert found.circuits[0].settings == first.circuit.settings
    assert {head.head: head.weights for head in found.heads} == crossed.members[Part.HEADS]
    assert {edge.edge for edge in found.edges} == set(crossed.members[Part.EDGES])
    head = next(head for head in found.heads if str(head.head) == "a1.h0")
    assert head.roles == {"A": (Role.NAME_MOVER,), "B": (Role.INDUCTION,)} and head.roles_differ
    assert found.crossings[0].faithfulness == first.circuit.outcome.faithfulness


def test_where_there_is_nothing_to_recover_it_is_null(crossed: Comparison, tmp_path: Path) -> None:
    one = crossed.crossings[0]
    still = replace(one, outcome=replace(one.outcome, empty=one.outcome.model))
    text = to_json(replace(crossed, crossings=(still,)))
    assert json.loads(text)["crossings"][0]["faithfulness"] is None
    (tmp_path / JSON_NAME).write_text(text, encoding="utf-8")
    recovered = load_comparison(tmp_path).crossings[0].faithfulness
    assert recovered != recovered, "it is nan again"


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda c: c.pop("edges"), 'with "edges", which is missing'),
        (lambda c: c.pop("draws"), '"draws" is missing'),
        (lambda c: c.update(more=1), '"more" is none of them'),
        (lambda c: c.update(schema=9), "written by a newer acdc-custom"),
        (
            lambda c: c["circuits"][0]["settings"].update(order="x"),
            r"circuits\[0\].settings.order is 'x', expected one",
        ),
        (lambda c: c["pairs"][0].update(of="legs"), r"pairs\[0\].of is 'legs', expected one of: edges, nodes, heads"),
        (lambda c: c["pairs"][0]["chance"].update(luck=None), "'luck', expected one of: heads shuffled"),
        (lambda c: c["edges"][0].update(sender="x"), '"x" is not a sender'),
        (lambda c: c["nodes"][0].update(weights=[]), r"nodes\[0\].weights is \[\], expected an object"),
        (
            lambda c: c["heads"][0]["roles"].update(A=["x"]),
            r"heads\[0\].roles.A\[0\] is 'x', expected one of: name mover",
        ),
    ],
)
def test_a_damaged_file_is_told_in_a_line(
    spoil: Callable[[Any], Any], message: str, crossed: Comparison, tmp_path: Path
) -> None:
    check_damage_is_told(crossed, spoil, message, tmp_path)


def test_a_folder_without_one_is_told(tmp_path: Path) -> None:
    with pytest.raises(ResultError, match="Give a folder that acdc-custom compare wrote"):
        load_comparison(tmp_path)
