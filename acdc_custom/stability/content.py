"""The files of a study: `stability.json`, which loads back exactly what was saved, `edges.csv`, `heads.csv`,
`stability.svg`, `edges.svg`, and `consensus/`.

Owns the form of the record (schema 1), and the files' names. Edges, nodes and heads are written with what follows from
their counts, for those who read the file without this package. `consensus/` is a run folder like any other but for its
journal: what reads runs reads it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from acdc_custom.circuit.circuit import Circuit, Span, TaskPerformance
from acdc_custom.circuit.members import Member, Part, name_of
from acdc_custom.circuit.provenance import SECTIONS, Provenance
from acdc_custom.files import records
from acdc_custom.files.reading import file_in, read_record
from acdc_custom.files.records import Parts, from_plain, to_plain
from acdc_custom.files.writing import write_file
from acdc_custom.graph import Edge, GraphShape, Place, Receiver, Sender
from acdc_custom.runs.folder import REQUEST, RunRequest
from acdc_custom.stability.agreement import Agreement, Matrix
from acdc_custom.stability.common import InCommon, Kind
from acdc_custom.stability.record import ConsensusPoint, RunRecord, Stability
from acdc_custom.stability.shares import SelectionFrequency, checked_share
from acdc_custom.stability.tables import edges_csv, heads_csv

SCHEMA = 1
JSON_NAME, FIGURE_NAME, PICTURE_NAME, CONSENSUS = "stability.json", "stability.svg", "edges.svg", "consensus"


def to_json(stability: Stability) -> str:
    """The text of `stability.json`."""
    common = _common(stability.common)
    content = {
        **to_plain(stability.provenance),
        "graph": stability.shape,
        "share": stability.share,
        "model_behaviour": stability.full,
        "empty_behaviour": stability.empty,
        "notes": stability.notes,
        "runs": [{**to_plain(run), "faithfulness": stability.faithfulness(run.behaviour)} for run in stability.runs],
        "agreement": common["agreement"],
        "consensus": [
            {**to_plain(point), "faithfulness": stability.faithfulness(point.behaviour)} for point in stability.curve
        ],
        **common,
        **({"spans": to_plain(stability.spans)} if stability.spans else {}),
        **({} if stability.whatever_span is None else {"whatever_span": _common(stability.whatever_span)}),
    }
    return records.to_json(SCHEMA, content)


def _common(common: InCommon) -> dict[str, Any]:
    return {
        "agreement": common.agreements,
        **{of.value: [_share(share) for share in common.shares[of]] for of in Part},
        "jaccard": {of: common.jaccards[of] for of in Part},
    }


def load_stability(where: str | Path) -> Stability:
    """Read a folder's `stability.json`, or that file itself. Raises `ResultError` saying what is wrong with it."""
    return read_record(file_in(where, JSON_NAME), SCHEMA, "Give a folder that acdc-custom stability wrote.", _read)


def write_stability(stability: Stability, consensus: Circuit, request: RunRequest, folder: str | Path) -> list[Path]:
    """Write everything, over what an earlier look at the same runs has left; gives the paths. Raises `ResultError`.

    `request` is what would have to be asked for to make a run that varies nothing.
    """
    from acdc_custom.stability.figure import stability_figure  # draws: reading has no need of it
    from acdc_custom.stability.picture import draw_all, draw_consensus

    folder = Path(folder)
    texts = {
        JSON_NAME: to_json(stability),
        "edges.csv": edges_csv(stability),
        "heads.csv": heads_csv(stability),
    }
    files = [write_file(folder / name, text) for name, text in texts.items()]
    files.append(stability_figure(stability).save(folder / FIGURE_NAME))
    files.append(draw_all(stability, consensus, folder / PICTURE_NAME))
    within = folder / CONSENSUS
    asked = write_file(within / REQUEST, request.to_json())
    return [*files, consensus.save(within), asked, *draw_consensus(stability, consensus, within)]


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


# -- reading back -----------------------------------------------------------------------------------------


def _read(content: dict[str, Any]) -> Stability:
    whole = Parts(content)
    runs = whole.records("runs", RunRecord, beside=("faithfulness",))
    curve = whole.records("consensus", ConsensusPoint, beside=("faithfulness",))
    share = checked_share(whole.read("share", float))
    if not runs or share not in [point.share for point in curve]:
        raise ValueError("runs or the consensus at the chosen share are missing")
    for number, run in enumerate(runs):
        _check_parts(run.sizes, f"runs[{number}].sizes")
    stability = Stability(
        shape=whole.read("graph", GraphShape),
        provenance=from_plain(Provenance, {section: content[section] for section in SECTIONS}),
        share=share,
        runs=runs,
        common=_read_common(whole, len(runs)),
        curve=curve,
        full=whole.read("model_behaviour", TaskPerformance),
        empty=whole.read("empty_behaviour", TaskPerformance),
        notes=whole.read("notes", tuple[str, ...]),
        spans=whole.records("spans", Span) if "spans" in content else (),
        whatever_span=_read_common(whole.within("whatever_span"), len(runs)) if "spans" in content else None,
    )
    for common in (stability.common, stability.whatever_span):
        if common is not None:
            _check_agreements(common, stability.varied)
    spans = {span.name for span in stability.spans} or {""}
    for each in (share.member for of in Part for share in stability.shares[of]):
        if (span := "" if isinstance(each, Sender) else each.span) not in spans:
            raise ValueError(f'{each} is at "{span}", which is none of its spans')
    return stability


def _read_common(whole: Parts, n_runs: int) -> InCommon:
    return InCommon(
        {of: tuple(_read_share(row, of) for row in whole.each(of.value)) for of in Part},
        whole.records("agreement", Agreement),
        _jaccards(whole, n_runs),
    )


def _check_agreements(common: InCommon, varied: Kind) -> None:
    for found in common.agreements:
        if found.n_runs < 2 or (found.low is None) != (found.high is None):
            raise ValueError(f"the agreement of {found.part} is none of two runs or more")
    for kind in {varied, *(found.varied for found in common.agreements)}:
        for of in Part:
            common.agreement(of, kind)  # is there, or a KeyError


def _read_share(row: Parts, of: Part) -> SelectionFrequency:
    span = row.read("span", str) if "span" in row.content else ""
    member: Member
    if of is Part.EDGES:
        member = Edge(row.read("sender", Sender), row.read("receiver", Receiver), span)
    else:
        node = row.read("node", Sender)
        member = Place(node, span) if span else node
    share = SelectionFrequency(member, row.read("n_kept", int), row.read("n_runs", int), row.read("effect", float))
    if not 0 < share.n_kept <= share.n_runs:
        raise ValueError(f"{share.member} is in {share.n_kept} of {share.n_runs} runs")
    return share


def _jaccards(whole: Parts, n: int) -> dict[Part, Matrix]:
    jaccards = whole.read("jaccard", dict[Part, Matrix])
    _check_parts(jaccards, "jaccard")
    if any([len(row) for row in matrix] != [n] * n for matrix in jaccards.values()):
        raise ValueError(f"jaccard is not a table of {n} by {n} runs")
    return jaccards


def _check_parts(by_part: Mapping[Part, object], place: str) -> None:
    if lost := [part.value for part in Part if part not in by_part]:
        raise ValueError(f"{place} has nothing of the {lost[0]}")
