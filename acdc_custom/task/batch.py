"""A task's prompts as tokens, with everything that the search needs to know of them.

Owns `Prompt` and `Batch`, and what has to hold of a prompt as tokens. Knows nothing of models.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from acdc_custom.choices import checked_seed
from acdc_custom.errors import TaskError, UsageError, did_you_mean
from acdc_custom.task.fill import fill_prompts
from acdc_custom.task.pattern import Ref, Span, Where
from acdc_custom.task.spec import RowSpec, Spec, TemplateSpec
from acdc_custom.task.tokens import Encoder, Encoding, Tokenizer
from acdc_custom.task.words import usable

DEFAULT_N = 50
MOST_PROMPTS = 100_000  # making more would take minutes, and no machine could search them
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


@dataclass(frozen=True)
class Batch:
    """The prompts of one run."""

    prompts: tuple[Prompt, ...]
    task: str
    corruption: str
    seed: int
    notes: tuple[str, ...]  # whole sentences for the user

    @property
    def sha256(self) -> str:
        """A hash of all token ids: clean, corrupted, answer, foil."""
        ids = [[p.clean_ids, p.corrupted_ids, p.answer_ids, p.foil_ids] for p in self.prompts]
        return hashlib.sha256(json.dumps(ids).encode()).hexdigest()


@dataclass(frozen=True)
class _Text:
    """A prompt before it is tokenized; `where` names it in errors."""

    where: str
    keys: tuple[str, str]  # what its answer and its foil are called where they were written
    clean: str
    corrupted: str
    answer: tuple[str, ...]
    foil: tuple[str, ...]
    spans: tuple[tuple[Ref, Span], ...]
    template: int


def make_batch(
    name: str,
    file: str,
    spec: Spec,
    tokenizer: Tokenizer,
    n: int | None,
    seed: int,
    corruption: str | None,
    most: int = DEFAULT_N,
) -> Batch:
    """The batch of a task; see Task.batch. With n None, as many prompts as there are, but no more than `most`."""
    if n is not None and n < 1:
        raise UsageError(f"the number of prompts has to be 1 or more, not {n}")
    if n is not None and n > MOST_PROMPTS:
        raise UsageError(f"{n} prompts were asked for: at most {MOST_PROMPTS} can be made")
    checked_seed(seed)
    chosen = spec.default_corruption if corruption is None else corruption
    encoder = Encoder(tokenizer)
    bos: tuple[int, ...] = ()
    notes: list[str] = []
    if spec.prepend_bos:
        if tokenizer.bos_token_id is None:
            raise TaskError(f"{file}: prepend_bos: this tokenizer has no beginning-of-text token; write false")
        bos = (tokenizer.bos_token_id,)
    if isinstance(spec.prompts, RowSpec):
        _check_corruption(file, chosen, (spec.default_corruption,))
        texts = _given(spec.prompts, n or most, seed)
    else:
        _check_corruption(file, chosen, spec.prompts.corruptions)
        texts, notes = _made(spec.prompts, chosen, encoder, file, n or most, seed)
    if n is not None and len(texts) < n:
        raise TaskError(" ".join([f"{file}: {n} prompts were asked for, and only {len(texts)} can be made.", *notes]))
    if not texts:
        raise TaskError(
            " ".join([f"{file}: no prompt can be made: the words of its slots exclude each other.", *notes])
        )
    if len(texts) < most and n is None:
        notes.append(f"All the prompts that the task can make are used: {len(texts)}.")
    prompts = [_prompt(text, spec, file, encoder, bos) for text in texts]
    notes += _unknown(texts, encoder) + _glued(texts, encoder)
    return Batch(tuple(prompts), name, chosen, seed, tuple(notes))


def _check_corruption(file: str, chosen: str, known: Iterable[str]) -> None:
    names = tuple(known)
    if chosen not in names:
        hint = did_you_mean(chosen, names)
        raise TaskError(f'{file}: there is no corruption "{chosen}".{hint} This task has: {", ".join(names)}')


def _given(spec: RowSpec, n: int, seed: int) -> list[_Text]:
    """All rows, or a seeded choice of them, in the file's order."""
    rows = spec.rows
    if len(rows) > n:
        rows = tuple(rows[i] for i in sorted(random.Random(seed).sample(range(len(rows)), n)))
    keys = ("answer", "foil")
    return [_Text(f"{spec.file}, line {r.line}", keys, r.clean, r.corrupted, r.answer, r.foil, (), 0) for r in rows]


def _made(
    spec: TemplateSpec, chosen: str, encoder: Encoder, file: str, n: int, seed: int
) -> tuple[list[_Text], list[str]]:
    corruption = spec.corruptions[chosen]
    kept, notes = usable(spec, corruption, encoder, file)
    filled = itertools.islice(fill_prompts(kept, corruption, seed), n)
    keys = ("answer", "foil" if corruption.foil == spec.foil else f"corruptions.{chosen}.foil")
    where = f"{file}, corruption {chosen}"
    return [
        _Text(where, keys, f.clean, f.corrupted, (f.answer,), (f.foil,), f.spans, f.template) for f in filled
    ], notes


def _prompt(text: _Text, spec: Spec, file: str, encoder: Encoder, bos: tuple[int, ...]) -> Prompt:
    clean, corrupted = encoder.encode(text.clean), encoder.encode(text.corrupted)
    if len(clean.ids) != len(corrupted.ids):
        raise TaskError(
            f"{text.where}: clean and corrupted have to be of equal length: "
            f'"{text.clean}" has {len(clean.ids)} tokens, "{text.corrupted}" has {len(corrupted.ids)}'
        )
    if not clean.ids:
        raise TaskError(f'{text.where}: the tokenizer makes nothing of the prompt "{text.clean}"')
    if clean.ids == corrupted.ids:
        raise TaskError(f'{text.where}: clean and corrupted are the same prompt: "{text.clean}"')
    for ref, span in text.spans:
        if not encoder.is_one_token(clean, span):
            raise TaskError(f'{text.where}: {ref.text} is not one token in "{text.clean}"')
    answer_ids = tuple(_one_token(text.where, text.keys[0], clean, t, encoder) for t in text.answer)
    foil_ids = tuple(_one_token(text.where, text.keys[1], clean, t, encoder) for t in text.foil)
    if set(answer_ids) & set(foil_ids):
        raise TaskError(f'{text.where}: answer and foil are the same token (prompt: "{text.clean}")')
    positions = {name: _position(name, where, text, clean, len(bos), file) for name, where in spec.positions.items()}
    positions[END] = len(bos) + len(clean.ids) - 1
    return Prompt(
        text.clean,
        text.corrupted,
        text.answer,
        text.foil,
        bos + clean.ids,
        bos + corrupted.ids,
        answer_ids,
        foil_ids,
        positions,
        text.template,
    )


def _one_token(where: str, key: str, prompt: Encoding, text: str, encoder: Encoder) -> int:
    token = encoder.continuation(prompt, text)
    if token is None:
        raise TaskError(f"{where}: {key}: {encoder.explain(prompt, text)}")
    return token


def _position(name: str, where: Where, text: _Text, clean: Encoding, bos: int, file: str) -> int:
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


def _unknown(texts: list[_Text], encoder: Encoder) -> list[str]:
    """A note on the words that the tokenizer replaces by its unknown token."""
    words: dict[str, None] = {}
    for text in texts:
        for encoding in (encoder.encode(text.clean), encoder.encode(text.corrupted)):
            spans = zip(encoding.ids, encoding.spans, strict=True)
            words |= {encoding.text[a:b].strip(): None for token, (a, b) in spans if token == encoder.unknown_id}
    if not words:
        return []
    return [f"The tokenizer does not know these words, the model reads them all alike: {', '.join(words)}."]


def _glued(texts: list[_Text], encoder: Encoder) -> list[str]:
    """A note when an answer or a foil grows together with the prompt's last word, and need not."""
    for text in texts:
        for after in (*text.answer, *text.foil):
            if text.clean[-1].isalnum() and after[0].isalnum():
                spaced = encoder.continuation(encoder.encode(text.clean), f" {after}")
                if spaced is not None:
                    last = text.clean.split()[-1]
                    return [f'"{after}" continues the prompt as "{last}{after}"; is its leading space missing?']
    return []
