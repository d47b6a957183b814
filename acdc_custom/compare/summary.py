"""A comparison as text for the terminal.

Owns the words and the columns there.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from acdc_custom.circuit.circuit import Outcome
from acdc_custom.circuit.members import Part
from acdc_custom.circuit.random_circuits import NullModel
from acdc_custom.compare.chance import ChanceComparison
from acdc_custom.compare.comparison import Comparison, Pair
from acdc_custom.export.caption import plural
from acdc_custom.heads.evidence import Role

MOST_HEADS = 12


def summarize_comparison(comparison: Comparison) -> str:
    """What was compared, what is shared, against chance, and each circuit on each other's prompts."""
    return "\n".join(
        [
            *_circuits(comparison),
            *_overlaps(comparison),
            *_heads(comparison),
            *_crossings(comparison),
            *(textwrap.fill(f"Note: {note}", 110, subsequent_indent="      ") for note in comparison.notes),
        ]
    )


def _circuits(comparison: Comparison) -> Iterator[str]:
    for entry in comparison.entries:
        circuit = entry.circuit
        private = len(comparison.private_to(Part.EDGES, entry.letter))
        yield (
            f"{entry.letter}  {entry.name}: {len(circuit.edges):,} edges, {len(circuit.nodes)} nodes; "
            f"{private:,} edges in no other"
        )
    if len(comparison.entries) > 2:
        yield f"All share {shared_in_all(comparison)}"


def shared_in_all(comparison: Comparison) -> str:
    """`11 edges, 6 nodes and 1 head`."""
    edges, nodes, heads = (
        f"{count:,} {part.removesuffix('s')}{plural(count)}"
        for part, count in ((part, len(comparison.shared_by_all(part))) for part in Part)
    )
    return f"{edges}, {nodes} and {heads}"


def _overlaps(comparison: Comparison) -> Iterator[str]:
    yield ""
    yield (
        f"{'Overlap':<14}{'shared':>7}{'of 1st':>8}{'of 2nd':>8}{'Jaccard':>9}{'by chance':>11}{'z':>7}{'p':>8}"
        f"{'weighted':>10}{'by chance':>11}{'z':>7}{'p':>8}"
    )
    for pair in comparison.pairs:
        yield _overlap(pair)
    yield f"  of 1st, of 2nd: how much of the one's the other has. Chance: {comparison.draws:,} random circuits;"
    yield f"  {NullModel.SHUFFLED.about}."
    rewired = [
        (pair, chance.jaccard)
        for pair in comparison.pairs
        for chance in pair.chances
        if chance.null is NullModel.REWIRED and chance.jaccard
    ]
    if rewired:
        yield f"With {NullModel.REWIRED}: {NullModel.REWIRED.about}."
    for pair, jaccard in rewired:
        yield f"{_name(pair):<14}{pair.overlap.n_shared:>7}{'':16}{_three(jaccard.observed):>9}" + (
            "  these degrees leave no other circuit"
            if jaccard.z is None
            else f"{_mean(jaccard):>11}{_z(jaccard):>7}{_p(jaccard):>8}"
        )


def _overlap(pair: Pair) -> str:
    both = pair.overlap
    shuffled = next(chance for chance in pair.chances if chance.null is NullModel.SHUFFLED)
    return (
        f"{_name(pair):<14}{both.n_shared:>7}{_share(both.of_first):>8}"
        f"{_share(both.of_second):>8}{_three(both.jaccard):>9}{_mean(shuffled.jaccard):>11}{_z(shuffled.jaccard):>7}"
        f"{_p(shuffled.jaccard):>8}{_three(both.weighted):>10}{_mean(shuffled.weighted):>11}{_z(shuffled.weighted):>7}"
        f"{_p(shuffled.weighted):>8}"
    )


def _name(pair: Pair) -> str:
    return f"{pair.first.letter}-{pair.second.letter} {pair.part}"


def _heads(comparison: Comparison) -> Iterator[str]:
    if not any(entry.heads for entry in comparison.entries):
        return
    several = [head for head in comparison.heads if len(head.circuits) > 1]
    different = [head for head in several if head.differs]
    yield ""
    yield f"Roles: {len(several)} head{plural(len(several))} in several circuits, {len(different)} with different roles"
    for head in different[:MOST_HEADS]:
        roles = (f"{letter} {row.role}" for letter, row in head.rows.items() if row.role is not Role.UNCLASSIFIED)
        yield f"  {head.head.label:<8} {'; '.join(roles)}"
    if len(different) > MOST_HEADS:
        yield f"  and {len(different) - MOST_HEADS} more, in comparison.json"


def _crossings(comparison: Comparison) -> Iterator[str]:
    if not comparison.crossings:
        return
    letters = [entry.letter for entry in comparison.entries]
    yield ""
    yield "Logit difference recovered (KL in nats), of the edges in a row alone, on the prompts of a column"
    yield f"{'':<24}" + "".join(f"{letter:>18}" for letter in letters)
    for edges in dict.fromkeys(crossing.edges for crossing in comparison.crossings):
        row = [crossing for crossing in comparison.crossings if crossing.edges == edges]
        name = f"{edges} ({row[0].n_edges:,} edges)"
        yield f"{name:<24}" + "".join(f"{recovered(c.outcome) + f' ({c.behaviour.kl:.3f})':>18}" for c in row)


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
    return "-" if against is None else f"{against.p:.2g}"
