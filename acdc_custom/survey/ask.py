"""Asking a model: what its likeliest next word is, which subject that is, and how likely each of them is.

Owns which token a subject is: the first one by which it continues the prompt, after a space. Reading files is
`questions.py`'s business, showing what came out `table.py`'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import torch
from torch import Tensor

from acdc_custom.errors import TaskError, UsageError
from acdc_custom.files.table import Row, Tabular
from acdc_custom.model.check import check
from acdc_custom.model.layers import layers
from acdc_custom.model.model import Model
from acdc_custom.progress.protocol import Progress, silent
from acdc_custom.survey.questions import SurveyQuestion
from acdc_custom.task.tokens import Encoder

AT_ONCE = 32  # prompts in one forward pass
CHECKED = 4  # prompts on which the engine is checked against the model's own code


class SubjectPlace(StrEnum):
    """Which of the subjects, in the order in which the prompt first names them."""

    EARLIEST = "earliest"
    MIDDLE = "middle"
    LATEST = "latest"
    NONE = "not a subject"


@dataclass(frozen=True)
class SurveyAnswer:
    """What the model says after one prompt. Probabilities are those of the next token."""

    question: SurveyQuestion
    top: str  # the likeliest token
    probability: float
    subject: int | None  # which subject that is, from 0; None if it is no subject
    of_subjects: tuple[float, ...]

    @property
    def place(self) -> SubjectPlace:
        """Which of the subjects the likeliest token is."""
        return SubjectPlace.NONE if self.subject is None else place_of(self.subject, len(self.of_subjects))

    @property
    def of_places(self) -> dict[SubjectPlace, float]:
        """The probability of each place: of the middle, that of all subjects between; of none, the rest."""
        sums = dict.fromkeys(SubjectPlace, 0.0)
        for index, probability in enumerate(self.of_subjects):
            sums[place_of(index, len(self.of_subjects))] += probability
        sums[SubjectPlace.NONE] = max(0.0, 1.0 - sum(self.of_subjects))
        return sums


def place_of(index: int, n_subjects: int) -> SubjectPlace:
    """The place of a subject, counted from 0."""
    if index == 0:
        return SubjectPlace.EARLIEST
    return SubjectPlace.LATEST if index == n_subjects - 1 else SubjectPlace.MIDDLE


@dataclass(frozen=True)
class Survey(Tabular):
    """What a model says after all prompts."""

    model: str
    answers: tuple[SurveyAnswer, ...]
    notes: tuple[str, ...]  # whole sentences for the user

    def to_rows(self) -> list[Row]:
        """A row per prompt."""
        from acdc_custom.survey.table import to_rows

        return to_rows(self)


@dataclass(frozen=True)
class _Asked:
    question: SurveyQuestion
    ids: tuple[int, ...]
    subject_ids: tuple[int, ...]


@torch.no_grad()
def ask(
    model: Model,
    questions: Sequence[SurveyQuestion],
    bos: Sequence[int] = (),
    on_progress: Progress = silent,
) -> Survey:
    """Ask every question; `bos` comes before each prompt. `on_progress` hears of each that is asked.

    Raises `TaskError` for a prompt with subjects that cannot be told apart, `UsageError` for one that is too long,
    `ModelError` when the engine does not compute what the model's own code computes.
    """
    encoder = Encoder(model.tokenizer)
    asked, notes = _as_tokens(questions, encoder, tuple(bos))
    longest = max(asked, key=lambda one: len(one.ids))
    if len(longest.ids) > model.max_positions:
        raise UsageError(
            f"{longest.question.where}: the prompt has {len(longest.ids)} tokens; this model reads at most "
            f"{model.max_positions}. Use shorter prompts."
        )
    first = _padded(model, asked[:CHECKED])
    lengths = torch.tensor([len(one.ids) for one in asked[:CHECKED]], device=model.device)
    check(model, first, torch.arange(first.shape[1], device=model.device) < lengths[:, None])
    answers: list[SurveyAnswer] = []
    for start in range(0, len(asked), AT_ONCE):
        some = asked[start : start + AT_ONCE]
        answers += _answers(model, encoder, some)
        on_progress("Asking", len(some), len(asked))
    return Survey(model.name, tuple(answers), tuple(notes))


def _as_tokens(
    questions: Sequence[SurveyQuestion], encoder: Encoder, bos: tuple[int, ...]
) -> tuple[list[_Asked], list[str]]:
    asked, unknown, split = [], dict[str, None](), dict[str, None]()
    for question in questions:
        prompt = encoder.encode(question.prompt)
        unknown |= dict.fromkeys(encoder.unknown_words(prompt))
        ids: dict[int, str] = {}
        for name in question.subjects:
            longer = encoder.encode(f"{question.prompt} {name}").ids
            if longer[: len(prompt.ids)] != prompt.ids or len(longer) == len(prompt.ids):
                raise TaskError(
                    f'{question.where}: "{name}" changes the tokens of the prompt when it follows. A prompt ends '
                    f'without a space: "{question.prompt}"'
                )
            first = longer[len(prompt.ids)]
            if first == encoder.unknown_id:
                raise TaskError(f'{question.where}: the tokenizer does not know the subject "{name}"')
            if first in ids:
                raise TaskError(
                    f'{question.where}: the subjects "{ids[first]}" and "{name}" begin with the same token and cannot '
                    "be told apart. Choose names that are one token each"
                )
            ids[first] = name
            if len(longer) > len(prompt.ids) + 1:
                split[name] = None
        asked.append(_Asked(question, bos + prompt.ids, tuple(ids)))
    notes = []
    if unknown:
        notes.append(f"The tokenizer does not know these words, the model reads them all alike: {', '.join(unknown)}.")
    if split:
        notes.append(f"These are several tokens, and are judged by their first: {', '.join(split)}.")
    return asked, notes


def _padded(model: Model, asked: Sequence[_Asked]) -> Tensor:
    """`[prompt, pos]`. Padding on the right is read by nothing: attention is causal."""
    width = max(len(one.ids) for one in asked)
    return torch.tensor([[*one.ids, *[0] * (width - len(one.ids))] for one in asked], device=model.device)


def _answers(model: Model, encoder: Encoder, asked: Sequence[_Asked]) -> list[SurveyAnswer]:
    tokens = _padded(model, asked)
    ends = torch.tensor([len(one.ids) - 1 for one in asked], device=model.device)
    residual = model.weights.embed(tokens)  # [prompt, pos, d_model]
    for layer in layers(model.weights, tokens):
        residual = layer.after
    last = residual[torch.arange(len(asked), device=model.device), ends]  # [prompt, d_model]
    logits = model.weights.logits(model.weights.final_norm(last))  # [prompt, vocab]
    probabilities = logits.cpu().double().softmax(-1)
    answers = []
    for one, row in zip(asked, probabilities, strict=True):
        top = int(row.argmax())
        subject = one.subject_ids.index(top) if top in one.subject_ids else None
        of_subjects = tuple(float(row[token]) for token in one.subject_ids)
        answers.append(SurveyAnswer(one.question, encoder.text_of(top) or "", float(row[top]), subject, of_subjects))
    return answers
