"""Circuits to compare that share some of what they have, each with what is known of its heads."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from circuits import circuit_of, example_heads

from acdc_custom.compare.comparison import Comparison
from acdc_custom.compare.content import JSON_NAME, load_comparison, to_json
from acdc_custom.compare.entry import Entry
from acdc_custom.errors import ResultError
from acdc_custom.graph import GraphShape
from acdc_custom.heads.evidence import Role
from acdc_custom.heads.table import HeadTable

SHAPE = GraphShape(2, 4, 2)
# Two of its edges are the example's; a1.h0 is in both.
OTHER = {("m1", "logits"): 1.0, ("a1.h0", "m1"): 0.5, ("a1.h2", "logits"): 0.5}


def heads_of(role: Role) -> HeadTable:
    """The example's, its first head with this role."""
    table = example_heads()
    return replace(table, rows=(replace(table.rows[0], role=role, also=()), *table.rows[1:]))


def entries_of(*edges: dict[tuple[str, str], float], names: str = "one two three four") -> tuple[Entry, ...]:
    roles = [Role.NAME_MOVER, Role.INDUCTION, Role.UNCLASSIFIED, Role.NAME_MOVER]
    return tuple(
        Entry(letter, name, Path(name), circuit_of(SHAPE, effects), heads_of(role))
        for letter, name, effects, role in zip("ABCD", names.split(" "), edges, roles, strict=False)
    )


def check_damage_is_told(comparison: Comparison, spoil: Callable[[Any], Any], message: str, folder: Path) -> None:
    """Its file, spoilt, is refused in one line that says what is wrong."""
    content = json.loads(to_json(comparison))
    spoil(content)
    (folder / JSON_NAME).write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(ResultError, match=message) as error:
        load_comparison(folder)
    assert "\n" not in str(error.value)
