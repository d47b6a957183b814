"""Which words of a task's lists the tokenizer keeps whole.

Owns the check of every word in every place where a prompt may put it, and the errors when too few
words are left. Knows nothing of sampling.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass

from acdc_custom.errors import TaskError
from acdc_custom.task.pattern import Entry, Pattern, Ref, TextSpan, fill, occurrences, refs
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
    at_start: bool  # of the prompt, where no space comes before the word


@dataclass(frozen=True)
class Fit:
    """Which words of a list can be used: those that are one token wherever a prompt may put them.

    Behind a prompt, where none would make an answer of one token, those that make the shortest can be used.

    All corruptions count, so the words (and with them the clean prompts) are the same for each.
    """

    words: WordList
    left_out: Mapping[Entry, str]  # row -> how the tokenizer splits it, such as "Al+ice"
    only_at_start: tuple[Entry, ...]  # rows that would fit with a space before them: split only where a prompt begins
    blocked: str  # when none can be an answer or a foil: which key, and why; else empty
    n_tokens: int = 1  # of its words, in an answer or a foil: one, where any is one token there

    @property
    def dropped(self) -> tuple[Entry, ...]:
        """The rows that cannot be used."""
        return tuple(row for row in self.words.rows if row in self.left_out)

    @property
    def kept(self) -> tuple[Entry, ...]:
        """The rows that can be used."""
        return tuple(row for row in self.words.rows if row not in self.left_out)


def fits(spec: TemplateSpec, encoder: Encoder) -> Iterator[Fit]:
    """Every list of a task, tried in every place where a prompt may put its words."""
    placeholder = {slot: spec.list_of(slot).rows[0] for slot in spec.slots}
    for words in spec.words.values():
        left_out: dict[Entry, str] = {}
        beyond_start: set[Entry] = set()
        blocked = ""
        longest = 1
        for place in _places(spec, words.name):
            if place.continuation is None:
                failed = {row: how for row in words.rows if (how := _split(place, row, placeholder, encoder))}
            else:
                n_tokens, failed = _not_shortest(place, words.rows, placeholder, encoder)
                longest = max(longest, n_tokens)
            if place.continuation is not None and len(failed) == len(words.rows) and not blocked:
                prompt, _ = fill(place.template, placeholder)
                text, _ = fill(place.continuation, {**placeholder, place.ref.slot: words.rows[0]})
                why = encoder.explain(encoder.encode(prompt), text)
                blocked = f"{place.key}: no word of the list {words.name} can be used here: {why}"
            left_out = {**failed, **left_out}
            if not place.at_start:
                beyond_start.update(failed)
        only_at_start = tuple(row for row in left_out if row not in beyond_start)
        yield Fit(words, left_out, only_at_start, blocked, longest)


def usable(spec: TemplateSpec, corruption: Corruption, encoder: Encoder, file: str) -> tuple[TemplateSpec, list[str]]:
    """The task with only the words that fit, and notes on the rest. Raises TaskError when too few are left."""
    found = tuple(fits(spec, encoder))
    for fit in found:
        if problem := fit.blocked or shortage(spec, corruption, fit):
            raise TaskError(f"{file}: {problem}")
    return with_words(spec, found), [note for fit in found if (note := left_out_note(fit))]


def with_words(spec: TemplateSpec, found: Iterable[Fit]) -> TemplateSpec:
    """The task with only the words that fit."""
    words = {fit.words.name: dataclasses.replace(fit.words, rows=fit.kept) for fit in found}
    return dataclasses.replace(spec, words=words)


def without_words(spec: TemplateSpec, corruption: Corruption, used: Set[str], file: str) -> TemplateSpec:
    """The task without the rows that have a used word. Raises TaskError when too few are left."""
    words = {
        name: dataclasses.replace(listed, rows=tuple(row for row in listed.rows if used.isdisjoint(row)))
        for name, listed in spec.words.items()
    }
    for name, left in words.items():
        if len(left.rows) < (least := needed(spec, corruption, name)):
            every, unused = len(spec.words[name].rows), len(left.rows)
            how_many = (
                f"of {every} only {unused} have not been used" if unused else f"all of its {every} have been used"
            )
            raise TaskError(f"{file}: words.{name}: a prompt needs {least} of this list, and {how_many}")
    return dataclasses.replace(spec, words=words)


def shortage(spec: TemplateSpec, corruption: Corruption, fit: Fit) -> str:
    """What is wrong when too few words of a list are left for a prompt and its twin; else empty."""
    words, least = fit.words, needed(spec, corruption, fit.words.name)
    if len(fit.kept) >= least:
        return ""
    return (
        f"words.{words.name}: a prompt needs {least} of this list, and {len(fit.kept)} of "
        f"{len(words.rows)} are left: {_shown(fit.kept)}; not one token for this tokenizer"
        f"{_or_longer(fit)}: {_shown(fit.dropped)}"
    )


def left_out_note(fit: Fit) -> str:
    """A sentence on the words that are left out; empty when none are."""
    if not fit.left_out:
        return ""
    return (
        f"{len(fit.left_out)} of the {len(fit.words.rows)} words of the list {fit.words.name} are not one token "
        f"here{_or_longer(fit)} and are left out: {_shown(fit.dropped)}. Kept: {_shown(fit.kept)}."
    )


def _or_longer(fit: Fit) -> str:
    return f", or make an answer of more than {fit.n_tokens} tokens," if fit.n_tokens > 1 else ""


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
            at_start = before == ""
            if name in _lists_at(spec, ref.slot) and context not in seen:
                seen.add(context)
                yield _Place(template, None, ref, nth, "templates", at_start)
        for key, pattern in continuations:
            for ref, nth in occurrences(pattern):
                context = (_literal(template[-1]), tuple(map(_literal, pattern)), nth, ref.column)
                if spec.slots[ref.slot] == name and context not in seen:
                    seen.add(context)
                    yield _Place(template, pattern, ref, nth, key, False)


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


def _not_shortest(
    place: _Place, rows: Iterable[Entry], placeholder: Mapping[str, Entry], encoder: Encoder
) -> tuple[int, dict[Entry, str]]:
    """How many tokens the shortest answer has, or foil, and the rows that make no such: how each is split."""
    assert place.continuation is not None
    text, _ = fill(place.template, placeholder)
    prompt = encoder.encode(text)
    after = {row: fill(place.continuation, placeholder, {(place.ref.slot, place.nth): row})[0] for row in rows}
    lengths = {
        row: len(follows.ids) for row, it in after.items() if (follows := encoder.continuation(prompt, it)) is not None
    }
    shortest = min(lengths.values(), default=1)
    return shortest, {
        row: encoder.pieces(encoder.encode(text + it), TextSpan(len(text), len(text + it)))
        for row, it in after.items()
        if lengths.get(row) != shortest
    }


def _split(place: _Place, row: Entry, placeholder: Mapping[str, Entry], encoder: Encoder) -> str:
    """How a row's word is split at a place in a prompt, such as "Al+ice"; empty if it is one token."""
    here = {(place.ref.slot, place.nth): row}
    text, spans = fill(place.template, placeholder, here)
    numbers = list(occurrences(place.template))
    _, span = spans[numbers.index((place.ref, place.nth))]
    encoding = encoder.encode(text)
    return "" if encoder.is_one_token(encoding, span) else encoder.pieces(encoding, span)


def needed(spec: TemplateSpec, corruption: Corruption, name: str) -> int:
    """How many rows of a list the hungriest template takes."""
    most = 0
    for template in spec.templates:
        slots = sum(spec.slots[slot] == name for slot in spec.clean_slots(template))
        present = {ref.slot for ref in refs(template)}
        fresh = sum(
            replacement.source == FromList(name) and replacement.slot in present for replacement in corruption.replace
        )
        most = max(most, slots + fresh)
    return most


def _shown(rows: Iterable[Entry]) -> str:
    return ", ".join("/".join(row) for row in rows) or "none"
