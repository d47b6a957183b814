"""A circuit drawn with opacity by share: what nearly all runs keep stands out, what few keep is faint.

Owns the opacity and the words of that picture. Colours and line styles still say which input an edge leads into, and
widths its mean effect.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from acdc_custom.circuit.circuit import Circuit, KeptEdge
from acdc_custom.circuit.members import Part
from acdc_custom.errors import count
from acdc_custom.export.caption import block_html, facts, legend_html, note_html, sample_html, title
from acdc_custom.export.columns_dot import columns_dot
from acdc_custom.export.dot import captioned_dot
from acdc_custom.export.paint import RolePaint
from acdc_custom.export.picture import Format, render, standalone
from acdc_custom.export.selection import DEFAULT_MAX_EDGES, DrawnPart, select
from acdc_custom.export.style import INK, PORT_STYLES, Badge, line_html
from acdc_custom.files.writing import write_file
from acdc_custom.graph import Edge, Place, Port
from acdc_custom.stability.record import Stability
from acdc_custom.stability.shares import SelectionFrequency

FAINTEST = 0.15  # an edge that next to no run keeps can still be seen
POWER = 2  # half of the runs look like a quarter: so the many edges that come and go stay behind
LEVELS = (1.0, 0.9, 0.75, 0.5, 0.25, 0.1)  # of the legend
PER_ROW = 4
OFTEN = (221, 204, 119)  # behind the name of a node that every run keeps: dark text stands out on it
NOTE = "Opacity of a line, colour of a name: the share of runs that keep it. Point at one for its interval."
NOTE_IN_POSITIONS = f"{NOTE} Violet lines, which are no edges, have none."


@dataclass(frozen=True)
class SharePaint(RolePaint):
    """Edges by the input that they lead into, as opaque as they are often kept; nodes with their share in writing."""

    shares: Mapping[Edge | Place, SelectionFrequency]

    def colour(self, kept: KeptEdge, largest: float) -> str:
        """The input's, with its opacity."""
        return _opaque(PORT_STYLES[kept.edge.receiver.port].colour, self.shares[kept.edge].share)

    def badge(self, place: Place) -> Badge | None:
        """The share of runs in which the node sends; none for one that no run keeps as a sender."""
        share = self.shares.get(place)
        return None if share is None else Badge(_tint(share.share), f"{share.share:.0%}")

    def edge_note(self, kept: KeptEdge) -> str:
        """Its share, and its mean effect."""
        return f"{_kept(self.shares[kept.edge])}; mean effect {self.amount(kept.effect)}"

    def node_notes(self, place: Place) -> list[str]:
        """Its share."""
        return [_kept(self.shares[place])] if place in self.shares else []


def draw_consensus(stability: Stability, circuit: Circuit, folder: Path) -> list[Path]:
    """Write the consensus's `circuit.svg` and `circuit.dot`. Raises `ResultError`."""
    selection = select(circuit)
    dot, svg = _drawn(stability, selection, title(circuit), facts(selection))
    return [write_file(folder / "circuit.svg", svg), write_file(folder / "circuit.dot", dot)]


def draw_all(stability: Stability, circuit: Circuit, path: Path) -> Path:
    """Write a picture of every edge that any run keeps, of the most often kept if they are many. Raises `ResultError`.

    `circuit` is the consensus, of which the settings are told.
    """
    shares = stability.shares[Part.EDGES]
    edges = tuple(KeptEdge(share.member, share.effect) for share in shares if isinstance(share.member, Edge))
    shown = edges[:DEFAULT_MAX_EDGES]
    selection = DrawnPart(replace(circuit, edges=edges), tuple(sorted(shown, key=lambda kept: kept.edge)))
    n_runs = len(stability.consensus_runs)
    kept = count(len(edges), "edge") + " at spans" * stability.in_positions
    lines = [f"{kept} that at least one of {n_runs:,} runs keeps; an effect is the mean over those that do."]
    if not selection.is_whole:
        lines.append(f"{len(shown):,} of them shown, the most often kept, and the nodes they join.")
    _, svg = _drawn(stability, selection, f"All runs together: {title(circuit).partition(' of ')[2]}", lines)
    return write_file(path, svg)


def _drawn(stability: Stability, selection: DrawnPart, heading: str, lines: Sequence[str]) -> tuple[str, str]:
    """The picture as DOT and as SVG."""
    shares: dict[Edge | Place, SelectionFrequency] = {}
    for share in (*stability.shares[Part.EDGES], *stability.shares[Part.NODES]):
        shares[share.member if isinstance(share.member, Edge) else Place.of(share.member)] = share
    paint = SharePaint(selection, shares)
    rows = list(_legend(paint, selection))
    if stability.in_positions:
        dot = columns_dot(selection, paint, heading, lines, rows)
    else:
        dot = captioned_dot(selection, paint, block_html(heading, lines, legend_html(selection, *rows)))
    return dot, standalone(render(dot, Format.SVG).decode(), heading, " ".join([*lines, _note(selection)]))


def _legend(paint: SharePaint, selection: DrawnPart) -> Iterator[str]:
    """How opaque a share is, as far down as is drawn, and what that means."""
    least = min(paint.shares[kept.edge].share for kept in selection.edges) if selection.edges else 1.0
    levels = [*(level for level in LEVELS if level > least), least]
    cells = []
    for level in levels:
        style = replace(PORT_STYLES[Port.IN], colour=_opaque(INK, level))
        cells.append(sample_html(line_html(style), f"{level:.0%} of the runs"))
    for start in range(0, len(cells), PER_ROW):
        yield "".join(cells[start : start + PER_ROW])
    yield note_html(_note(selection))


def _note(selection: DrawnPart) -> str:
    return NOTE_IN_POSITIONS if selection.circuit.in_positions else NOTE


def _kept(share: SelectionFrequency) -> str:
    low, high = share.interval
    return f"in {share.n_kept} of {share.n_runs} runs ({share.share:.0%}, 95% interval {low:.0%} to {high:.0%})"


def _opaque(colour: str, share: float) -> str:
    """With an opacity from nearly nothing to all, as Graphviz writes it."""
    return f"{colour}{round(255 * (FAINTEST + (1 - FAINTEST) * share**POWER)):02x}"


def _tint(share: float) -> str:
    """From white to the colour of what every run keeps."""
    return "#" + "".join(f"{round(255 - share**POWER * (255 - channel)):02x}" for channel in OFTEN)
