"""The prompts of one run, as tokens.

Owns `Batch`, and which prompts a task makes for a seed. Knows nothing of models.
"""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import json
import random
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from acdc_custom.errors import TaskError, count, did_you_mean
from acdc_custom.files.table import Row, Tabular
from acdc_custom.task.answers import number_of_tokens
from acdc_custom.task.chat import in_chat
from acdc_custom.task.faults import Fault, Flaw
from acdc_custom.task.fill import fill_prompts
from acdc_custom.task.forms import RowForm
from acdc_custom.task.notes import chat_notes, missing_spans, text_notes, unlike_prompts
from acdc_custom.task.prompt import END, Prompt, Text, read_prompt
from acdc_custom.task.selection import DEFAULT_N, Draw, PromptSelection, divide
from acdc_custom.task.spec import Corruption, RowSpec, Spec, TemplateSpec
from acdc_custom.task.tokens import Encoder, Tokenizer, token_text
from acdc_custom.task.words import usable, without_words

__all__ = ["DEFAULT_N", "END", "Batch", "Prompt", "make_batch"]


@dataclass(frozen=True, repr=False)
class Batch(Tabular):
    """The prompts of one run."""

    prompts: tuple[Prompt, ...]
    task: str
    corruption: str
    seed: int
    notes: tuple[str, ...]  # whole sentences for the user
    templates: str = ""  # the numbers of those used, as in "0,2"; "" for all
    resample: int | None = None  # the seed with which the prompts were drawn anew; None: they were not
    beginning: str = ""  # the beginning-of-text token before every prompt; "": there is none

    def __repr__(self) -> str:
        return f"<{count(len(self.prompts), 'prompt')} of {self.task}, seed {self.seed}, corruption {self.corruption}>"

    def to_rows(self) -> list[Row]:
        """A row for each prompt."""
        return [
            {
                "clean": prompt.clean,
                "corrupted": prompt.corrupted,
                "answer": " /".join(prompt.answer),
                "foil": " /".join(prompt.foil),
            }
            for prompt in self.prompts
        ]

    @property
    def sha256(self) -> str:
        """A hash of all token ids: clean, corrupted, answer, foil; and of whole answers of several tokens."""
        ids = [
            [p.clean_ids, p.corrupted_ids, p.answer_ids, p.foil_ids, *([] if p.forced is None else [p.forced.ids])]
            for p in self.prompts
        ]
        return hashlib.sha256(json.dumps(ids).encode()).hexdigest()

    @cached_property
    def at_contrast(self) -> Batch:
        """The prompts for what is about one token of each answer, see `Prompt.at_contrast`; itself, if all have one."""
        if all(prompt.forced is None for prompt in self.prompts):
            return self
        return dataclasses.replace(self, prompts=tuple(prompt.at_contrast for prompt in self.prompts))


def make_batch(
    name: str,
    file: str,
    spec: Spec,
    tokenizer: Tokenizer,
    selection: PromptSelection,
    apart_from: Batch | None = None,
    most: int = DEFAULT_N,
    draw: Draw = Draw.SEARCH,
) -> Batch:
    """The batch of a task; see Task.select."""
    n, seed, held_out = selection.n, selection.seed, selection.held_out
    wanted = (n or most) + 2 * held_out
    chosen = spec.default_corruption if selection.corruption is None else selection.corruption
    encoder = Encoder(tokenizer)
    try:
        spec, frame = in_chat(spec, tokenizer)
        bos = () if frame else encoder.beginning(spec.prepend_bos)
    except TaskError as error:
        raise TaskError(f"{file}: {error}") from None
    notes: list[str] = []
    templates = ""
    if isinstance(spec.prompts, RowSpec):
        _check_corruption(file, chosen, (spec.default_corruption,))
        if selection.templates:
            raise TaskError(f"{file}: templates were chosen, and this task has rows and no templates")
        rows = _rows_apart(spec.prompts, apart_from)
        rows_found, left_out = given_texts(rows, encoder, wanted, seed)
        if not rows_found:
            raise TaskError(none_fits(spec.prompts, left_out))
        notes = given_notes(spec.prompts, len(rows_found), left_out)
        found = len(rows_found)
        unlike = unlike_prompts(spec, [rows_found[index] for index in sorted(rows_found)], encoder)
        division = divide(found, n, most, held_out)
        texts = [rows_found[index] for index in sorted(list(rows_found)[draw.of(division)])]
    else:
        _check_corruption(file, chosen, spec.prompts.corruptions)
        numbers = _chosen_templates(selection.templates, len(spec.prompts.templates), file)
        templates = ",".join(map(str, numbers)) if selection.templates else ""
        corruption = spec.prompts.corruptions[chosen]
        kept, notes = usable(spec.prompts, corruption, encoder, file)
        if apart_from is not None:
            kept = without_words(kept, corruption, words_in(spec.prompts, apart_from.prompts), file)
        texts = made_texts(kept, corruption, file, wanted, seed, numbers)
        found = len(texts)
        unlike = unlike_prompts(spec, texts, encoder)
        division = divide(found, n, most, held_out)
        texts = texts[draw.of(division)]
    if unlike:
        raise TaskError(f"{file}: {unlike}")
    if n is not None and found < n:
        raise TaskError(" ".join([f"{file}: {n} prompts were asked for, and only {found} can be made.", *notes]))
    if not found:
        raise TaskError(
            " ".join([f"{file}: no prompt can be made: the words of its slots exclude each other.", *notes])
        )
    if found < wanted and draw is Draw.SEARCH:
        notes.append(division_note(found, division, held_out))
    prompts = [_prompt(text, spec, file, encoder, bos) for text in texts]
    notes += missing_spans(spec, prompts)
    notes += text_notes(texts, encoder) + chat_notes(texts, frame, encoder)
    if selection.resample is not None and draw is Draw.SEARCH:
        prompts = random.Random(f"{selection.resample} resample").choices(prompts, k=len(prompts))
        notes.append(
            f"Drawn with replacement from {len(texts)} prompts: {len({p.clean_ids for p in prompts})} different ones."
        )
    beginning = beginning_of(prompts, tokenizer)
    return Batch(tuple(prompts), name, chosen, seed, tuple(notes), templates, selection.resample, beginning)


def beginning_of(prompts: Sequence[Prompt], tokenizer: Tokenizer) -> str:
    """The beginning-of-text token as text, if prompts begin with it."""
    first = {prompt.clean_ids[0] for prompt in prompts}
    bos = tokenizer.bos_token_id
    return "" if bos is None or first != {bos} else token_text(tokenizer, bos)


def describe_beginning(token: str) -> str:
    """What to say of it beside the prompts."""
    return f"each behind the beginning-of-text token {token}" if token else "no beginning-of-text token"


def answer_tokens(prompts: Sequence[Prompt]) -> tuple[int, ...]:
    """How many tokens answers have: every number that occurs, the smallest first."""
    return tuple(sorted({1 if prompt.forced is None else len(prompt.forced.ids) for prompt in prompts}))


def describe_answers(prompts: Sequence[Prompt]) -> str:
    """What to say of answers of several tokens; empty if there are none."""
    lengths = set(answer_tokens(prompts))
    if lengths <= {1}:
        return ""
    return (
        f"of {number_of_tokens(lengths)}, each asked after those before it (teacher forcing); the logit difference is "
        "at the first token in which answer and foil differ"
    )


def _check_corruption(file: str, chosen: str, known: Iterable[str]) -> None:
    names = tuple(known)
    if chosen not in names:
        hint = did_you_mean(chosen, names)
        raise TaskError(f'{file}: there is no corruption "{chosen}".{hint} This task has: {", ".join(names)}')


def given_texts(spec: RowSpec, encoder: Encoder, n: int, seed: int) -> tuple[dict[int, Text], list[Fault]]:
    """At most `n` rows by their place in the file, in an order that the seed gives; and, for each row left out, what is
    wrong with it.

    Only rows in another project's form are left out, those that do not fit the tokenizer: they were not written for it.
    Among them are rows whose answers are of several tokens, unless those of all rows are.
    """
    if spec.form is RowForm.OWN:
        return _given_texts(spec, encoder, n, seed, several=True)
    chosen, left_out = _given_texts(spec, encoder, n, seed, several=False)
    return (chosen, left_out) if chosen else _given_texts(spec, encoder, n, seed, several=True)


def _given_texts(
    spec: RowSpec, encoder: Encoder, n: int, seed: int, several: bool
) -> tuple[dict[int, Text], list[Fault]]:
    """The same with answers of several tokens, or without."""
    chosen: dict[int, Text] = {}
    left_out: list[Fault] = []
    for index in random.Random(seed).sample(range(len(spec.rows)), len(spec.rows)):
        row = spec.rows[index]
        keys = ("answer", "foil")
        text = Text(
            f"{spec.file}, {row.place}", keys, row.clean, row.corrupted, row.answer, row.foil, (), 0, spec.frame
        )
        if spec.form is not RowForm.OWN and (fault := _misfit(text, spec.file, encoder, several)):
            left_out.append(fault)
            continue
        chosen[index] = text
        if len(chosen) == n:
            break
    return chosen, left_out


def _misfit(text: Text, file: str, encoder: Encoder, several: bool) -> Fault | None:
    """Why a row does not fit the tokenizer; None if it does."""
    prompt, faults = read_prompt(text, {}, {}, file, encoder, ())
    if not faults and not several and prompt is not None and prompt.forced is not None:
        what = f'"{prompt.answer[0]}" is {len(prompt.forced.ids)} tokens, and the answers of other rows are one'
        return Fault(Flaw.SEVERAL, text.keys[0], f"{text.where}: {text.keys[0]}: {what}")
    return faults[0] if faults else None


def division_note(available: int, division: tuple[int, int], held_out: int) -> str:
    """What becomes of a task's prompts where they are too few for all that was wanted."""
    n, each = division
    if not held_out:
        return f"All the prompts that the task can make are used: {available}."
    if not each:
        return (
            f"All the prompts that the task can make are searched, {available}: none are left to test the circuit on."
        )
    return (
        f"The task can make {available} prompts: {n} are searched, {each} are for validation, and {each} for the test."
    )


def given_notes(spec: RowSpec, n_chosen: int, left_out: Sequence[Fault]) -> list[str]:
    """What to know of a rows file, and of its rows that are left out."""
    notes = list(spec.notes)
    if left_out:
        notes.append(
            f"{len(left_out)} of {n_chosen + len(left_out)} rows do not fit this tokenizer and are left out; "
            f"one: {left_out[0].message}."
        )
    return notes


def none_fits(spec: RowSpec, left_out: Sequence[Fault]) -> str:
    """What to say when every row is left out."""
    return f"{spec.file}: no row fits this tokenizer; the first: {left_out[0].message}"


def made_texts(
    spec: TemplateSpec, corruption: Corruption, file: str, n: int, seed: int, templates: Sequence[int] | None = None
) -> list[Text]:
    """`n` prompts from all templates or these, or as many as there are; all words of the lists are used."""
    keys = ("answer", "foil" if corruption.foil == spec.foil else f"corruptions.{corruption.name}.foil")
    where = f"{file}, corruption {corruption.name}"
    return [
        Text(where, keys, f.clean, f.corrupted, (f.answer,), (f.foil,), f.spans, f.template, spec.frame)
        for f in itertools.islice(fill_prompts(spec, corruption, seed, templates), n)
    ]


def _chosen_templates(text: str, n_templates: int, file: str) -> list[int]:
    """The templates of "0,2", each once, in order; all of them for "". Raises `TaskError`."""
    if not text:
        return list(range(n_templates))
    numbers = [part.strip() for part in text.split(",")]
    known = [str(number) for number in range(n_templates)]
    if unknown := [number for number in numbers if number not in known]:
        raise TaskError(f'{file}: there is no template "{unknown[0]}". This task has: {", ".join(known)}')
    return sorted({int(number) for number in numbers})


def words_in(spec: TemplateSpec, prompts: Iterable[Prompt]) -> frozenset[str]:
    """The words of a task's lists that stand in prompts, clean or corrupted."""
    before, after = map(len, spec.frame)
    both = (text for prompt in prompts for text in (prompt.clean, prompt.corrupted))
    text = "\n".join(one[before : len(one) - after] for one in both)
    listed = {word for words in spec.words.values() for row in words.rows for word in row}
    return frozenset(word for word in listed if re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text))


def _rows_apart(spec: RowSpec, batch: Batch | None) -> RowSpec:
    """The rows that are not in a batch."""
    if batch is None:
        return spec
    used = {prompt.clean for prompt in batch.prompts}
    rows = tuple(row for row in spec.rows if row.clean not in used)
    if not rows:
        raise TaskError(f"{spec.file}: all of its {len(spec.rows)} rows have been used")
    return dataclasses.replace(spec, rows=rows)


def _prompt(text: Text, spec: Spec, file: str, encoder: Encoder, bos: tuple[int, ...]) -> Prompt:
    prompt, faults = read_prompt(text, spec.positions, spec.spans, file, encoder, bos)
    if prompt is None or faults:
        raise TaskError(faults[0].message)
    return prompt
