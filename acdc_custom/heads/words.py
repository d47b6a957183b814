"""Who is who in the prompts of a batch: which places hold a word, which words are one, and which is the answer.

Owns the reading of prompts for the analyses of heads. What a word is for, answer, foil or something else, is found by
comparing tokens; the names of positions are labels only. Imports no torch.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any, Protocol

from acdc_custom.errors import UsageError
from acdc_custom.task import Batch, Task
from acdc_custom.task.pattern import Ref
from acdc_custom.task.spec import TemplateSpec
from acdc_custom.task.tokens import Encoder, token_text


class WordPart(StrEnum):
    """What a word is to the question that the prompt asks."""

    ANSWER = "answer"
    FOIL = "foil"
    OTHER = "other"


class Vocabulary(Protocol):
    """What is asked of a tokenizer here."""

    def word(self, token: int) -> str:
        """The word that a token stands for, without the space before it."""

    def continuing(self, token: int) -> int:
        """The token by which the same word continues a text: with the space before it, if there is such a token."""


@dataclass(frozen=True)
class TokenizerVocabulary:
    """A Hugging Face tokenizer."""

    tokenizer: Any

    def word(self, token: int) -> str:
        return token_text(self.tokenizer, token).strip()

    def continuing(self, token: int) -> int:
        found = self._encoder.word(self.word(token))
        return token if found is None else found

    @cached_property
    def _encoder(self) -> Encoder:
        return Encoder(self.tokenizer)


@dataclass(frozen=True)
class NamedWord:
    """A word that every prompt names, another one in each: the people of a sentence, the cue of an antonym."""

    name: str  # of the first place that holds it: IO, S1
    part: WordPart
    places: tuple[str, ...]  # every named place that holds it: S1, S2
    occurrences: tuple[tuple[int, ...], ...]  # per prompt: the index of every token that is this word
    tokens: tuple[int, ...]  # per prompt: the token by which the word continues a text

    @property
    def repeated(self) -> bool:
        """Whether every prompt names it more than once."""
        return all(len(at) > 1 for at in self.occurrences)


@dataclass(frozen=True)
class PromptWords:
    """The words of a batch. `places` gives, for every place that holds a word, its index in each prompt."""

    places: dict[str, tuple[int, ...]]
    subjects: tuple[NamedWord, ...]

    def subject_at(self, place: str) -> NamedWord:
        """The word that stands at a place."""
        return next(subject for subject in self.subjects if place in subject.places)

    def of(self, part: WordPart) -> tuple[NamedWord, ...]:
        """The subjects that are the answer, the foil, or neither."""
        return tuple(subject for subject in self.subjects if subject.part is part)

    @property
    def telling_places(self) -> tuple[str, ...]:
        """Where a prompt says who is meant: the later places of repeated words, and the latest word's place."""
        latest = max(self.places, key=lambda place: min(self.places[place]), default=None)
        return tuple(place for place in self.places if place == latest or self._repeats(place))

    def _repeats(self, place: str) -> bool:
        """Whether the word at a place has come before, in every prompt."""
        first = [at[0] for at in self.subject_at(place).occurrences]
        return all(here > before for here, before in zip(self.places[place], first, strict=True))


def cast_of(task: Task, batch: Batch, tokenizer: Any) -> PromptWords:
    """The words of a task's batch: its named positions that are a slot's word, and answer and foil in any case."""
    return find_cast(batch.prompts, word_places(task), TokenizerVocabulary(tokenizer))


def word_places(task: Task) -> tuple[str, ...]:
    """The task's named positions that stand on a slot's word, and not on a literal or some tokens further on."""
    if not isinstance(task.spec.prompts, TemplateSpec):
        return ()
    return tuple(
        name for name, where in task.spec.positions.items() if isinstance(where.what, Ref) and where.offset == 0
    )


def find_cast(prompts: Sequence[Any], names: Sequence[str], vocabulary: Vocabulary) -> PromptWords:
    """The words at the named places of these prompts, and the answer and the foil if every prompt names them.

    Where those have no named place, their places are called `answer`, `foil`, `foil#2` and so on.
    `prompts` are `acdc_custom.task.Prompt`s. Raises `UsageError` for a place that a prompt does not have.
    """
    words = [[vocabulary.word(token) for token in prompt.clean_ids] for prompt in prompts]
    answers, foils = (
        [{vocabulary.word(token) for token in getattr(prompt, key)} for prompt in prompts]
        for key in ("answer_ids", "foil_ids")
    )
    places: dict[str, tuple[int, ...]] = {}
    for name in names:
        for prompt in prompts:
            if name not in prompt.positions:
                raise UsageError(f'no position is called "{name}". There are: {", ".join(prompt.positions)}.')
        places[name] = tuple(prompt.positions[name] for prompt in prompts)
    held = {name: tuple(of[at] for of, at in zip(words, places[name], strict=True)) for name in names}
    for name, wanted in (("answer", answers), ("foil", foils)):
        found = [[i for i, word in enumerate(of) if word in these] for of, these in zip(words, wanted, strict=True)]
        known = any(all(w in these for w, these in zip(of, wanted, strict=True)) for of in held.values())
        for nth in range(0 if known else min(map(len, found), default=0)):
            place = f"{name}#{nth + 1}" if nth else name
            if place not in places:
                places[place] = tuple(at[nth] for at in found)
                held[place] = tuple(of[at[nth]] for of, at in zip(words, found, strict=True))
    together: dict[tuple[str, ...], list[str]] = {}
    for name, of in held.items():
        together.setdefault(of, []).append(name)
    return PromptWords(
        places,
        tuple(
            NamedWord(
                name=min(names, key=lambda name: places[name]),
                part=_part(of, answers, foils),
                places=tuple(names),
                occurrences=tuple(
                    tuple(i for i, word in enumerate(line) if word == own) for line, own in zip(words, of, strict=True)
                ),
                tokens=tuple(
                    vocabulary.continuing(prompt.clean_ids[at])
                    for prompt, at in zip(prompts, places[names[0]], strict=True)
                ),
            )
            for of, names in together.items()
        ),
    )


def strangers(cast: PromptWords, answers: Sequence[int], n_words: int, seed: int, k: int) -> list[list[int]]:
    """Per prompt, `k` tokens that are no word of it: other prompts' words, or any of `n_words` if there are too few."""
    rng = random.Random(seed)
    named = [{s.tokens[prompt] for s in cast.subjects} | {answer} for prompt, answer in enumerate(answers)]
    every = set().union(*named)
    pools = [sorted(every - own) for own in named]
    return [
        rng.sample(pool if len(pool) >= k else [token for token in range(n_words) if token not in own], k)
        for pool, own in zip(pools, named, strict=True)
    ]


def _part(words: Sequence[str], answers: Sequence[set[str]], foils: Sequence[set[str]]) -> WordPart:
    for part, wanted in ((WordPart.ANSWER, answers), (WordPart.FOIL, foils)):
        if all(word in these for word, these in zip(words, wanted, strict=True)):
            return part
    return WordPart.OTHER
