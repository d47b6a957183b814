"""The prompts of one run, as tokens.

Owns `Batch`, and which prompts a task makes for a seed. Knows nothing of models.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import random
from collections.abc import Iterable
from dataclasses import dataclass

from acdc_custom.choices import checked_seed
from acdc_custom.errors import TaskError, UsageError, did_you_mean
from acdc_custom.task.fill import fill_prompts
from acdc_custom.task.prompt import END, Prompt, Text, read_prompt
from acdc_custom.task.spec import Corruption, RowSpec, Spec, TemplateSpec
from acdc_custom.task.tokens import Encoder, Tokenizer
from acdc_custom.task.words import usable

__all__ = ["DEFAULT_N", "END", "MOST_PROMPTS", "Batch", "Prompt", "make_batch"]

DEFAULT_N = 50
MOST_PROMPTS = 100_000  # making more would take minutes, and no machine could search them


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
    checked_number(n)
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
        texts = given_texts(spec.prompts, n or most, seed)
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
    notes += text_notes(texts, encoder)
    return Batch(tuple(prompts), name, chosen, seed, tuple(notes))


def checked_number(n: int | None) -> int | None:
    """The number of prompts, if it can be one. Raises `UsageError`."""
    if n is not None and n < 1:
        raise UsageError(f"the number of prompts has to be 1 or more, not {n}")
    if n is not None and n > MOST_PROMPTS:
        raise UsageError(f"{n} prompts were asked for: at most {MOST_PROMPTS} can be made")
    return n


def _check_corruption(file: str, chosen: str, known: Iterable[str]) -> None:
    names = tuple(known)
    if chosen not in names:
        hint = did_you_mean(chosen, names)
        raise TaskError(f'{file}: there is no corruption "{chosen}".{hint} This task has: {", ".join(names)}')


def given_texts(spec: RowSpec, n: int, seed: int) -> list[Text]:
    """All rows, or a seeded choice of them, in the file's order."""
    rows = spec.rows
    if len(rows) > n:
        rows = tuple(rows[i] for i in sorted(random.Random(seed).sample(range(len(rows)), n)))
    keys = ("answer", "foil")
    return [Text(f"{spec.file}, line {r.line}", keys, r.clean, r.corrupted, r.answer, r.foil, (), 0) for r in rows]


def made_texts(spec: TemplateSpec, corruption: Corruption, file: str, n: int, seed: int) -> list[Text]:
    """`n` prompts from the templates, or as many as there are; all words of the lists are used."""
    keys = ("answer", "foil" if corruption.foil == spec.foil else f"corruptions.{corruption.name}.foil")
    where = f"{file}, corruption {corruption.name}"
    return [
        Text(where, keys, f.clean, f.corrupted, (f.answer,), (f.foil,), f.spans, f.template)
        for f in itertools.islice(fill_prompts(spec, corruption, seed), n)
    ]


def _made(
    spec: TemplateSpec, chosen: str, encoder: Encoder, file: str, n: int, seed: int
) -> tuple[list[Text], list[str]]:
    corruption = spec.corruptions[chosen]
    kept, notes = usable(spec, corruption, encoder, file)
    return made_texts(kept, corruption, file, n, seed), notes


def _prompt(text: Text, spec: Spec, file: str, encoder: Encoder, bos: tuple[int, ...]) -> Prompt:
    prompt, faults = read_prompt(text, spec.positions, file, encoder, bos)
    if prompt is None or faults:
        raise TaskError(faults[0].message)
    return prompt


def text_notes(texts: list[Text], encoder: Encoder) -> list[str]:
    """What to beware of in prompts that can be used as they are."""
    return _unknown(texts, encoder) + _glued(texts, encoder)


def _unknown(texts: list[Text], encoder: Encoder) -> list[str]:
    """A note on the words that the tokenizer replaces by its unknown token."""
    words: dict[str, None] = {}
    for text in texts:
        for encoding in (encoder.encode(text.clean), encoder.encode(text.corrupted)):
            spans = zip(encoding.ids, encoding.spans, strict=True)
            words |= {encoding.text[a:b].strip(): None for token, (a, b) in spans if token == encoder.unknown_id}
    if not words:
        return []
    return [f"The tokenizer does not know these words, the model reads them all alike: {', '.join(words)}."]


def _glued(texts: list[Text], encoder: Encoder) -> list[str]:
    """A note when an answer or a foil grows together with the prompt's last word, and need not."""
    for text in texts:
        for after in (*text.answer, *text.foil):
            if text.clean[-1].isalnum() and after[0].isalnum():
                spaced = encoder.continuation(encoder.encode(text.clean), f" {after}")
                if spaced is not None:
                    last = text.clean.split()[-1]
                    return [f'"{after}" continues the prompt as "{last}{after}"; is its leading space missing?']
    return []
