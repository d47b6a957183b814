"""The circuits that are compared: read from their folders, each with a letter and a name that tell it from the others.

Owns what has to hold for a comparison to mean anything: two circuits at least, all in graphs of one shape.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from acdc_custom.circuit.circuit import Circuit
from acdc_custom.errors import UsageError
from acdc_custom.graph import GraphShape
from acdc_custom.heads.table import JSON_NAME, HeadTable


@dataclass(frozen=True)
class Entry:
    """One of the compared circuits. `heads` is None where no roles were found."""

    letter: str
    name: str
    where: Path
    circuit: Circuit  # without positions
    heads: HeadTable | None
    merged: int = 0  # edges of a circuit in positions, before its spans were merged


def load_entries(paths: Sequence[str | Path]) -> tuple[Entry, ...]:
    """Read run folders, or `circuit.json` files, each with the `heads.json` beside it if there is one.

    Circuits in positions are merged: an edge counts once, whatever its spans. Raises `ResultError` for a file that
    cannot be read, `UsageError` for fewer than two and for different shapes.
    """
    if len(paths) < 2:
        raise UsageError(f"{len(paths)} circuit was given: comparing needs two at least. Name two run folders or more.")
    places = [Path(path) for path in paths]
    entries = tuple(
        Entry(
            letter(number),
            name,
            place,
            circuit.at_all_spans,
            _heads(place),
            len(circuit.edges) if circuit.in_positions else 0,
        )
        for number, (name, place) in enumerate(zip(_names(places), places, strict=True))
        for circuit in [Circuit.load(place)]
    )
    check_shapes(entries)
    return entries


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
