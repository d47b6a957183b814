"""A task's prompts as tokens, with everything that the search needs to know of them.

Owns `Batch`, and which prompts are in it; what has to hold of each is `prompt.py`'s business. Knows nothing of models.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from acdc_custom.choices import checked_seed
from acdc_custom.errors import TaskError, UsageError, did_you_mean
from acdc_custom.task.fill import fill_prompts
from acdc_custom.task.forms import RowForm
from acdc_custom.task.prompt import END, Misfit, Prompt, PromptText, as_prompt, as_tokens
from acdc_custom.task.spec import RowSpec, Spec, TemplateSpec
from acdc_custom.task.tokens import Encoder, Tokenizer
from acdc_custom.task.words import usable

__all__ = ["END", "Batch", "Prompt", "make_batch"]

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
        texts, notes = _given(spec.prompts, encoder, n or most, seed)
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
    prompts = [as_prompt(text, spec.positions, file, encoder, bos) for text in texts]
    notes += _unknown(texts, encoder) + _glued(texts, encoder) + _by_id(texts[0], prompts[0])
    return Batch(tuple(prompts), name, chosen, seed, tuple(notes))


def _check_corruption(file: str, chosen: str, known: Iterable[str]) -> None:
    names = tuple(known)
    if chosen not in names:
        hint = did_you_mean(chosen, names)
        raise TaskError(f'{file}: there is no corruption "{chosen}".{hint} This task has: {", ".join(names)}')


def _given(spec: RowSpec, encoder: Encoder, n: int, seed: int) -> tuple[list[PromptText], list[str]]:
    """All rows, or a seeded choice of them, in the file's order; and notes.

    Rows in another project's form that do not fit the tokenizer are left out, since they were not written for it.
    """
    order: Sequence[int] = range(len(spec.rows))
    if len(order) > n:
        order = random.Random(seed).sample(order, len(order))
    chosen: dict[int, PromptText] = {}
    misfits: list[Misfit] = []
    for index in order:
        row = spec.rows[index]
        where = f"{spec.file}, {row.place}"
        text = PromptText(where, ("answer", "foil"), row.clean, row.corrupted, row.answer, row.foil, (), 0)
        try:
            as_tokens(text, encoder)
        except Misfit as misfit:
            if spec.form is RowForm.OWN:
                raise
            misfits.append(misfit)
            continue
        chosen[index] = text
        if len(chosen) == n:
            break
    notes = list(spec.notes)
    if misfits:
        tried = len(chosen) + len(misfits)
        notes.append(f"{len(misfits)} of {tried} rows do not fit this tokenizer and are left out; one: {misfits[0]}.")
    if not chosen:
        raise TaskError(f"{spec.file}: no row fits this tokenizer; the first: {misfits[0]}")
    return [chosen[index] for index in sorted(chosen)], notes


def _made(
    spec: TemplateSpec, chosen: str, encoder: Encoder, file: str, n: int, seed: int
) -> tuple[list[PromptText], list[str]]:
    corruption = spec.corruptions[chosen]
    kept, notes = usable(spec, corruption, encoder, file)
    filled = itertools.islice(fill_prompts(kept, corruption, seed), n)
    keys = ("answer", "foil" if corruption.foil == spec.foil else f"corruptions.{chosen}.foil")
    where = f"{file}, corruption {chosen}"
    return [
        PromptText(where, keys, f.clean, f.corrupted, (f.answer,), (f.foil,), f.spans, f.template) for f in filled
    ], notes


def _unknown(texts: list[PromptText], encoder: Encoder) -> list[str]:
    """A note on the words that the tokenizer replaces by its unknown token."""
    both = [prompt for text in texts for prompt in (text.clean, text.corrupted)]
    words = dict.fromkeys(word for prompt in both for word in encoder.unknown_words(encoder.encode(prompt)))
    if not words:
        return []
    return [f"The tokenizer does not know these words, the model reads them all alike: {', '.join(words)}."]


def _glued(texts: list[PromptText], encoder: Encoder) -> list[str]:
    """A note when an answer or a foil grows together with the prompt's last word, and need not."""
    for text in texts:
        for after in (*text.answer, *text.foil):
            if isinstance(after, str) and text.clean[-1].isalnum() and after[0].isalnum():
                spaced = encoder.continuation(encoder.encode(text.clean), f" {after}")
                if spaced is not None:
                    last = text.clean.split()[-1]
                    return [f'"{after}" continues the prompt as "{last}{after}"; is its leading space missing?']
    return []


def _by_id(text: PromptText, prompt: Prompt) -> list[str]:
    """A note where a file gives token ids: nothing tells whether they are another tokenizer's."""
    if not isinstance(text.answer[0], int):
        return []
    answer, foil = (" / ".join(map(repr, texts)) for texts in (prompt.answer, prompt.foil))
    return [
        f'The file gives answers as token ids. In this tokenizer, those of "{prompt.clean}" are {answer}, not {foil}; '
        "if these are odd words, the ids belong to another tokenizer."
    ]
