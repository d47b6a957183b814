"""A table of heads as text for the terminal, in 110 columns."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from acdc_custom.heads.evidence import Measure, Role
from acdc_custom.heads.table import HeadRow, HeadTable

COLUMNS = 110
MANY = 60  # from here on, unclassified heads are counted only

# What stands above a column, its width, and what is in it. "%" is of the logit difference.
NUMBERS = (
    ("direct", 8, Measure.DIRECT_EFFECT),
    ("copy", 6, Measure.COPY),
    ("neg.", 6, Measure.NEGATIVE_COPY),
    ("cue", 6, Measure.ANSWER_FROM_CUE),
    ("query", 8, Measure.QUERY_EFFECT),
    ("ind.", 6, Measure.INDUCTION),
    ("dup.", 6, Measure.DUPLICATE_TOKEN),
    ("prev.", 6, Measure.PREVIOUS_TOKEN),
)
LEGEND = (
    "direct, query: change of the logit difference in per cent when the head's paths to the logits, or to the movers' "
    "queries, are patched. copy, neg., cue: how often the head would write a word, against it, or the answer at "
    "another word, from what stands there after block 0 (heads of layer 0: from the embedding). ind., dup., prev.: "
    "attention on repeated random tokens. END looks at: the word that gets most."
)


def summarize_heads(table: HeadTable) -> str:
    """Roles, the numbers behind them, and what they cannot show."""
    if not table.rows:
        return "There is no attention head in this circuit."
    rows = sorted(table.rows, key=lambda row: (list(Role).index(row.role), -_strength(row), row.head))
    hidden = [row for row in rows if row.role is Role.UNCLASSIFIED] if len(rows) > MANY else []
    lines = [_header(), *(_line(row) for row in rows if row not in hidden)]
    if hidden:
        lines.append(f"{len(hidden)} heads more are {Role.UNCLASSIFIED}; heads.csv has them all.")
    lines += textwrap.wrap(LEGEND, COLUMNS)
    counts = ", ".join(f"{n} {role}" for role, n in table.counts.items())
    source = table.source
    heads = f"measured: {source.measured} of the model's {source.of_heads} heads"
    lines += textwrap.wrap(f"{counts}; {source.n} prompts; {heads}", COLUMNS)
    if without := [row for row in rows if row.why and row not in hidden]:
        lines.append("Why heads are unclassified:")
        for row in without:
            lines += textwrap.wrap(
                f"{row.head.label:<8} {row.why}", COLUMNS, initial_indent="  ", subsequent_indent=" " * 11
            )
    for note in table.notes:
        lines += textwrap.wrap(note, COLUMNS, initial_indent="Note       ", subsequent_indent=" " * 11)
    return "\n".join(lines)


def name_roles(table: HeadTable) -> str:
    """`2 name movers: L3H1, L3H6; 1 S-inhibition head: L2H4; 5 unclassified`: of the circuit's heads."""
    heads: dict[Role, list[str]] = {role: [] for role in Role}
    for row in table.rows:
        if row.in_circuit:
            heads[row.role].append(row.head.label)
    without = len(heads.pop(Role.UNCLASSIFIED))
    parts = [f"{role.counted(len(of))}: {', '.join(of)}" for role, of in heads.items() if of]
    if without:
        parts.append(Role.UNCLASSIFIED.counted(without) + " (heads.csv says why)" * (not parts))
    return "; ".join(parts)


def _header() -> str:
    return f"{'head':<9}{'role':<22}" + "".join(f"{name:>{width}}" for name, width, _ in NUMBERS) + "  END looks at"


def _line(row: HeadRow) -> str:
    role = row.role + (" +" if row.also else "")
    return f"{row.head.label:<9}{role:<22}" + "".join(_cells(row)) + f"  {_attention(row)}"


def _cells(row: HeadRow) -> Iterator[str]:
    for _, width, measure in NUMBERS:
        score = row.scores.get(measure)
        decimals = 1 if measure.in_per_cent else 2
        yield f"{'-' if score is None else f'{score.value:.{decimals}f}':>{width}}"


def _attention(row: HeadRow) -> str:
    """`IO 0.61`."""
    if not row.attention:
        return "-"
    place = max(row.attention, key=lambda name: row.attention[name])
    return f"{textwrap.shorten(place, 14, placeholder='..')} {row.attention[place]:.2f}"


def _strength(row: HeadRow) -> float:
    score = row.scores.get(Measure.DIRECT_EFFECT)
    return 0.0 if score is None else abs(score.value)
