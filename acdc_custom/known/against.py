"""What a search and its roles found, against a circuit that was published: precision and recall.

Owns the counts, and how they are written: lines for a terminal, rows for a CSV file, JSON. Imports no torch.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from acdc_custom.circuit.circuit import Circuit
from acdc_custom.files.columns import left, paragraph, right, table
from acdc_custom.files.table import Row, Tabular
from acdc_custom.graph import Sender, Stage
from acdc_custom.heads.table import HeadTable
from acdc_custom.known.published import Published
from acdc_custom.version import __version__

SCHEMA = 1
CIRCUIT, OF_CIRCUIT, ROLES = "circuit", "class in the circuit", "role"


@dataclass(frozen=True)
class Match:
    """Nodes that were found, and those that were published. `found` None: only recall makes sense."""

    part: str
    name: str
    published: frozenset[Sender]
    found: frozenset[Sender] | None
    right: frozenset[Sender]

    @property
    def precision(self) -> float | None:
        """Which share of what was found was published; None where nothing was found, or where it makes no sense."""
        return len(self.right) / len(self.found) if self.found else None

    @property
    def recall(self) -> float:
        """Which share of what was published was found."""
        return len(self.right) / len(self.published)


def matches(published: Published, circuit: Circuit, table: HeadTable | None) -> tuple[Match, ...]:
    """The circuit's heads, and MLPs where the publication names them; its classes; and the roles.

    `table` has every head of the model. A head counts for a role if that is its role or its second one. Raises
    `ValueError` for a table without some heads.
    """
    every = {
        stage: frozenset(node for node in circuit.nodes if node.stage is stage) for stage in (Stage.HEAD, Stage.MLP)
    }
    found = [_match(CIRCUIT, "heads", published.heads, every[Stage.HEAD])]
    if published.with_mlps:
        found.append(_match(CIRCUIT, "MLPs", published.mlps, every[Stage.MLP]))
    for group in published.groups:
        nodes = frozenset(group.nodes)
        found.append(Match(OF_CIRCUIT, group.name, nodes, None, nodes & frozenset(circuit.nodes)))
    if table is not None:
        if missing := published.heads - {row.head for row in table.rows}:
            raise ValueError(f"{min(missing)} has not been measured")
        for role, heads in published.roles.items():
            given = frozenset(row.head for row in table.rows if role in (row.role, *row.also))
            found.append(_match(ROLES, role.value, heads, given))
    return tuple(found)


def _match(part: str, name: str, published: frozenset[Sender], found: frozenset[Sender]) -> Match:
    return Match(part, name, published, found, published & found)


@dataclass(frozen=True, repr=False)
class PublishedResults(Tabular):
    """What a search found of a published circuit: its circuit, what all heads do if that is compared, the counts."""

    published: Published
    circuit: Circuit
    heads: HeadTable | None
    matches: tuple[Match, ...]

    def __repr__(self) -> str:
        found = "; ".join(
            f"{len(match.right)} of {len(match.published)} {match.name}"
            for match in self.matches
            if match.part == CIRCUIT
        )
        return f"<PublishedResults: {self.published.name} in {self.circuit.model.name}, {found}>"

    def to_rows(self) -> list[Row]:
        """A row per match, as in `published.csv`."""
        return to_rows(self.matches)


def lines(published: Published, found: Sequence[Match]) -> Iterator[str]:
    """A line per match, and which nodes are missing or too many."""
    yield from paragraph(f"{published.name}: {published.about}", "Published  ", " " * 11)
    yield from paragraph(published.source, " " * 11, " " * 11)
    columns = (left(), right("published"), right("found"), right("right"), right("precision"), right("recall"))
    yield from table(columns, [_cells(match) for match in found])
    for match in found:
        if match.part == CIRCUIT:
            missing = _names(match.published - match.right) or "none"
            yield from paragraph(f"Published {match.name} that were not found: {missing}")


def _cells(match: Match) -> list[str]:
    return [
        f"{match.part}: {match.name}",
        str(len(match.published)),
        "-" if match.found is None else str(len(match.found)),
        str(len(match.right)),
        _share(match.precision),
        _share(match.recall),
    ]


def to_rows(found: Sequence[Match]) -> list[Row]:
    """A row per match."""
    return [
        {
            "part": match.part,
            "name": match.name,
            "published": len(match.published),
            "found": "" if match.found is None else len(match.found),
            "right": len(match.right),
            "precision": "" if match.precision is None else match.precision,
            "recall": match.recall,
        }
        for match in found
    ]


def to_json(published: Published, circuit: Circuit, found: Sequence[Match]) -> str:
    """Everything: what was published, what was found, and the shares."""
    content = {
        "schema": SCHEMA,
        "packages": {"acdc-custom": __version__},
        "published": published.name.value,
        "source": published.source,
        "model": circuit.model.name,
        "weights_sha256": circuit.model.weights_sha256,
        "threshold": circuit.settings.threshold,
        "matches": [
            {
                "part": match.part,
                "name": match.name,
                "published": _list(match.published),
                "found": None if match.found is None else _list(match.found),
                "right": _list(match.right),
                "precision": match.precision,
                "recall": match.recall,
            }
            for match in found
        ],
    }
    return json.dumps(content, indent=1, allow_nan=False) + "\n"


def _list(nodes: Iterable[Sender]) -> list[str]:
    return [str(node) for node in sorted(nodes)]


def _names(nodes: Iterable[Sender]) -> str:
    return ", ".join(node.label for node in sorted(nodes))


def _share(share: float | None) -> str:
    return "-" if share is None else f"{share:.2f}"
