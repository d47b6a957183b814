"""A comparison: everything that was found out about some circuits side by side.

Owns the record and what is worth a warning before anybody reads the numbers. Imports no torch.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

from acdc_custom.choices import checked_seed
from acdc_custom.circuit.circuit import Outcome, Span, TaskPerformance
from acdc_custom.circuit.members import Member, Overlap, Part, members_of, overlap
from acdc_custom.circuit.random_circuits import checked_draws
from acdc_custom.circuit.spans import are_alike, shared_spans, spans_of_all
from acdc_custom.compare.chance import Chance, against_chance
from acdc_custom.compare.entry import Entry, check_shapes, check_spans
from acdc_custom.compare.roles import HeadSides, side_by_side
from acdc_custom.errors import count
from acdc_custom.progress.protocol import Progress, silent

DRAWS = 1000


@dataclass(frozen=True)
class Pair:
    """Two of the circuits, one part of them."""

    part: Part
    first: Entry
    second: Entry
    overlap: Overlap
    chances: tuple[Chance, ...]


@dataclass(frozen=True)
class Crossing:
    """A set of edges on one circuit's prompts: alone, and taken out of the model. `edges` is a letter, or what they are
    made of."""

    edges: str
    n_edges: int
    prompts: str  # the letter of the circuit whose prompts, model and ablation these are
    outcome: Outcome  # of these edges alone
    without: Outcome  # of all the others

    @property
    def behaviour(self) -> TaskPerformance:
        """How well these edges alone do it."""
        return self.outcome.circuit


@dataclass(frozen=True)
class Comparison:
    """Everything. `crossings` is empty where no model was run.

    Of circuits in positions, members are at `spans`, those that all of them have; and `whatever_span` is the comparison
    of the same circuits without positions, where a member counts once whatever its spans.
    """

    entries: tuple[Entry, ...]
    pairs: tuple[Pair, ...]
    heads: tuple[HeadSides, ...]
    crossings: tuple[Crossing, ...]
    draws: int
    seed: int
    whatever_span: Comparison | None = None

    @cached_property
    def spans(self) -> tuple[Span, ...]:
        """Those at which circuits are compared, in order; none without positions."""
        return spans_of_all(entry.circuit for entry in self.entries)

    @property
    def in_positions(self) -> bool:
        """Whether its members are those of single spans."""
        return bool(self.spans)

    def any_span(self, pair: Pair) -> Pair | None:
        """The same of two circuits in positions, whatever the span."""
        others = self.whatever_span.pairs if self.whatever_span else ()
        own = (pair.part, pair.first.letter, pair.second.letter)
        return next((one for one in others if (one.part, one.first.letter, one.second.letter) == own), None)

    @cached_property
    def members(self) -> Mapping[Part, Mapping[Member, Mapping[str, float]]]:
        """For each part and member, the letters of the circuits that have it, each with its weight there."""
        found: dict[Part, dict[Member, dict[str, float]]] = {part: {} for part in Part}
        for entry in self.entries:
            for part in Part:
                for member, weight in members_of(entry.circuit, part).items():
                    found[part].setdefault(member, {})[entry.letter] = weight
        return {part: dict(sorted(members.items())) for part, members in found.items()}

    def shared_by_all(self, part: Part) -> list[Member]:
        """What every circuit has."""
        return [member for member, by in self.members[part].items() if len(by) == len(self.entries)]

    def private_to(self, part: Part, letter: str) -> list[Member]:
        """What only this circuit has."""
        return [member for member, by in self.members[part].items() if set(by) == {letter}]

    @cached_property
    def notes(self) -> tuple[str, ...]:
        """What makes these circuits hard to compare, whole sentences."""
        return tuple(_notes(self.entries))


def compare_circuits(
    entries: Sequence[Entry],
    draws: int = DRAWS,
    seed: int = 0,
    crossings: Iterable[Crossing] = (),
    on_progress: Progress = silent,
) -> Comparison:
    """Compare circuits, each overlap against `draws` random circuits of each kind; those at spans without them, too.

    `on_progress` is told what is done, how many steps more are done, and of how many. Raises `UsageError`.
    """
    check_shapes(entries)
    check_spans(entries)
    checked_draws(draws)
    checked_seed(seed)
    chances = against_chance([entry.circuit for entry in entries], draws, seed, on_progress)
    pairs = tuple(
        Pair(
            part,
            entries[first],
            entries[second],
            overlap(members_of(entries[first].circuit, part), members_of(entries[second].circuit, part)),
            chances[part, first, second],
        )
        for part in Part
        for first, second in combinations(range(len(entries)), 2)
    )
    whatever_span = None
    if entries[0].circuit.in_positions:
        merged = [entry.whatever_span for entry in entries]
        whatever_span = compare_circuits(
            merged, draws, seed, on_progress=lambda what, more, of: on_progress(f"{what}, any span", more, of)
        )
    return Comparison(tuple(entries), pairs, side_by_side(entries), tuple(crossings), draws, seed, whatever_span)


def _notes(entries: Sequence[Entry]) -> Iterable[str]:
    circuits = [entry.circuit for entry in entries]
    if merged := [entry for entry in entries if entry.merged]:
        each = ", ".join(f"{e.letter}: {e.merged:,} edges at spans, {len(e.circuit.edges):,} edges" for e in merged)
        yield (
            "Circuits in positions are compared without them, an edge counting once whatever its spans "
            f"({each}){_why_merged(entries)}."
        )
    yield from _elsewhere(entries)
    if len({circuit.model.weights_sha256 for circuit in circuits}) > 1:
        yield (
            "These circuits are in different models: the same head number is the same head only where one model was "
            "trained on from the other."
        )
    decided = [circuit.settings for circuit in circuits if not circuit.is_scored]
    for what, values in (
        ("methods", {circuit.settings.method for circuit in circuits}),
        ("metrics", {settings.metric for settings in decided}),
        ("ablations", {circuit.settings.ablation for circuit in circuits}),
        ("visiting orders", {(settings.order, settings.order_seed) for settings in decided}),
    ):
        if len(values) > 1:
            yield f"They were found with different {what}, which changes circuits by itself."
    counts = [len(circuit.edges) for circuit in circuits]
    if 0 in counts:
        yield "A circuit without edges shares nothing with any other."
    elif max(counts) > 2 * min(counts):
        yield (
            f"Their sizes differ much ({min(counts):,} to {max(counts):,} edges): the Jaccard index cannot be near 1, "
            "however alike they are. Precision and recall tell more."
        )


def _why_merged(entries: Sequence[Entry]) -> str:
    """Why circuits in positions are not compared at spans; nothing where that is what was asked for."""
    plain = [entry.letter for entry in entries if not entry.whole.in_positions]
    if plain:
        return f", since {', '.join(plain)} {'has' if len(plain) == 1 else 'have'} none"
    spans = shared_spans([entry.whole for entry in entries])
    if are_alike(spans):
        return ""
    return f", since of their spans they share {' and '.join(span.name for span in spans)} alone"


def _elsewhere(entries: Sequence[Entry]) -> Iterable[str]:
    """Of circuits at spans, which they do not share."""
    own = "; ".join(f"{entry.letter} also has {_counted(entry.elsewhere)}" for entry in entries if entry.elsewhere)
    if not own:
        return
    shared = ", ".join(span.name for span in entries[0].circuit.spans)
    lost = any(n for entry in entries for n in entry.elsewhere.values())
    yield (
        f"Circuits are compared at the spans that all of them have: {shared}. {own}."
        + ' Edges there count in the rows "any span" alone, and do nothing on prompts that lack the span.' * lost
    )


def _counted(spans: Mapping[str, int]) -> str:
    """`IO (12 edges), and S1+1, S2..END without edges`."""
    used = ", ".join(f"{name} ({count(n, 'edge')})" for name, n in spans.items() if n)
    unused = ", ".join(name for name, n in spans.items() if not n)
    return ", and ".join(filter(None, (used, unused and f"{unused} without edges")))
