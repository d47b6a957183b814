"""A comparison as `comparison.json`.

Owns the form of the file (schema 1). Edges, nodes and heads have the letters of the circuits that they are in.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from acdc_custom.circuit.members import Member, Part
from acdc_custom.circuit.random_circuits import NullModel
from acdc_custom.compare.chance import ChanceComparison
from acdc_custom.compare.comparison import Comparison, Crossing, Pair
from acdc_custom.compare.entry import Entry
from acdc_custom.compare.roles import HeadSides
from acdc_custom.graph import Edge
from acdc_custom.version import __version__

SCHEMA = 1


def to_json(comparison: Comparison) -> str:
    """The text of `comparison.json`."""
    content: dict[str, Any] = {
        "schema": SCHEMA,
        "acdc-custom": __version__,
        "graph": asdict(comparison.entries[0].circuit.shape),
        "draws": comparison.draws,
        "seed": comparison.seed,
        "nulls": {null: null.about for null in NullModel},
        "notes": list(comparison.notes),
        "circuits": [_entry(entry) for entry in comparison.entries],
        "pairs": [_pair(pair) for pair in comparison.pairs],
        "crossings": [_crossing(crossing) for crossing in comparison.crossings],
        **{part: [_member(m, by) for m, by in comparison.members[part].items()] for part in (Part.EDGES, Part.NODES)},
        Part.HEADS: [_head(head, comparison) for head in comparison.heads],
    }
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _entry(entry: Entry) -> dict[str, Any]:
    circuit = entry.circuit
    return {
        "letter": entry.letter,
        "name": entry.name,
        "task": circuit.task.name,
        "batch_sha256": circuit.task.batch_sha256,
        "model": circuit.model.name,
        "weights_sha256": circuit.model.weights_sha256,
        "settings": circuit.settings.flat(),
        "n_edges": len(circuit.edges),
        "n_nodes": len(circuit.nodes),
    }


def _pair(pair: Pair) -> dict[str, Any]:
    both = pair.overlap
    return {
        "of": pair.part,
        "first": pair.first.letter,
        "second": pair.second.letter,
        "n_first": both.n_first,
        "n_second": both.n_second,
        "n_shared": both.n_shared,
        "jaccard": both.jaccard,
        "share_of_first": both.of_first,
        "share_of_second": both.of_second,
        "weighted_jaccard": both.weighted,
        "chance": {
            chance.null: {"jaccard": _against(chance.jaccard), "weighted_jaccard": _against(chance.weighted)}
            for chance in pair.chances
        },
    }


def _against(against: ChanceComparison | None) -> dict[str, float | None] | None:
    if against is None:
        return None
    return {"mean": against.mean, "sd": against.sd, "z": against.z, "p": against.p}


def _crossing(crossing: Crossing) -> dict[str, Any]:
    recovered = crossing.outcome.recovered
    return {
        "edges": crossing.edges,
        "n_edges": crossing.n_edges,
        "prompts": crossing.prompts,
        "recovered": recovered if recovered == recovered else None,
        **asdict(crossing.behaviour),
    }


def _member(member: Member, weights: dict[str, float] | Any) -> dict[str, Any]:
    name = (
        {"sender": str(member.sender), "receiver": str(member.receiver)}
        if isinstance(member, Edge)
        else {"node": str(member)}
    )
    return {**name, "in": list(weights), "weights": dict(weights)}


def _head(head: HeadSides, comparison: Comparison) -> dict[str, Any]:
    return {
        "head": str(head.head),
        "in": list(head.circuits),
        "weights": dict(comparison.members[Part.HEADS][head.head]),
        "roles": {letter: [row.role, *row.also] for letter, row in head.rows.items()},
        "roles_differ": head.differs,
    }
