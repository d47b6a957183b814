"""Words into slots: seeded prompts from a template task.

Owns the sampling and the making of the corrupted text. Knows nothing of tokens: the lists it is
given hold only words that may be used. The same seed gives the same prompts, the clean ones
whatever the corruption, and the first ten of fifty are the ten of ten.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from acdc_custom.task.pattern import Entry, Pattern, Ref, TextSpan, fill, occurrences
from acdc_custom.task.spec import Corruption, FromList, FromSlot, TemplateSpec

TRIES = 500  # tries in a row that bring no new prompt, until a template counts as used up


@dataclass(frozen=True)
class Filled:
    """One prompt as text."""

    template: int
    clean: str
    corrupted: str
    answer: str
    foil: str
    spans: tuple[tuple[Ref, TextSpan], ...]  # where the slots' words lie in the clean text


def fill_prompts(
    spec: TemplateSpec, corruption: Corruption, seed: int, templates: Sequence[int] | None = None
) -> Iterator[Filled]:
    """Prompts with distinct clean texts, all templates or these in turn, until no new one is found."""
    rng = random.Random(f"{seed} clean")
    fresh = random.Random(f"{seed} fresh")
    seen: set[str] = set()
    active = list(range(len(spec.templates)) if templates is None else templates)
    while active:
        for template in tuple(active):
            filled = _new_prompt(spec, corruption, template, rng, fresh, seen)
            if filled is None:
                active.remove(template)
            else:
                seen.add(filled.clean)
                yield filled


def _new_prompt(
    spec: TemplateSpec,
    corruption: Corruption,
    template: int,
    rng: random.Random,
    fresh: random.Random,
    seen: set[str],
) -> Filled | None:
    pattern = spec.templates[template]
    slots = spec.clean_slots(pattern)
    for _ in range(TRIES):
        words: dict[str, Entry] = {}
        used: set[str] = set()
        for slot in slots:
            row = _unused_row(spec.list_of(slot).rows, used, rng)
            if row is None:
                break
            words[slot] = row
        if len(words) < len(slots):
            continue
        clean, spans = fill(pattern, words)
        if clean in seen:
            continue
        overrides = _overrides(spec, corruption, pattern, words, used, fresh)
        if overrides is None:
            continue
        corrupted, _ = fill(pattern, words, overrides)
        answer, _ = fill(spec.answer, words)
        foil, _ = fill(corruption.foil, words)
        return Filled(template, clean, corrupted, answer, foil, spans)
    return None


def _unused_row(rows: tuple[Entry, ...], used: set[str], rng: random.Random) -> Entry | None:
    """A row none of whose words is used yet, or None; its words are used from now on."""
    free = [row for row in rows if used.isdisjoint(row)]
    if not free:
        return None
    row = rng.choice(free)
    used.update(row)
    return row


def _overrides(
    spec: TemplateSpec,
    corruption: Corruption,
    pattern: Pattern,
    words: Mapping[str, Entry],
    used: set[str],
    fresh: random.Random,
) -> dict[tuple[str, int], Entry] | None:
    """The rows of the occurrences that the corruption changes, or None when a list has run out."""
    numbers = {(ref.slot, nth) for ref, nth in occurrences(pattern)}
    changed: dict[tuple[str, int], Entry] = {}
    for replacement in sorted(corruption.replace, key=lambda r: r.nth is not None):  # "S" before "S#2"
        here = {key for key in numbers if key[0] == replacement.slot and replacement.nth in (None, key[1])}
        if not here:
            continue
        row: Entry | None
        match replacement.source:
            case FromSlot(slot):
                row = words[slot]
            case FromList(name):
                row = _unused_row(spec.words[name].rows, used, fresh)
        if row is None:
            return None
        changed.update(dict.fromkeys(here, row))
    return changed
