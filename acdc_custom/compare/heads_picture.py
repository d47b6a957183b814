"""Three circuits or more as a table of heads: a row for each, a column for each circuit, roles and shares in cells.

Owns which heads come first, and what stands in a cell. A graph of so many circuits is a thicket; this can be read. Of
circuits in positions, a row is a head at a span.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from acdc_custom.circuit.members import Part
from acdc_custom.compare.comparison import Comparison
from acdc_custom.compare.picture import picture_title
from acdc_custom.errors import count
from acdc_custom.export.style import ROLE_STYLES
from acdc_custom.figures.cells import draw_cells
from acdc_custom.figures.theme import SEQUENTIAL, Figure, Theme
from acdc_custom.graph import Edge, Place, Sender
from acdc_custom.heads.evidence import Role

Head = Sender | Place  # in positions, at a span
Shares = Mapping[Head, Mapping[str, float]]  # by letter of the circuit

MOST_ROWS = 40
ROW, COLUMN = 0.24, 0.95  # inches
DARK_FROM = 0.6  # of the largest share: the text on such a cell is light


def heads_picture(comparison: Comparison, theme: Theme = Theme.LIGHT) -> Figure:
    """The figure: the heads of the largest shares, those of most circuits first."""
    letters = [entry.letter for entry in comparison.entries]
    members = comparison.members[Part.HEADS]
    shares: Shares = {head: by for head, by in members.items() if not isinstance(head, Edge)}
    heads = sorted(shares, key=lambda head: (-max(shares[head].values()), head))
    shown = sorted(heads[:MOST_ROWS], key=lambda head: -len(shares[head]))
    roles = {
        (head.member, letter): of[0] for head in comparison.heads for letter in head.rows if (of := head.roles(letter))
    }
    values = np.array([[shares[head].get(letter, np.nan) for letter in letters] for head in shown], dtype=float)
    values = values.reshape(len(shown), len(letters))
    title = (
        f"Heads{' at spans' * comparison.in_positions} of {picture_title(comparison)}: each head's share in the "
        "effects of its circuit's heads, in per cent"
    )
    if len(heads) > len(shown):
        title += f"; {len(shown)} of {len(heads)} heads, those of the largest shares"
    bare = [entry.letter for entry in comparison.entries if entry.heads is None]
    marks = {role: ROLE_STYLES[role].mark for role in Role if role in roles.values()}
    about = f"{count(len(heads), 'head')} by {len(letters)} circuits. " + "; ".join(
        f"{head.label}: {', '.join(f'{letter} {_cell(shares, roles, head, letter)}' for letter in shares[head])}"
        for head in shown
    )
    with theme.applied():
        named = [f"{entry.letter}: {entry.name}" for entry in comparison.entries]
        high = 0.9 + ROW * max(1, len(shown)) + 0.17 * (len(named) + len(marks) + bool(bare))
        figure = Figure(title, about, max(5.0, 1.0 + COLUMN * len(letters)), high, theme)
        axes = figure.subplots()
        axes.set_facecolor(theme.value.empty)
        largest = float(np.nanmax(values)) if values.size else 0.0
        if values.size:
            draw_cells(axes, values, SEQUENTIAL, 0.0, largest)
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0, labeltop=True, labelbottom=False)
        axes.set_xticks(range(len(letters)), letters)
        axes.set_yticks(range(len(shown)), [head.label for head in shown])
        for (row, column), value in np.ndenumerate(values):
            if np.isfinite(value):
                text = _cell(shares, roles, shown[row], letters[column])
                colour = "#ffffff" if value > DARK_FROM * largest else "#222222"
                axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=7.5)
        meanings = [f"{mark}: {role}" for role, mark in marks.items() if mark]
        if bare:
            meanings.append(f"{', '.join(bare)}: roles not measured (acdc-custom roles)")
        axes.set_xlabel("\n".join([*named, *meanings]), loc="left")
    return figure


def _cell(shares: Shares, roles: Mapping[tuple[Head, str], Role], head: Head, letter: str) -> str:
    """`NM 12`: the mark of the role, where it has one, and the share in per cent."""
    role = roles.get((head, letter))
    mark = ROLE_STYLES[role].mark if role else ""
    return f"{mark} {100 * shares[head][letter]:.0f}".strip()
