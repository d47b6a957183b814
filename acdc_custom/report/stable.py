"""What a page says of a study of stability: the verdict, how much of this circuit comes back, the shares of heads.

Owns what is said of the single circuit. The verdict is the study's own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from acdc_custom.circuit.circuit import Circuit
from acdc_custom.circuit.members import Part, members_of
from acdc_custom.errors import count
from acdc_custom.report.words import percent
from acdc_custom.stability.record import CORE, Stability
from acdc_custom.stability.words import verdict

MOST_HEADS = 24  # in the table


@dataclass(frozen=True)
class HeadLine:
    """One head of the table, in positions at one span."""

    node: str
    label: str
    inside: bool  # it is in this circuit
    share: float
    interval: str


@dataclass(frozen=True)
class StabilitySection:
    """All that a page shows of a study."""

    verdict: str
    own: tuple[str, ...]
    heads: tuple[HeadLine, ...]
    more_heads: int  # that the table has no room for
    n_runs: int
    notes: tuple[str, ...]


def stable_of(stability: Stability, circuit: Circuit) -> StabilitySection:
    """What is shown; `circuit` is the study's consensus, or one of its runs."""
    heads = tuple(_heads(stability, circuit))
    return StabilitySection(
        verdict=verdict(stability),
        own=tuple(_own(stability, circuit)),
        heads=heads[:MOST_HEADS],
        more_heads=max(0, len(heads) - MOST_HEADS),
        n_runs=len(stability.consensus_runs),
        notes=stability.notes,
    )


def _own(stability: Stability, circuit: Circuit) -> Iterator[str]:
    """What the circuit is in the study, and how much of it comes back."""
    n_runs = len(stability.consensus_runs)
    consensus = circuit.search.consensus
    what = f"the {consensus}" if consensus else f"that of one of the {count(len(stability.runs), 'run')} of the study"
    yield f"The circuit on this page is {what}."
    if not circuit.edges:
        return
    kept = {kept.edge for kept in circuit.edges}
    shares = [share for share in stability.shares[Part.EDGES] if share.member in kept]
    often, half = (sum(share.reaches(least) for share in shares) for least in (CORE, 0.5))
    own = count(len(kept), "edge") + " at spans" * stability.in_positions
    yield (
        f"Of its {own}, at least {percent(CORE)} of the {n_runs} runs keep {often or 'none'}, and "
        f"fewer than half of them keep {len(kept) - half or 'none'}."
    )


def _heads(stability: Stability, circuit: Circuit) -> Iterator[HeadLine]:
    kept = members_of(circuit, Part.HEADS)
    for share in stability.shares[Part.HEADS]:
        low, high = share.interval
        head = share.member
        yield HeadLine(str(head), share.label, head in kept, share.share, f"{percent(low)} to {percent(high)}")
