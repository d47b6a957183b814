"""One prompt as tokens, and what has to hold of it.

Owns `Prompt`, and the errors that say why a text makes none. Knows nothing of how texts are made or chosen.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from acdc_custom.errors import TaskError
from acdc_custom.task.forms import Target
from acdc_custom.task.pattern import Ref, Span, Where
from acdc_custom.task.tokens import Encoder, Encoding

END = "END"  # the position of the last token, where the answer is read


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


class Misfit(TaskError):
    """A prompt that the tokenizer does not make what it has to be; another one may do."""


@dataclass(frozen=True)
class PromptText:
    """A prompt before it is tokenized; `where` names it in errors."""

    where: str
    keys: tuple[str, str]  # what its answer and its foil are called where they were written
    clean: str
    corrupted: str
    answer: tuple[Target, ...]
    foil: tuple[Target, ...]
    spans: tuple[tuple[Ref, Span], ...]
    template: int


@dataclass(frozen=True)
class Tokens:
    """A prompt's texts as tokens, before any beginning-of-text token."""

    clean: Encoding
    corrupted: Encoding
    answer: dict[int, str]  # token id -> text
    foil: dict[int, str]


def as_tokens(text: PromptText, encoder: Encoder) -> Tokens:
    """Raises `Misfit` for a prompt that cannot be used."""
    clean, corrupted = encoder.encode(text.clean), encoder.encode(text.corrupted)
    if len(clean.ids) != len(corrupted.ids):
        raise Misfit(
            f"{text.where}: clean and corrupted have to be of equal length: "
            f'"{text.clean}" has {len(clean.ids)} tokens, "{text.corrupted}" has {len(corrupted.ids)}'
        )
    if not clean.ids:
        raise Misfit(f'{text.where}: the tokenizer makes nothing of the prompt "{text.clean}"')
    if clean.ids == corrupted.ids:
        raise Misfit(f'{text.where}: clean and corrupted are the same prompt: "{text.clean}"')
    for ref, span in text.spans:
        if not encoder.is_one_token(clean, span):
            raise Misfit(f'{text.where}: {ref.text} is not one token in "{text.clean}"')
    answer = _targets(text.where, text.keys[0], clean, text.answer, encoder)
    foil = _targets(text.where, text.keys[1], clean, text.foil, encoder)
    if answer.keys() & foil.keys():
        raise Misfit(f'{text.where}: answer and foil are the same token (prompt: "{text.clean}")')
    return Tokens(clean, corrupted, answer, foil)


def _targets(where: str, key: str, prompt: Encoding, given: Iterable[Target], encoder: Encoder) -> dict[int, str]:
    """Token ids and their texts; what is given twice, or is one token in two writings, counts once."""
    found: dict[int, str] = {}
    for target in given:
        if isinstance(target, int):
            text = encoder.text_of(target)
            if text is None:
                raise Misfit(f"{where}: {key}: this tokenizer has no token {target}")
            found.setdefault(target, text)
            continue
        token = encoder.continuation(prompt, target)
        if token is None:
            raise Misfit(f"{where}: {key}: {encoder.explain(prompt, target)}")
        found.setdefault(token, target)
    return found


def as_prompt(
    text: PromptText, positions: Mapping[str, Where], file: str, encoder: Encoder, bos: tuple[int, ...]
) -> Prompt:
    """A prompt with its named positions. Raises `Misfit`, and `TaskError` for a position that is not there."""
    tokens = as_tokens(text, encoder)
    clean = tokens.clean
    at = {name: _position(name, where, text, clean, len(bos), file) for name, where in positions.items()}
    at[END] = len(bos) + len(clean.ids) - 1
    return Prompt(
        text.clean,
        text.corrupted,
        tuple(tokens.answer.values()),
        tuple(tokens.foil.values()),
        bos + clean.ids,
        bos + tokens.corrupted.ids,
        tuple(tokens.answer),
        tuple(tokens.foil),
        at,
        text.template,
    )


def _position(name: str, where: Where, text: PromptText, clean: Encoding, bos: int, file: str) -> int:
    """The token of a named position: the first one of its word or text, and then the offset."""
    if isinstance(where.what, Ref):
        spans = [span for ref, span in text.spans if ref == where.what]
    else:
        spans = list(_literal_spans(where.what, text.clean))
    index = where.nth - 1 if where.nth > 0 else len(spans) + where.nth
    problem = "occurs once" if len(spans) == 1 else f"occurs {len(spans)} times"
    if 0 <= index < len(spans):
        at = clean.tokens_at(spans[index])
        token = at[0] + where.offset if at else -1
        if 0 <= token < len(clean.ids):
            return token + bos
        problem = "is outside the prompt"
    raise TaskError(f'{file}: positions.{name}: "{where.text}" is not found; it {problem} in "{text.clean}"')


def _literal_spans(literal: str, text: str) -> Iterator[Span]:
    """Where a literal occurs, without the spaces around it."""
    inner = literal.strip()
    lead = literal.index(inner)
    start = text.find(literal)
    while start >= 0:
        yield Span(start + lead, start + lead + len(inner))
        start = text.find(literal, start + len(literal))
