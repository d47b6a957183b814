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
from acdc_custom.task.spans import END, cut
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

    @cached_property
    def spans(self) -> tuple[str, ...]:
        """The span that each token is in."""
        return cut(self.clean_ids, self.corrupted_ids, self.positions)


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


@dataclass(frozen=True)
class Fault:
    """Something that is wrong with one prompt. `subject` tells faults of a kind apart: which position, which key."""

    flaw: Flaw
    subject: str
    message: str


def read_prompt(
    text: Text, positions: Mapping[str, Where], file: str, encoder: Encoder, bos: tuple[int, ...]
) -> tuple[Prompt | None, tuple[Fault, ...]]:
    """The prompt as tokens, behind `bos` unless its text begins with it; and all that is wrong with it.

    None if it cannot be asked; a position that is not found is left out.
    """
    clean, corrupted = encoder.encode(text.clean), encoder.encode(text.corrupted)
    faults = list(_faults(text, clean, corrupted, encoder))
    answer, wrong_answers = _targets(text.where, text.keys[0], text.answer, clean, encoder)
    foil, wrong_foils = _targets(text.where, text.keys[1], text.foil, clean, encoder)
    faults += wrong_answers + wrong_foils
    if answer.keys() & foil.keys():
        message = f'{text.where}: answer and foil are the same token (prompt: "{text.clean}")'
        faults.append(Fault(Flaw.SAME_ANSWER, "", message))
    found = {name: _position(where, text, clean) for name, where in positions.items()}
    for name, at in found.items():
        if isinstance(at, str):
            message = f'{file}: positions.{name}: "{positions[name].text}" is not found; it {at} in "{text.clean}"'
            faults.append(Fault(Flaw.POSITION, name, message))
    if any(fault.flaw is not Flaw.POSITION for fault in faults):
        return None, tuple(faults)
    if clean.ids[: len(bos)] == bos:  # the text itself begins with it
        bos = ()
    prompt = Prompt(
        text.clean,
        text.corrupted,
        tuple(answer.values()),
        tuple(foil.values()),
        bos + clean.ids,
        bos + corrupted.ids,
        tuple(answer),
        tuple(foil),
        {name: len(bos) + at for name, at in found.items() if isinstance(at, int)}
        | {END: len(bos) + len(clean.ids) - 1},
        text.template,
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


def _position(where: Where, text: Text, clean: Encoding) -> int | str:
    """The token of a named position, the first one of its word or text and then the offset; or why there is none."""
    if isinstance(where.what, Ref):
        spans = [span for ref, span in text.spans if ref == where.what]
    else:
        spans = list(_literal_spans(where.what, text.clean))
    index = where.nth - 1 if where.nth > 0 else len(spans) + where.nth
    if not 0 <= index < len(spans):
        return "occurs once" if len(spans) == 1 else f"occurs {len(spans)} times"
    at = clean.tokens_at(spans[index])
    token = at[0] + where.offset if at else -1
    return token if 0 <= token < len(clean.ids) else "is outside the prompt"


def _literal_spans(literal: str, text: str) -> Iterator[TextSpan]:
    """Where a literal occurs, without the spaces around it."""
    inner = literal.strip()
    lead = literal.index(inner)
    start = text.find(literal)
    while start >= 0:
        yield TextSpan(start + lead, start + lead + len(inner))
        start = text.find(literal, start + len(literal))
