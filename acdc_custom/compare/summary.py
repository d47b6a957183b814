"""A comparison as text for the terminal.

Owns the words and the columns there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from acdc_custom.circuit.circuit import Outcome
from acdc_custom.circuit.members import Part, members_of
from acdc_custom.circuit.random_circuits import NullModel
from acdc_custom.circuit.trust import on_test_prompts
from acdc_custom.compare.chance import ChanceComparison
from acdc_custom.compare.comparison import Comparison, Crossing, Pair
from acdc_custom.compare.entry import Entry
from acdc_custom.errors import count
from acdc_custom.export.caption import plural
from acdc_custom.files.columns import left, paragraph, right, table, whole
from acdc_custom.heads.evidence import Role
from acdc_custom.stats.intervals import FEWEST_DRAWS

MOST_HEADS = 12
CHANCE = ("by chance", "z", "p")
ANY_SPAN_IS = " Any span: the circuits without positions, where an edge counts once whatever its spans."


def summarize_comparison(comparison: Comparison) -> str:
    """What was compared, what is shared, against chance, and each circuit on each other's prompts."""
    return "\n".join(
        [
            *_circuits(comparison),
            *_overlaps(comparison),
            *_heads(comparison),
            *_crossings(comparison),
            *(line for note in comparison.notes for line in paragraph(f"Note: {note}", later="      ")),
        ]
    )


def _circuits(comparison: Comparison) -> Iterator[str]:
    for entry in comparison.entries:
        circuit = entry.circuit
        private = len(comparison.private_to(Part.EDGES, entry.letter))
        sizes = f"{len(circuit.edges):,} edges, {len(members_of(circuit, Part.NODES))} nodes"
        yield from paragraph(
            f"{entry.letter}  {entry.name}: {sizes}{_at_spans(entry)}; {private:,} edges in no other", later="   "
        )
        yield from paragraph(on_test_prompts(circuit), "   ", "   ")
    if len(comparison.entries) > 2:
        anywhere = comparison.whatever_span
        yield f"All share {shared_in_all(comparison)}" + (" at spans" if anywhere else "")
        if anywhere:
            yield f"  any span {shared_in_all(anywhere)}"


def _at_spans(entry: Entry) -> str:
    """Of a circuit in positions, at how many spans, and what it has at others."""
    if not entry.circuit.in_positions:
        return ""
    spans, more = count(len(entry.circuit.spans), "span"), sum(entry.elsewhere.values())
    if not entry.elsewhere:
        return f" at {spans}"
    return f" at the {spans} that all have" + (f" ({count(more, 'edge')} at others)" if more else "")


def shared_in_all(comparison: Comparison) -> str:
    """`11 edges, 6 nodes and 1 head`."""
    edges, nodes, heads = (
        f"{count:,} {part.removesuffix('s')}{plural(count)}"
        for part, count in ((part, len(comparison.shared_by_all(part))) for part in Part)
    )
    return f"{edges}, {nodes} and {heads}"


def _overlaps(comparison: Comparison) -> Iterator[str]:
    yield ""
    names = ("shared", "of 1st", "of 2nd", "Jaccard", *CHANCE, "weighted", *CHANCE)
    heading = "At spans" if comparison.in_positions else "Overlap"
    overlaps = [_overlap(name, pair) for name, pair in _pairs(comparison)]
    yield from table((left(heading), *map(right, names)), overlaps)
    yield from paragraph(
        f"of 1st, of 2nd: how much of the one's the other has. Chance: {comparison.draws:,} random circuits; "
        f"{NullModel.SHUFFLED.about}.{ANY_SPAN_IS * comparison.in_positions}",
        "  ",
        "  ",
    )
    rewired = [
        (name, pair, chance.jaccard)
        for name, pair in _pairs(comparison)
        for chance in pair.chances
        if chance.null is NullModel.REWIRED and chance.jaccard
    ]
    if rewired:
        kept = "; spans stay" * comparison.in_positions
        yield from paragraph(f"With {NullModel.REWIRED}: {NullModel.REWIRED.about}{kept}.")
    rows = []
    for name, pair, jaccard in rewired:
        alone = jaccard.z is None
        chance = ("", "", "") if alone else (_mean(jaccard), _z(jaccard), _p(jaccard))
        note = "these degrees leave no other circuit" if alone else _few(jaccard)
        rows.append((name, str(pair.overlap.n_shared), _three(jaccard.observed), *chance, note))
    yield from table((left(), *[right()] * 5, left()), rows)


def _few(against: ChanceComparison) -> str:
    """Why there is no p."""
    if against.p is not None:
        return ""
    circuits = "circuit" if against.n_random == 1 else "circuits"
    return f"these degrees leave {against.n_random} other {circuits}, and it takes {FEWEST_DRAWS} to tell"


def _pairs(comparison: Comparison) -> Iterator[tuple[str, Pair]]:
    """Every row of a table, with its name: of circuits in positions, below each the same whatever the span."""
    for pair in comparison.pairs:
        yield f"{pair.first.letter}-{pair.second.letter} {pair.part}", pair
        if anywhere := comparison.any_span(pair):
            yield "  any span", anywhere


def _overlap(name: str, pair: Pair) -> list[str]:
    both = pair.overlap
    shuffled = next(chance for chance in pair.chances if chance.null is NullModel.SHUFFLED)
    cells = [whole(name), str(both.n_shared), _share(both.of_first), _share(both.of_second)]
    for share, against in ((both.jaccard, shuffled.jaccard), (both.weighted, shuffled.weighted)):
        cells += [_three(share), _mean(against), _z(against), _p(against)]
    return cells


def _heads(comparison: Comparison) -> Iterator[str]:
    if not any(entry.heads for entry in comparison.entries):
        return
    yield ""
    yield from _roles(comparison, "Roles")
    if comparison.whatever_span:
        yield from _roles(comparison.whatever_span, "  any span")


def _roles(comparison: Comparison, name: str) -> Iterator[str]:
    several = [head for head in comparison.heads if len(head.circuits) > 1]
    different = [head for head in several if head.differs]
    heads = f"{count(len(several), 'head')}{' at spans' * comparison.in_positions}"
    yield f"{name}: {heads} in several circuits, {len(different)} with different roles"
    rows = []
    for head in different[:MOST_HEADS]:
        roles = {letter: head.roles(letter) for letter in head.rows}
        known = (f"{letter} {of[0]}" for letter, of in roles.items() if of and of[0] is not Role.UNCLASSIFIED)
        rows.append((head.member.label, "; ".join(known)))
    yield from table((left(), left()), rows, indent=2)
    if len(different) > MOST_HEADS:
        yield f"  and {len(different) - MOST_HEADS} more, in comparison.json"


def _crossings(comparison: Comparison) -> Iterator[str]:
    if not comparison.crossings:
        return
    letters = [entry.letter for entry in comparison.entries]
    yield ""
    yield from paragraph(
        "Logit difference recovered (KL in nats), of the edges in a row alone, on the prompts of a column"
        + ", at the spans that these have" * comparison.in_positions
    )
    yield from table((left(), *map(right, letters)), _matrix(comparison, lambda crossing: crossing.outcome))
    yield ""
    yield from paragraph("What is left of it in the whole model, with the edges in a row removed")
    yield from table((left(), *map(right, letters)), _matrix(comparison, lambda crossing: crossing.without))


def _matrix(comparison: Comparison, outcome: Callable[[Crossing], Outcome]) -> list[tuple[str, ...]]:
    """A row for each set of edges, with a cell for each circuit's prompts."""
    rows = []
    for edges in dict.fromkeys(crossing.edges for crossing in comparison.crossings):
        row = [crossing for crossing in comparison.crossings if crossing.edges == edges]
        cells = (f"{recovered(outcome(crossing))} ({outcome(crossing).circuit.kl:.3f})" for crossing in row)
        rows.append((f"{edges} ({row[0].n_edges:,} edges)", *cells))
    return rows


def recovered(outcome: Outcome) -> str:
    """The recovered share, in per cent; a dash where there is nothing to recover."""
    share = outcome.faithfulness
    return f"{share:.0%}" if share == share else "-"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.0%}"


def _three(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _mean(against: ChanceComparison | None) -> str:
    return _three(against.mean if against else None)


def _z(against: ChanceComparison | None) -> str:
    return "-" if against is None or against.z is None else f"{against.z:+.1f}"


def _p(against: ChanceComparison | None) -> str:
    if against is None:
        return "-"
    return "unknown" if against.p is None else f"{against.p:.2g}"
