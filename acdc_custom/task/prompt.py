"""One prompt as tokens, and everything that can be wrong with it.

Owns `Prompt`, the text that it is made from, and what has to hold of it as tokens. Knows nothing of other prompts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cached_property

from acdc_custom.task.forms import Target
from acdc_custom.task.pattern import Ref, TextSpan, Where
from acdc_custom.task.places import find, token_name
from acdc_custom.task.spans import END, cut
from acdc_custom.task.spec import SpanCut, Stretch
from acdc_custom.task.tokens import Encoder, Encoding

__all__ = ["END", "Fault", "Flaw", "Prompt", "Text", "read_prompt"]


@dataclass(frozen=True)
class Prompt:
    """A clean prompt, its corrupted twin of as many tokens, and what should and should not follow."""

    clean: str
    corrupted: str
    answer: tuple[str, ...]
    foil: tuple[str, ...]
    clean_ids: tuple[int, ...]
    corrupted_ids: tuple[int, ...]
    answer_ids: tuple[int, ...]
    foil_ids: tuple[int, ...]
    positions: dict[str, int]  # name -> index into clean_ids; END is always there
    template: int  # which template it was made from, from 0
    by_hand: Mapping[str, range] | None = None  # the tokens of spans that the task sets itself; None: it sets none

    @cached_property
    def spans(self) -> tuple[str, ...]:
        """The span that each token is in."""
        return cut(self.clean_ids, self.corrupted_ids, self.positions, self.by_hand)


@dataclass(frozen=True)
class Text:
    """A prompt before it is tokenized; `where` names it in errors."""

    where: str
    keys: tuple[str, str]  # what its answer and its foil are called where they were written
    clean: str
    corrupted: str
    answer: tuple[Target, ...]
    foil: tuple[Target, ...]
    spans: tuple[tuple[Ref, TextSpan], ...]
    template: int
    frame: tuple[str, str] = ("", "")  # what the prompt has from a chat template, before and after its own text

    @property
    def own(self) -> TextSpan:
        """Its own text in the clean prompt."""
        return TextSpan(len(self.frame[0]), len(self.clean) - len(self.frame[1]))


class Flaw(Enum):
    """What can be wrong with a prompt as tokens; the value is what to do about it."""

    LENGTH = "In what the corruption changes, use only words that are one token each where they stand."
    NOTHING = "Give a prompt that the tokenizer makes tokens of."
    SAME = "Let the corrupted prompt have another word in it."
    SPLIT = "Choose another word, or put spaces around the slot."
    ANSWER = "Give answers and foils of one token each, with the space before them: shorter or more common words."
    TOKEN = "Give token ids of this model's own tokenizer, or texts."
    SAME_ANSWER = "Choose another foil; a corruption may have a foil of its own."
    POSITION = "Count in the prompt that is shown, or name a text that every prompt has."
    SPAN = "Let a span end after it begins, and before the next one does."


BESIDE_TOKENS = (Flaw.POSITION, Flaw.SPAN)  # what is wrong with the names of places, and not with the prompt


@dataclass(frozen=True)
class Fault:
    """Something that is wrong with one prompt. `subject` tells faults of a kind apart: which position, which key."""

    flaw: Flaw
    subject: str
    message: str


def read_prompt(
    text: Text,
    positions: Mapping[str, Where],
    spans: Mapping[str, Stretch] | SpanCut,
    file: str,
    encoder: Encoder,
    bos: tuple[int, ...],
) -> tuple[Prompt | None, tuple[Fault, ...]]:
    """The prompt as tokens, behind `bos` unless its text begins with it; and all that is wrong with it.

    None if it cannot be asked; a position that is not found is left out, and so is a span, which is no fault.
    """
    clean, corrupted = encoder.encode(text.clean), encoder.encode(text.corrupted)
    faults = list(_faults(text, clean, corrupted, encoder))
    answer, wrong_answers = _targets(text.where, text.keys[0], text.answer, clean, encoder)
    foil, wrong_foils = _targets(text.where, text.keys[1], text.foil, clean, encoder)
    faults += wrong_answers + wrong_foils
    if answer.keys() & foil.keys():
        message = f'{text.where}: answer and foil are the same token (prompt: "{text.clean}")'
        faults.append(Fault(Flaw.SAME_ANSWER, "", message))
    found = {name: find(where, text.spans, clean, text.own) for name, where in positions.items()}
    for name, at in found.items():
        if isinstance(at, str):
            message = f'{file}: positions.{name}: "{positions[name].text}" is not found; it {at} in "{text.clean}"'
            faults.append(Fault(Flaw.POSITION, name, message))
    stretches = {} if isinstance(spans, SpanCut) else _stretches(spans, text, clean)
    faults += _span_faults(stretches, file, text)
    if any(fault.flaw not in BESIDE_TOKENS for fault in faults):
        return None, tuple(faults)
    if clean.ids[: len(bos)] == bos:  # the text itself begins with it
        bos = ()
    places = {name: len(bos) + at[0] for name, at in found.items() if not isinstance(at, str)}
    by_hand = {name: range(len(bos) + at.start, len(bos) + at.stop) for name, at in stretches.items()}
    if isinstance(spans, SpanCut):
        by_hand = _one_each(places, len(bos) + len(clean.ids))
    prompt = Prompt(
        text.clean,
        text.corrupted,
        tuple(answer.values()),
        tuple(foil.values()),
        bos + clean.ids,
        bos + corrupted.ids,
        tuple(answer),
        tuple(foil),
        places | {END: len(bos) + len(clean.ids) - 1},
        text.template,
        by_hand if spans else None,
    )
    return prompt, tuple(faults)


def _faults(text: Text, clean: Encoding, corrupted: Encoding, encoder: Encoder) -> Iterator[Fault]:
    """What is wrong with the prompt and its twin, whatever should follow them."""
    if len(clean.ids) != len(corrupted.ids):
        message = (
            f"{text.where}: clean and corrupted have to be of equal length: "
            f'"{text.clean}" has {len(clean.ids)} tokens, "{text.corrupted}" has {len(corrupted.ids)}'
        )
        yield Fault(Flaw.LENGTH, "", message)
    elif not clean.ids:
        yield Fault(Flaw.NOTHING, "", f'{text.where}: the tokenizer makes nothing of the prompt "{text.clean}"')
    elif clean.ids == corrupted.ids:
        message = f'{text.where}: clean and corrupted are the same prompt: "{text.clean}"'
        yield Fault(Flaw.SAME, "", message)
    for ref, span in text.spans:
        if not encoder.is_one_token(clean, span):
            yield Fault(Flaw.SPLIT, ref.text, f'{text.where}: {ref.text} is not one token in "{text.clean}"')


def _targets(
    where: str, key: str, given: tuple[Target, ...], clean: Encoding, encoder: Encoder
) -> tuple[dict[int, str], list[Fault]]:
    """Token ids and their texts, and what is wrong with them.

    What is given twice, or is one token in two writings, counts once.
    """
    found: dict[int, str] = {}
    faults: list[Fault] = []
    for target in given:
        if isinstance(target, int):
            text = encoder.text_of(target)
            if text is None:
                faults.append(Fault(Flaw.TOKEN, key, f"{where}: {key}: this tokenizer has no token {target}"))
            else:
                found.setdefault(target, text)
            continue
        token = encoder.continuation(clean, target)
        if token is None:
            faults.append(Fault(Flaw.ANSWER, key, f"{where}: {key}: {encoder.explain(clean, target)}"))
        else:
            found.setdefault(token, target)
    return found, faults


def _stretches(spans: Mapping[str, Stretch], text: Text, clean: Encoding) -> dict[str, range]:
    """The tokens of the spans that are in a prompt; none for a span that would end before it begins."""
    found: dict[str, range] = {}
    for name, stretch in spans.items():
        first, last = (find(where, text.spans, clean, text.own) for where in (stretch.first, stretch.last))
        if not isinstance(first, str) and not isinstance(last, str):
            found[name] = range(first[0], last[-1] + 1)
    return found


def _span_faults(stretches: Mapping[str, range], file: str, text: Text) -> Iterator[Fault]:
    for number, (name, own) in enumerate(stretches.items()):
        if not own:
            yield Fault(Flaw.SPAN, name, f'{file}: spans.{name}: it ends before it begins in "{text.clean}"')
        for other, before in [*stretches.items()][:number]:
            if own.start < before.stop and before.start < own.stop:
                message = f'{file}: spans.{name}: it shares tokens with the span {other} in "{text.clean}"'
                yield Fault(Flaw.SPAN, name, message)


def _one_each(places: Mapping[str, int], n_tokens: int) -> dict[str, range]:
    """Every token as a span: by the first of its names, if it has any."""
    names: dict[int, str] = {}
    for name, place in places.items():
        names.setdefault(place, name)
    return {names.get(place, token_name(place)): range(place, place + 1) for place in range(n_tokens)}
