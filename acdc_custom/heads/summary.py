"""A table of heads as text for the terminal."""

from __future__ import annotations

import textwrap

from acdc_custom.files.columns import left, paragraph, right, whole
from acdc_custom.files.columns import table as laid_out
from acdc_custom.heads.evidence import Measure, Role
from acdc_custom.heads.table import HeadRow, HeadTable
from acdc_custom.task.spans import END

MANY = 60  # from here on, unclassified heads are counted only

# What stands above a column, and what is in it. "%" is of the logit difference.
NUMBERS = (
    ("direct", Measure.DIRECT_EFFECT),
    ("copy", Measure.COPY),
    ("neg.", Measure.NEGATIVE_COPY),
    ("cue", Measure.ANSWER_FROM_CUE),
    ("query", Measure.QUERY_EFFECT),
    ("ind.", Measure.INDUCTION),
    ("dup.", Measure.DUPLICATE_TOKEN),
    ("prev.", Measure.PREVIOUS_TOKEN),
)
COLUMNS = (left("head"), left("role"), *(right(name) for name, _ in NUMBERS), left("END looks at"))
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
    shown = [row for row in rows if row not in hidden]
    if any(row.spans for row in rows):
        lines = laid_out((*COLUMNS, left("in the circuit at")), [[*_cells(row), whole(_spans(row))] for row in shown])
    else:
        lines = laid_out(COLUMNS, [_cells(row) for row in shown])
    if hidden:
        lines.append(f"{len(hidden)} heads more are {Role.UNCLASSIFIED}; heads.csv has them all.")
    lines += paragraph(LEGEND)
    counts = ", ".join(f"{n} {role}" for role, n in table.counts.items())
    source = table.source
    heads = f"measured: {source.measured} of the model's {source.of_heads} heads"
    lines += paragraph(f"{counts}; {source.n} prompts; {heads}")
    if without := [row for row in rows if row.why and row not in hidden]:
        lines.append("Why heads are unclassified:")
        lines += laid_out((left(), left()), [(row.head.label, row.why) for row in without], indent=2)
    for note in table.notes:
        lines += paragraph(note, "Note       ", " " * 11)
    return "\n".join(lines)


def name_roles(table: HeadTable) -> str:
    """`2 name movers: L3H1, L3H6; 1 S-inhibition head: L2H4; 5 unclassified`: of the circuit's heads.

    In positions, each with where it has its role: `L3H1 (END)`.
    """
    heads: dict[Role, list[str]] = {role: [] for role in Role}
    for row in table.rows:
        if row.in_circuit:
            elsewhere = row.role.at_end and bool(row.spans) and END not in row.spans
            at = row.spans if elsewhere or not row.role.at_end else row.spans[-1:]
            heads[row.role].append(row.head.label + (f" ({', '.join(at)})" if at else ""))
    without = len(heads.pop(Role.UNCLASSIFIED))
    parts = [f"{role.counted(len(of))}: {', '.join(of)}" for role, of in heads.items() if of]
    if without:
        parts.append(Role.UNCLASSIFIED.counted(without) + " (heads.csv says why)" * (not parts))
    return "; ".join(parts)


def _cells(row: HeadRow) -> list[str]:
    numbers = [_number(row, measure) for _, measure in NUMBERS]
    return [row.head.label, whole(row.role + (" +" if row.also else "")), *numbers, whole(_attention(row))]


def _spans(row: HeadRow) -> str:
    """Where it writes; with a warning where it does not at END, and its role is a matter of END."""
    return ", ".join(row.spans) + ", not at END" * (row.role.at_end and bool(row.spans) and END not in row.spans)


def _number(row: HeadRow, measure: Measure) -> str:
    score = row.scores.get(measure)
    decimals = 1 if measure.in_per_cent else 2
    return "-" if score is None else f"{score.value:.{decimals}f}"


def _attention(row: HeadRow) -> str:
    """`IO 0.61`."""
    if not row.attention:
        return "-"
    place = max(row.attention, key=lambda name: row.attention[name])
    return f"{textwrap.shorten(place, 14, placeholder='..')} {row.attention[place]:.2f}"


def _strength(row: HeadRow) -> float:
    score = row.scores.get(Measure.DIRECT_EFFECT)
    return 0.0 if score is None else abs(score.value)
