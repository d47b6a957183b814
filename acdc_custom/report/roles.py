"""What a page says about heads: the table of roles, the evidence in a head's panel, the legend's colours.

Owns the choice of columns and their words. Where the numbers come from is the business of `acdc_custom.heads`.
"""

from __future__ import annotations

from dataclasses import dataclass

from acdc_custom.export.style import ROLE_STYLES
from acdc_custom.heads.evidence import Evidence, Measure, Role
from acdc_custom.heads.table import HeadRow, HeadTable

COLUMNS = {
    Measure.DIRECT_EFFECT: "Direct effect, %",
    Measure.COPY: "Copies",
    Measure.NEGATIVE_COPY: "Copies against",
    Measure.ANSWER_FROM_CUE: "Answer from cue",
    Measure.QUERY_EFFECT: "Via movers' queries, %",
    Measure.INDUCTION: "Induction",
    Measure.DUPLICATE_TOKEN: "Duplicate token",
    Measure.PREVIOUS_TOKEN: "Previous token",
}


@dataclass(frozen=True)
class RoleLine:
    """One head of the table. `numbers` are None where nothing was measured."""

    node: str
    label: str
    role: str
    also: str
    why: str  # it is unclassified, if it is
    colour: str
    numbers: tuple[float | None, ...]
    looks_at: str  # the word that gets most attention from END
    looks_share: float | None


@dataclass(frozen=True)
class RolePanel:
    """What a head's panel says of its role; of an unclassified head, why it has none."""

    role: str
    about: str
    colour: str
    evidence: tuple[Evidence, ...]
    at_end: bool  # a matter of END: elsewhere the head does something else


@dataclass(frozen=True)
class Chip:
    """An entry of the legend."""

    colour: str
    mark: str
    meaning: str


@dataclass(frozen=True)
class RolesSection:
    """All that a page shows of a table of heads."""

    columns: tuple[tuple[str, str], ...]  # heading, and what it means
    lines: tuple[RoleLine, ...]
    panels: dict[str, RolePanel]
    chips: tuple[Chip, ...]
    glossary: tuple[tuple[str, str], ...]  # every role that occurs, and what such a head does
    notes: tuple[str, ...]
    n: int  # prompts
    choices: tuple[tuple[str, str], ...]  # what a filter offers, and the names of the heads that it leaves


def roles_of(table: HeadTable) -> RolesSection:
    """What is shown of the circuit's heads: those with a role first, then by direct effect."""
    rows = sorted(
        (row for row in table.rows if row.in_circuit),
        key=lambda row: (list(Role).index(row.role), -abs(_score(row, Measure.DIRECT_EFFECT) or 0.0), row.head),
    )
    measures = [measure for measure in COLUMNS if any(measure in row.scores for row in rows)]
    present = [role for role in Role if any(row.role is role for row in rows)]
    count = {role: sum(row.role is role for row in rows) for role in present}
    return RolesSection(
        columns=tuple((COLUMNS[measure], measure.about) for measure in measures),
        lines=tuple(_line(row, measures) for row in rows),
        panels={str(row.head): _panel(row) for row in rows},
        chips=tuple(
            Chip(ROLE_STYLES[role].fill, ROLE_STYLES[role].mark, f"{role}: {count[role]} head{'s' * (count[role] > 1)}")
            for role in present
        ),
        glossary=tuple((str(role), role.about) for role in present),
        notes=table.notes,
        n=table.source.n,
        choices=tuple(
            (f"{role} ({count[role]})", " ".join(str(row.head) for row in rows if row.role is role)) for role in present
        ),
    )


def _line(row: HeadRow, measures: list[Measure]) -> RoleLine:
    place = max(row.attention, key=lambda name: row.attention[name], default="")
    return RoleLine(
        node=str(row.head),
        label=row.head.label,
        role=str(row.role),
        also=", ".join(row.also),
        why=row.why,
        colour=ROLE_STYLES[row.role].fill,
        numbers=tuple(_score(row, measure) for measure in measures),
        looks_at=place,
        looks_share=row.attention[place] if place else None,
    )


def _panel(row: HeadRow) -> RolePanel:
    about = row.role.about
    if row.why:
        about = row.why
    return RolePanel(", ".join([row.role, *row.also]), about, ROLE_STYLES[row.role].fill, row.evidence, row.role.at_end)


def _score(row: HeadRow, measure: Measure) -> float | None:
    score = row.scores.get(measure)
    return None if score is None else score.value
