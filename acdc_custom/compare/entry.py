"""The circuits that are compared: read from their folders, each with a letter and a name that tell it from the others.

Owns what has to hold for a comparison to mean anything, two circuits at least, all in graphs of one shape; and whether
circuits in positions are compared at spans, and at which.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from acdc_custom.circuit.circuit import Circuit
from acdc_custom.circuit.spans import are_alike, at_spans, shared_spans
from acdc_custom.errors import UsageError
from acdc_custom.graph import GraphShape
from acdc_custom.heads.table import JSON_NAME, HeadTable


@dataclass(frozen=True)
class Entry:
    """One of the compared circuits. `heads` is None where no roles were found."""

    letter: str
    name: str
    where: Path
    circuit: Circuit  # as it is compared: at the spans that all of them have, or without positions
    heads: HeadTable | None
    found: Circuit | None = None  # as it was found, if that is in positions

    @property
    def whole(self) -> Circuit:
        """The circuit as it was found."""
        return self.circuit if self.found is None else self.found

    @property
    def merged(self) -> int:
        """How many edges a circuit in positions had at spans, if its spans were merged; else 0."""
        return 0 if self.circuit.in_positions else len(self.whole.edges) * self.whole.in_positions

    @property
    def elsewhere(self) -> dict[str, int]:
        """How many edges it has at each of its spans that not all circuits have, where they are compared at spans."""
        compared = {span.name for span in self.circuit.spans}
        if not compared:
            return {}
        counts = Counter(kept.edge.span for kept in self.whole.edges)
        return {span.name: counts[span.name] for span in self.whole.spans if span.name not in compared}

    @property
    def whatever_span(self) -> Entry:
        """The same to be compared without positions."""
        return replace(self, circuit=self.whole.at_all_spans, found=self.whole)


def load_entries(paths: Sequence[str | Path], positions: bool | None = None) -> tuple[Entry, ...]:
    """Read run folders, or `circuit.json` files, each with the `heads.json` beside it if there is one.

    Circuits in positions are compared at the spans that all of them have. Where some circuits have none, where they
    share none but those of every task (START and END), or with `positions` False, they are merged: an edge counts once,
    whatever its spans. True asks for spans. Raises `ResultError` for a file that cannot be read, `UsageError` for fewer
    than two, for different shapes, and where spans are asked for and some circuits have none.
    """
    if len(paths) < 2:
        raise UsageError(f"{len(paths)} circuit was given: comparing needs two at least. Name two run folders or more.")
    places = [Path(path) for path in paths]
    entries = tuple(
        Entry(letter(number), name, place, circuit, _heads(place), circuit if circuit.in_positions else None)
        for number, (name, place) in enumerate(zip(_names(places), places, strict=True))
        for circuit in [Circuit.load(place)]
    )
    check_shapes(entries)
    spans = shared_spans([entry.circuit for entry in entries])
    if positions and not spans:
        plain = [f"{entry.letter} ({entry.name})" for entry in entries if not entry.circuit.in_positions]
        raise UsageError(
            f"circuits cannot be compared at spans, since {' and '.join(plain)} {_have(plain)} none. Leave --positions "
            "out, or search with --positions."
        )
    if positions is False or not (positions or are_alike(spans)):
        return tuple(entry.whatever_span if entry.found else entry for entry in entries)
    names = {span.name for span in spans}
    return tuple(replace(entry, circuit=at_spans(entry.circuit, names)) for entry in entries)


def _have(several: Sequence[str]) -> str:
    return "has" if len(several) == 1 else "have"


def check_shapes(entries: Sequence[Entry]) -> None:
    """Raises `UsageError` unless all circuits are parts of one graph."""
    first, *others = entries
    for other in others:
        if other.circuit.shape != first.circuit.shape:
            raise UsageError(
                f"{first.where} and {other.where} are circuits in models of different shapes: "
                f"{describe_shape(first.circuit.shape)}; {describe_shape(other.circuit.shape)}. "
                "Compare circuits of one model, or of models of one shape."
            )


def check_spans(entries: Sequence[Entry]) -> None:
    """Raises `UsageError` unless all circuits are at the same spans, or none of them is in positions."""
    first, *others = entries
    for other in others:
        if {span.name for span in other.circuit.spans} != {span.name for span in first.circuit.spans}:
            raise UsageError(
                f"{first.where} and {other.where} are circuits at different spans. load_entries gives those that can "
                "be compared: at the spans that all have, or without positions."
            )


def describe_shape(shape: GraphShape) -> str:
    """`4 layers of 8 heads`, and what is special about them."""
    groups = f" in {shape.n_kv_heads} groups" if shape.grouped else ""
    special = " in parallel with the MLPs" * shape.parallel if shape.has_mlp else " without MLPs"
    return f"{shape.n_layers} layers of {shape.n_heads} heads{groups}{special}"


def letter(number: int) -> str:
    """A to Z, then AA, AB, as in the columns of a spreadsheet."""
    before, last = divmod(number, 26)
    return (letter(before - 1) if before else "") + chr(ord("A") + last)


def _names(places: Sequence[Path]) -> list[str]:
    """The folders' names; where two have the same, all of the path; where that is the same, numbered."""
    folders = [place.resolve() if place.is_dir() else place.resolve().parent for place in places]
    short = Counter(folder.name for folder in folders)
    names = [
        folder.name if folder.name and short[folder.name] == 1 else str(place)
        for folder, place in zip(folders, places, strict=True)
    ]
    return [
        name if name not in names[:number] else f"{name} ({1 + names[:number].count(name)})"
        for number, name in enumerate(names)
    ]


def _heads(place: Path) -> HeadTable | None:
    path = (place if place.is_dir() else place.parent) / JSON_NAME
    return HeadTable.load(path) if path.exists() else None
