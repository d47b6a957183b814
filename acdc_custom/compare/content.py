"""The files of a comparison: `comparison.json`, which loads back exactly, `comparison.svg` and `comparison.html`.

Owns their names and that of the folder that they go into, and the form of the first (schema 1). Edges, nodes and heads
are written with the letters of the circuits that they are in, for those who read the file without this package.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from acdc_custom.circuit.members import Member, Part, members_of
from acdc_custom.circuit.random_circuits import NullModel
from acdc_custom.compare.chance import ChanceComparison
from acdc_custom.compare.comparison import Comparison, Crossing, Pair
from acdc_custom.compare.entry import Entry
from acdc_custom.compare.record import (
    ComparedCircuit,
    ComparedEdge,
    ComparedHead,
    ComparedMembers,
    ComparedNode,
    ComparedPair,
    ComparisonRecord,
    CrossedPrompts,
    RandomIndex,
    RandomOverlap,
    SpanElsewhere,
)
from acdc_custom.compare.roles import HeadSides
from acdc_custom.files import records
from acdc_custom.files.reading import file_in, read_record
from acdc_custom.files.records import Parts, from_plain, to_plain
from acdc_custom.files.writing import name_part, write_file
from acdc_custom.graph import Edge, Place
from acdc_custom.version import __version__

SCHEMA = 1
JSON_NAME, PICTURE_NAME, PAGE_NAME = "comparison.json", "comparison.svg", "comparison.html"
NO_MEMBERS: dict[str, Any] = {"edges": [], "nodes": [], "heads": []}  # which are read apart from the rest
GRAPH_NAME = "comparison_graph.svg"  # of three circuits or more, whose first picture is a table of heads
NAMED = 3  # circuits in a folder's name; more are counted
LONGEST_PART = 60  # characters of one of them: file systems allow 255 bytes in all


def to_json(comparison: Comparison) -> str:
    """The text of `comparison.json`."""
    plain = to_plain(recorded(comparison))
    content = {
        "acdc-custom": __version__,
        "nulls": {null: null.about for null in NullModel},
        **_with_letters(plain),
    }
    if "whatever_span" in plain:
        content["whatever_span"] = _with_letters(plain["whatever_span"])
    return records.to_json(SCHEMA, content)


def load_comparison(where: str | Path) -> ComparisonRecord:
    """Read a folder's `comparison.json`, or that file itself. Raises `ResultError` saying what is wrong with it."""
    return read_record(file_in(where, JSON_NAME), SCHEMA, "Give a folder that acdc-custom compare wrote.", _read)


def default_folder(entries: Sequence[Entry], parent: Path = Path("results")) -> Path:
    """`results/compare_latest_s_demo-4l_0.01_ioi_demo-4l_0.01`."""
    parts = [name_part(entry.name, LONGEST_PART) for entry in entries]
    more = [f"and_{len(parts) - NAMED}_more"] if len(parts) > NAMED else []
    return parent / "_".join(["compare", *parts[:NAMED], *more])


def write_comparison(comparison: Comparison, folder: str | Path) -> list[Path]:
    """Write all of it, over those of an earlier comparison; gives their paths, the page last. Raises `ResultError`."""
    from acdc_custom.compare.heads_picture import heads_picture
    from acdc_custom.compare.page import comparison_page  # draw: reading has no need of them
    from acdc_custom.compare.picture import draw_comparison

    folder = Path(folder)
    texts = {JSON_NAME: to_json(comparison), PAGE_NAME: comparison_page(comparison)}
    for name, text in texts.items():
        write_file(folder / name, text)
    if len(comparison.entries) == 2:
        pictures = [draw_comparison(comparison, folder / PICTURE_NAME)]
    else:
        table = heads_picture(comparison).save(folder / PICTURE_NAME)
        pictures = [table, draw_comparison(comparison, folder / GRAPH_NAME)]
    return [folder / JSON_NAME, *pictures, folder / PAGE_NAME]


def _with_letters(plain: dict[str, Any]) -> dict[str, Any]:
    """The same, where each member also says which circuits it is in; an edge's ends stand beside its weights."""
    rows = {
        "edges": [{**row["edge"], "weights": row["weights"]} for row in plain["edges"]],
        "nodes": plain["nodes"],
        "heads": plain["heads"],
    }
    return {**plain, **{of: [{**row, "in": list(row["weights"])} for row in each] for of, each in rows.items()}}


def _read(content: dict[str, Any]) -> ComparisonRecord:
    whole = Parts(content)
    rest = {name: part for name, part in content.items() if name != "whatever_span"}
    record = from_plain(ComparisonRecord, {**rest, **NO_MEMBERS}, beside=("acdc-custom", "nulls"))
    at_spans = _read_members(whole)
    return replace(
        record,
        edges=at_spans.edges,
        nodes=at_spans.nodes,
        heads=at_spans.heads,
        whatever_span=_read_members(whole.within("whatever_span")) if "whatever_span" in content else None,
    )


def _read_members(whole: Parts) -> ComparedMembers:
    return ComparedMembers(
        pairs=whole.records("pairs", ComparedPair),
        edges=tuple(map(_edge, whole.each("edges"))),
        nodes=whole.records("nodes", ComparedNode, beside=("in",)),
        heads=whole.records("heads", ComparedHead, beside=("in",)),
    )


def _edge(row: Parts) -> ComparedEdge:
    edge = from_plain(Edge, row.content, row.place, beside=("weights", "in"))
    return ComparedEdge(edge, row.read("weights", dict[str, float]))


# -- in plain values --------------------------------------------------------------------------------------


def recorded(comparison: Comparison) -> ComparisonRecord:
    """A comparison, as it is written and read."""
    own, anywhere = _members(comparison), comparison.whatever_span
    return ComparisonRecord(
        graph=comparison.entries[0].circuit.shape,
        draws=comparison.draws,
        seed=comparison.seed,
        notes=comparison.notes,
        circuits=tuple(map(_circuit, comparison.entries)),
        pairs=own.pairs,
        crossings=tuple(map(_crossing, comparison.crossings)),
        edges=own.edges,
        nodes=own.nodes,
        heads=own.heads,
        spans=comparison.spans,
        whatever_span=None if anywhere is None else _members(anywhere),
    )


def _members(comparison: Comparison) -> ComparedMembers:
    members = comparison.members
    return ComparedMembers(
        pairs=tuple(map(_pair, comparison.pairs)),
        edges=tuple(ComparedEdge(m, by) for m, by in members[Part.EDGES].items() if isinstance(m, Edge)),
        nodes=tuple(_node(m, by) for m, by in members[Part.NODES].items()),
        heads=tuple(_head(head, comparison) for head in comparison.heads),
    )


def _node(member: Member, by: Mapping[str, float]) -> ComparedNode:
    assert not isinstance(member, Edge)
    place = Place.of(member)
    return ComparedNode(place.node, by, place.span)


def _circuit(entry: Entry) -> ComparedCircuit:
    circuit = entry.circuit
    return ComparedCircuit(
        letter=entry.letter,
        name=entry.name,
        task=circuit.task.name,
        batch_sha256=circuit.task.batch_sha256,
        model=circuit.model.name,
        weights_sha256=circuit.model.weights_sha256,
        settings=circuit.settings,
        n_edges=len(circuit.edges),
        n_nodes=len(members_of(circuit, Part.NODES)),
        elsewhere=tuple(SpanElsewhere(name, n) for name, n in entry.elsewhere.items()),
    )


def _pair(pair: Pair) -> ComparedPair:
    both = pair.overlap
    return ComparedPair(
        of=pair.part,
        first=pair.first.letter,
        second=pair.second.letter,
        n_first=both.n_first,
        n_second=both.n_second,
        n_shared=both.n_shared,
        jaccard=both.jaccard,
        share_of_first=both.of_first,
        share_of_second=both.of_second,
        weighted_jaccard=both.weighted,
        chance={
            chance.null: RandomOverlap(_against(chance.jaccard), _against(chance.weighted)) for chance in pair.chances
        },
    )


def _against(against: ChanceComparison | None) -> RandomIndex | None:
    return None if against is None else RandomIndex(against.mean, against.sd, against.z, against.p, against.n_random)


def _crossing(crossing: Crossing) -> CrossedPrompts:
    its, left = crossing.behaviour, crossing.without.circuit
    return CrossedPrompts(
        edges=crossing.edges,
        n_edges=crossing.n_edges,
        prompts=crossing.prompts,
        faithfulness=crossing.outcome.faithfulness,
        kl=its.kl,
        logit_diff=its.logit_diff,
        correct=its.correct,
        faithfulness_without=crossing.without.faithfulness,
        kl_without=left.kl,
        logit_diff_without=left.logit_diff,
        correct_without=left.correct,
    )


def _head(head: HeadSides, comparison: Comparison) -> ComparedHead:
    return ComparedHead(
        head=head.head,
        weights=comparison.members[Part.HEADS][head.member],
        roles={letter: head.roles(letter) for letter in head.rows},
        roles_differ=head.differs,
        span=head.span,
    )
