"""Which runs to make: what each of them has of its own.

Owns how draws follow from the seed. All kinds of variation are drawn at once in the runs that the consensus is made of,
since that is how much a finding would change if the study were done again; some runs more vary one kind alone, to tell
which matters. Run 7 has the same draw of prompts wherever it has one. Knows nothing of searching.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from acdc_custom.choices import Order, Variation, checked_seed
from acdc_custom.circuit.settings import SearchSettings
from acdc_custom.errors import UsageError, count, did_you_mean

FEWEST_RUNS, MOST_RUNS = 2, 999
TRIES = 10_000  # draws of templates, before it is said that there are no more that differ


@dataclass(frozen=True)
class Variant:
    """What one run has of its own. None, or no templates: what all runs have."""

    name: str  # of its folder: all-001, prompts-002
    varied: frozenset[Variation]
    resample: int | None = None  # the seed of its bootstrap sample of the prompts
    order_seed: int | None = None  # of its random order
    templates: str = ""  # numbers, as in "0,2"

    def of(self, settings: SearchSettings) -> SearchSettings:
        """The settings of this run; `settings` are what all runs have."""
        order = Order.ORIGINAL if self.order_seed is None else Order.RANDOM
        return settings.with_(
            resample=self.resample, order=order, order_seed=self.order_seed or 0, templates=self.templates
        )


@dataclass(frozen=True)
class StudyPlan:
    """All runs, those that vary everything first, and whole sentences on what could not be as it was asked for."""

    draws: tuple[Variant, ...]
    notes: tuple[str, ...]


def parse_variations(names: str) -> tuple[Variation, ...]:
    """The kinds of a list such as `prompts,orders`, each once. Raises `UsageError`."""
    found = set()
    for name in (part.strip() for part in names.split(",")):
        if name not in list(Variation):
            raise UsageError(
                f'"{name}" cannot be varied.{did_you_mean(name, Variation)} What can: {", ".join(Variation)}.'
            )
        found.add(Variation(name))
    return tuple(kind for kind in Variation if kind in found)


def plan_runs(vary: Sequence[Variation], runs: int, alone: int, n_templates: int, seed: int) -> StudyPlan:
    """`runs` runs that vary everything at once, and for each kind, if there are several, `alone` that vary only it.

    `n_templates` is how many the task has, 0 for rows: with one or none, templates do not vary. No two runs of one kind
    have the same draw; there are fewer where templates are too few for so many. Raises `UsageError`.
    """
    if not FEWEST_RUNS <= runs <= MOST_RUNS:
        raise UsageError(f"{count(runs, 'run')} cannot show it: allowed are {FEWEST_RUNS} to {MOST_RUNS}.")
    if alone and not FEWEST_RUNS <= alone <= MOST_RUNS:
        raise UsageError(f"{count(alone, 'run')} of each kind alone: allowed are 0 and {FEWEST_RUNS} to {MOST_RUNS}.")
    checked_seed(seed)
    kinds = tuple(kind for kind in vary if kind is not Variation.TEMPLATES or n_templates > 1)
    notes = []
    why = "the task has a single template" if n_templates == 1 else "the task's prompts are given row by row"
    if not kinds:
        raise UsageError(f"templates cannot vary: {why}. Vary something else: --vary prompts,orders.")
    if len(kinds) < len(vary):
        notes.append(f"Templates do not vary: {why}.")
    groups = [(kinds, runs), *(((kind,), alone) for kind in kinds if len(kinds) > 1 and alone)]
    draws: list[Variant] = []
    for group, wanted in groups:
        made = list(_draws(group, wanted, n_templates, seed))
        draws += made
        if len(made) < wanted:
            notes.append(
                f"{count(n_templates, 'template')} can be drawn in {len(made)} ways that differ: so there are "
                f"{count(len(made), 'run')} that vary templates alone."
            )
    return StudyPlan(tuple(draws), tuple(notes))


def _draws(kinds: tuple[Variation, ...], wanted: int, n_templates: int, seed: int) -> Iterator[Variant]:
    """Up to so many that differ."""
    title = kinds[0] if len(kinds) == 1 else "all"
    seen: set[Variant] = set()
    for number in range(1, TRIES):
        if len(seen) == wanted:
            return
        own = checked_seed((MOST_RUNS + 1) * seed + number)
        # Without its name, so that it can be told whether it differs.
        draw = Variant(
            "",
            frozenset(kinds),
            own if Variation.PROMPTS in kinds else None,
            own if Variation.ORDERS in kinds else None,
            _templates(n_templates, own) if Variation.TEMPLATES in kinds else "",
        )
        if draw not in seen:
            seen.add(draw)
            yield Variant(f"{title}-{len(seen):03}", draw.varied, draw.resample, draw.order_seed, draw.templates)


def _templates(n: int, seed: int) -> str:
    """A bootstrap sample of the templates: those that are drawn at least once."""
    return ",".join(map(str, sorted(set(random.Random(seed).choices(range(n), k=n)))))
