"""What the page of a comparison says in whole sentences: what was found, and what overlap does and does not show.

Owns the wording. Plain text, escaped where it is written.
"""

from __future__ import annotations

from collections.abc import Iterator

from acdc_custom.circuit.members import Part
from acdc_custom.circuit.random_circuits import NullModel
from acdc_custom.compare.comparison import Comparison, Pair
from acdc_custom.stats.intervals import FEWEST_DRAWS

RARE = 0.05  # the usual p; ours to choose, so it is said


def finding(comparison: Comparison) -> str:
    """The first sentences of the page."""
    pairs = [pair for pair in comparison.pairs if pair.part is Part.EDGES]
    if len(pairs) == 1:
        return " ".join([_shared(pairs[0]), _chance(pairs[0]), *_whatever_span(comparison, pairs[0])])
    shared = len(comparison.shared_by_all(Part.EDGES))
    at_spans = " at spans" * comparison.in_positions
    if comparison.whatever_span:
        at_spans += f" (whatever the span, {len(comparison.whatever_span.shared_by_all(Part.EDGES)):,})"
    more = [pair for pair in pairs if is_rare(pair)]
    names = ", ".join(f"{pair.first.letter} and {pair.second.letter}" for pair in more)
    return (
        f"All {len(comparison.entries)} circuits share {shared:,} edge{'s' * (shared != 1)}{at_spans}. Of {len(pairs)} "
        "pairs, "
        f"{len(more)} share more edges than circuits with their heads shuffled do (p below {RARE})"
        + (f": {names}." if more else ".")
    )


def is_rare(pair: Pair) -> bool:
    """Whether random circuits seldom share as much."""
    shuffled = (c.jaccard for c in pair.chances if c.null is NullModel.SHUFFLED)
    return any(jaccard is not None and jaccard.p is not None and jaccard.p < RARE for jaccard in shuffled)


def _shared(pair: Pair) -> str:
    both, a, b = pair.overlap, pair.first.letter, pair.second.letter
    at_spans = " at spans" * pair.first.circuit.in_positions
    return (
        f"{a} and {b} share {both.n_shared:,} edges{at_spans}, of {both.n_first:,} in {a} and {both.n_second:,} in {b}."
    )


def _chance(pair: Pair) -> str:
    chance = next(chance for chance in pair.chances if chance.null is NullModel.SHUFFLED)
    if chance.jaccard is None:
        return "There is nothing to compare with chance."
    if chance.jaccard.p is None:
        return (
            "Whether that is more than by chance is unknown: with their heads shuffled there are only "
            f"{chance.jaccard.n_random} other circuits, and it takes {FEWEST_DRAWS} to tell."
        )
    verdict = "More than" if is_rare(pair) else "Not clearly more than"
    return (
        f"{verdict} circuits with their heads shuffled do: a Jaccard index of {chance.jaccard.observed:.3f}, by chance "
        f"{chance.jaccard.mean:.3f} (p = {chance.jaccard.p:.2g})."
    )


def _whatever_span(comparison: Comparison, pair: Pair) -> Iterator[str]:
    """Of circuits in positions, whether they differ in their edges or in the places of these."""
    anywhere = comparison.any_span(pair)
    if anywhere is None or pair.overlap.jaccard is None or anywhere.overlap.jaccard is None:
        return
    here, there, both = pair.overlap.jaccard, anywhere.overlap.jaccard, anywhere.overlap
    said = (
        f"Whatever the span, they share {both.n_shared:,} edges, of {both.n_first:,} and {both.n_second:,}: a Jaccard "
        f"index of {there:.3f}"
    )
    if here == there == 1:
        yield f"{said}."
    else:
        more, less = ("where an edge is", "which edges they have")
        if there - here <= 1 - there:
            more, less = less, more
        yield f"{said}. The circuits differ more in {more} than in {less}."


def limits(comparison: Comparison) -> Iterator[tuple[str, str]]:
    """What overlap shows and does not show: a heading and a sentence each."""
    yield (
        "A shared edge is a shared connection, not a shared computation.",
        "The same head can do different things on two tasks. Roles say more, and so does each circuit on the other's "
        "prompts.",
    )
    yield (
        "Little overlap does not mean different mechanisms.",
        "Models have several heads for one job, and a search keeps only some of them: two searches for one task with "
        "other prompts, orders or thresholds already differ. Compare such runs first; their overlap is the most that "
        "two tasks can be expected to have.",
    )
    yield (
        "Much overlap can come from the layers alone.",
        "Early MLPs, the embedding and the last MLP are in most circuits. That is why chance here keeps layers and "
        "degrees: uniformly random edges would make any two circuits look related.",
    )
    yield (
        "Chance has two meanings here, and each leaves something out.",
        "With heads shuffled, MLPs and the embedding stay where they are, so their overlap counts as chance: it asks "
        "whether the same heads are used. With edges rewired, the nodes stay: it asks whether the same nodes are "
        "connected in the same way. Where the degrees leave no other circuit, it can say nothing.",
    )
    if comparison.in_positions:
        yield (
            "Spans are the same by their names alone.",
            "Tasks name them: whether S2 of one task is what S2 is in another is for their authors to see to. An edge "
            "at two spans is two edges here, and one in the rows of any span.",
        )
    anywhere = comparison.whatever_span.pairs if comparison.whatever_span else ()
    n_tests = sum(len(pair.chances) for pair in (*comparison.pairs, *anywhere))
    yield (
        "Many comparisons find something by accident.",
        f"There are {n_tests} p-values for the Jaccard index on this page, none of them corrected for the others; at "
        f"{RARE}, one in twenty is below it by chance. The smallest that {comparison.draws:,} draws can show is "
        f"{1 / (1 + comparison.draws):.2g}.",
    )
    if comparison.crossings:
        yield (
            "A circuit that does another task need not be what the model uses for it.",
            "And one that fails there may lack a single edge; what is left without its edges says whether the model "
            "needs them. The share recovered can exceed 100 %, or be negative; "
            "read it with the KL divergence, which sees what the logit difference does not.",
        )
    else:
        yield (
            "No circuit was run on another's prompts.",
            "Whether a circuit does another's task is not told by their overlap. Leave out --without-model to see it.",
        )
