"""Which words of a task's lists the tokenizer keeps whole.

Owns the check of every word in every place where a prompt may put it, and the errors when too few
words are left. Knows nothing of sampling.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from acdc_custom.errors import TaskError
from acdc_custom.task.pattern import Entry, Pattern, Ref, fill, occurrences, refs
from acdc_custom.task.spec import Corruption, FromList, TemplateSpec, WordList
from acdc_custom.task.tokens import Encoder


@dataclass(frozen=True)
class _Place:
    """A slot's occurrence in a prompt, or in what continues the prompt (`key` is answer or foil)."""

    template: Pattern
    continuation: Pattern | None
    ref: Ref
    nth: int
    key: str


def usable(spec: TemplateSpec, corruption: Corruption, encoder: Encoder, file: str) -> tuple[TemplateSpec, list[str]]:
    """The task with only the words that are one token wherever a prompt may put them, and notes on the rest.

    All corruptions count, so the words (and with them the clean prompts) are the same for each.
    """
    words: dict[str, WordList] = {}
    notes: list[str] = []
    for name, word_list in spec.words.items():
        unfit = _unfit(spec, word_list, encoder, file)
        dropped = tuple(row for row in word_list.rows if row in unfit)
        kept = tuple(row for row in word_list.rows if row not in unfit)
        needed = _needed(spec, corruption, name)
        if len(kept) < needed:
            raise TaskError(
                f"{file}: words.{name}: a prompt needs {needed} of this list, and {len(kept)} of "
                f"{len(word_list.rows)} are left: {_shown(kept)}; not one token for this tokenizer: "
                f"{_shown(dropped)}"
            )
        if dropped:
            notes.append(
                f"{len(dropped)} of the {len(word_list.rows)} words of the list {name} are not one token "
                f"here and are left out: {_shown(dropped)}. Kept: {_shown(kept)}."
            )
        words[name] = WordList(name, word_list.columns, kept)
    return dataclasses.replace(spec, words=words), notes


def _unfit(spec: TemplateSpec, word_list: WordList, encoder: Encoder, file: str) -> set[Entry]:
    """The rows of a list with a word that is not one token in one of its places."""
    placeholder = {slot: spec.list_of(slot).rows[0] for slot in spec.slots}
    unfit: set[Entry] = set()
    for place in _places(spec, word_list.name):
        failed = [row for row in word_list.rows if not _fits(place, row, placeholder, encoder)]
        if place.continuation is not None and len(failed) == len(word_list.rows):
            prompt, _ = fill(place.template, placeholder)
            text, _ = fill(place.continuation, {**placeholder, place.ref.slot: failed[0]})
            why = encoder.explain(encoder.encode(prompt), text)
            raise TaskError(f"{file}: {place.key}: no word of the list {word_list.name} can be used here: {why}")
        unfit.update(failed)
    return unfit


def _places(spec: TemplateSpec, name: str) -> Iterator[_Place]:
    """Where words of a list may stand; places with the same text around them count once."""
    seen: set[tuple[object, ...]] = set()
    continuations = [("answer", spec.answer), ("foil", spec.foil)]
    continuations += [(f"corruptions.{c.name}.foil", c.foil) for c in spec.corruptions.values()]
    for template in spec.templates:
        around = [("", *template[:i])[-1] for i, piece in enumerate(template) if isinstance(piece, Ref)]
        after = [(*template[i + 1 :], "")[0] for i, piece in enumerate(template) if isinstance(piece, Ref)]
        for (ref, nth), before, behind in zip(occurrences(template), around, after, strict=True):
            context: tuple[object, ...] = (_literal(before), _literal(behind), ref.column)
            if name in _lists_at(spec, ref.slot) and context not in seen:
                seen.add(context)
                yield _Place(template, None, ref, nth, "templates")
        for key, pattern in continuations:
            for ref, nth in occurrences(pattern):
                context = (_literal(template[-1]), tuple(map(_literal, pattern)), nth, ref.column)
                if spec.slots[ref.slot] == name and context not in seen:
                    seen.add(context)
                    yield _Place(template, pattern, ref, nth, key)


def _literal(piece: str | Ref) -> str | None:
    return piece if isinstance(piece, str) else None


def _lists_at(spec: TemplateSpec, slot: str) -> set[str]:
    """The lists whose words a slot may show: its own, and those that some corruption puts there."""
    lists = {spec.slots[slot]}
    for corruption in spec.corruptions.values():
        for replacement in corruption.replace:
            if replacement.slot == slot:
                source = replacement.source
                lists.add(source.words if isinstance(source, FromList) else spec.slots[source.slot])
    return lists


def _fits(place: _Place, row: Entry, placeholder: Mapping[str, Entry], encoder: Encoder) -> bool:
    here = {(place.ref.slot, place.nth): row}
    if place.continuation is not None:
        prompt, _ = fill(place.template, placeholder)
        text, _ = fill(place.continuation, placeholder, here)
        return encoder.continuation(encoder.encode(prompt), text) is not None
    text, spans = fill(place.template, placeholder, here)
    numbers = list(occurrences(place.template))
    _, span = spans[numbers.index((place.ref, place.nth))]
    return encoder.is_one_token(encoder.encode(text), span)


def _needed(spec: TemplateSpec, corruption: Corruption, name: str) -> int:
    """How many rows of a list the hungriest template takes."""
    needed = 0
    for template in spec.templates:
        slots = sum(spec.slots[slot] == name for slot in spec.clean_slots(template))
        present = {ref.slot for ref in refs(template)}
        fresh = sum(
            replacement.source == FromList(name) and replacement.slot in present for replacement in corruption.replace
        )
        needed = max(needed, slots + fresh)
    return needed


def _shown(rows: tuple[Entry, ...]) -> str:
    return ", ".join("/".join(row) for row in rows) or "none"
