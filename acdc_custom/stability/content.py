"""The record as `stability.json`, which loads back exactly what was saved.

Owns the form of the file (schema 1). Edges, nodes and heads are written with what follows from their counts, for those
who read the file without this package.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from acdc_custom.choices import Variation
from acdc_custom.circuit.circuit import TaskPerformance
from acdc_custom.circuit.members import Member, Part
from acdc_custom.circuit.provenance import SECTIONS, Provenance
from acdc_custom.files.reading import checked, part, read_record, record
from acdc_custom.files.records import from_plain, to_plain
from acdc_custom.graph import Edge, GraphShape, Receiver, Sender
from acdc_custom.stability.agreement import Agreement, Matrix
from acdc_custom.stability.record import ConsensusPoint, RunRecord, Stability
from acdc_custom.stability.shares import SelectionFrequency, checked_share

SCHEMA = 1
JSON_NAME = "stability.json"


def to_json(stability: Stability) -> str:
    """The text of `stability.json`."""
    content: dict[str, Any] = {
        "schema": SCHEMA,
        **to_plain(stability.provenance),
        "graph": asdict(stability.shape),
        "share": stability.share,
        "model_behaviour": asdict(stability.full),
        "empty_behaviour": asdict(stability.empty),
        "notes": list(stability.notes),
        "runs": [
            {"name": r.name, "varied": _names(r.varied), "sizes": dict(r.sizes), **_behaviour(stability, r.behaviour)}
            for r in stability.runs
        ],
        "agreement": [{**asdict(found), "varied": _names(found.varied)} for found in stability.agreements],
        "consensus": [
            {"share": p.share, "n_edges": p.n_edges, "n_dead": p.n_dead, **_behaviour(stability, p.behaviour)}
            for p in stability.curve
        ],
        **{of: [_share(share) for share in stability.shares[of]] for of in Part},
        "jaccard": {of: stability.jaccards[of] for of in Part},
    }
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def load_stability(where: str | Path) -> Stability:
    """Read a folder's `stability.json`, or that file itself. Raises `ResultError` saying what is wrong with it."""
    path = Path(where)
    path = path / JSON_NAME if path.is_dir() else path
    return read_record(path, SCHEMA, "Give a folder that acdc-custom stability wrote.", _read)


def _names(varied: Iterable[Variation]) -> list[str]:
    return [kind.value for kind in Variation if kind in varied]


def _behaviour(stability: Stability, behaviour: TaskPerformance) -> dict[str, Any]:
    recovered = stability.recovered(behaviour)
    return {"recovered": recovered if math.isfinite(recovered) else None, "behaviour": asdict(behaviour)}


def _share(share: SelectionFrequency) -> dict[str, Any]:
    low, high = share.interval
    return {
        **name_of(share.member),
        "n_kept": share.n_kept,
        "n_runs": share.n_runs,
        "share": share.share,
        "low": low,
        "high": high,
        "effect": share.effect,
    }


def name_of(member: Member) -> dict[str, str]:
    """`sender` and `receiver` of an edge, the name of a node."""
    if isinstance(member, Edge):
        return {"sender": str(member.sender), "receiver": str(member.receiver)}
    return {"node": str(member)}


# -- reading back -----------------------------------------------------------------------------------------


def _read(content: dict[str, Any]) -> Stability:
    shape: GraphShape = record(GraphShape, content["graph"])
    runs = tuple(map(_run, _objects(content, "runs")))
    share = checked({"share": content["share"]}, {"share": "float"})["share"]
    curve = tuple(map(_point, _objects(content, "consensus")))
    if not runs or share not in [point.share for point in curve]:
        raise ValueError("runs or the consensus at the chosen share are missing")
    jaccards = part(content, "jaccard", dict)
    stability = Stability(
        shape=shape,
        provenance=from_plain(Provenance, {section: content[section] for section in SECTIONS}, "provenance"),
        share=checked_share(share),
        runs=runs,
        shares={of: tuple(map(_read_share, _objects(content, of))) for of in Part},
        agreements=tuple(map(_agreement, _objects(content, "agreement"))),
        jaccards={of: _matrix(jaccards[of], len(runs)) for of in Part},
        curve=curve,
        full=record(TaskPerformance, content["model_behaviour"]),
        empty=record(TaskPerformance, content["empty_behaviour"]),
        notes=tuple(map(str, part(content, "notes", list))),
    )
    for varied in {stability.varied, *(found.varied for found in stability.agreements)}:
        for of in Part:
            stability.agreement(of, varied)  # is there, or a KeyError
    return stability


def _objects(content: dict[str, Any], name: str) -> list[dict[str, Any]]:
    rows = part(content, name, list)
    if any(type(row) is not dict for row in rows):
        raise TypeError(f"{name} is not a list of objects")
    return rows


def _varied(row: Mapping[str, Any]) -> frozenset[Variation]:
    return frozenset(map(Variation, row["varied"]))


def _run(row: dict[str, Any]) -> RunRecord:
    sizes = checked(row["sizes"], dict.fromkeys(Part, "int"))
    name = checked({"name": row["name"]}, {"name": "str"})["name"]
    return RunRecord(name, _varied(row), {of: sizes[of] for of in Part}, record(TaskPerformance, row["behaviour"]))


def _point(row: dict[str, Any]) -> ConsensusPoint:
    kept = {name: row[name] for name in ("share", "n_edges", "n_dead")}
    point: ConsensusPoint = record(ConsensusPoint, kept, behaviour=record(TaskPerformance, row["behaviour"]))
    return point


def _agreement(row: dict[str, Any]) -> Agreement:
    rest = {name: value for name, value in row.items() if name not in ("part", "varied")}
    found: Agreement = record(Agreement, rest, part=Part(row["part"]), varied=_varied(row))
    if found.n_runs < 2 or (found.low is None) != (found.high is None):
        raise ValueError(f"the agreement of {found.part} is none of two runs or more")
    return found


def _read_share(row: dict[str, Any]) -> SelectionFrequency:
    member: Member = (
        Edge(Sender.parse(row["sender"]), Receiver.parse(row["receiver"]))
        if "sender" in row
        else Sender.parse(row["node"])
    )
    kept = {name: row[name] for name in ("n_kept", "n_runs", "effect")}
    share: SelectionFrequency = record(SelectionFrequency, kept, member=member)
    if not 0 < share.n_kept <= share.n_runs:
        raise ValueError(f"{share.member} is in {share.n_kept} of {share.n_runs} runs")
    return share


def _matrix(rows: Any, n: int) -> Matrix:
    numbers = tuple(
        tuple(float(checked({"jaccard": value}, {"jaccard": "float"})["jaccard"]) for value in row) for row in rows
    )
    if [len(row) for row in numbers] != [n] * n:
        raise ValueError(f"jaccard is not a table of {n} by {n} runs")
    return numbers
