"""Programs as known models: compiled, and with prompts in token ids."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import zip_longest

from torch import Tensor

from acdc_custom.choices import CustomMetric
from acdc_custom.engine.metrics import MetricBatch
from acdc_custom.known.compiler import compile_program
from acdc_custom.known.model import KnownModel, KnownPrompt, model_of
from acdc_custom.known.programs import ASKED, START, Program, ProgramExample

NO_ANSWERS = (START, ASKED)
SQUARED_DISTANCE = CustomMetric("acdc_custom.known.compiled:squared_distance", "squared logits")


def squared_distance(logits: Tensor, batch: MetricBatch) -> Tensor:
    """The squared distance from the full model's logits: `[candidate, prompt]` from `[candidate, prompt, vocab]`.

    The paper's metric for these models, which say numbers and not probabilities.
    """
    return (logits - batch.model_logits).square().sum(-1)


def known_program(program: Program, n: int, seed: int) -> KnownModel:
    """The program's model, with `n` of its prompts, or all there are."""
    compiled = compile_program(program.output, program.words, program.says)
    return KnownModel(
        name=program.name,
        about=program.about,
        model=model_of(program.name, compiled.weights, compiled.graph),
        wires=compiled.wires,
        prompts=prompts_of(program, n, seed),
        metric=SQUARED_DISTANCE,
    )


def prompts_of(program: Program, n: int, seed: int) -> tuple[KnownPrompt, ...]:
    """Some of a program's prompts, each with another of as many tokens for its corrupted twin.

    Prompts of each form are taken in turn, since most prompts are long ones; so are their twins' forms.
    """
    rng = random.Random(seed)
    forms: dict[tuple[int, int], list[ProgramExample]] = {}
    for example in program.examples:
        forms.setdefault((len(example.prompt), example.prompt.count(ASKED)), []).append(example)
    shuffled = [rng.sample(alike, len(alike)) for alike in forms.values()]
    in_turn = [example for turn in zip_longest(*shuffled) for example in turn if example is not None]
    prompts = []
    for clean in in_turn[:n]:
        alike = rng.choice([alike for (length, _), alike in forms.items() if length == len(clean.prompt)])
        prompts.append(_prompt(program, clean, rng.choice([other for other in alike if other != clean])))
    return tuple(prompts)


def _prompt(program: Program, clean: ProgramExample, corrupted: ProgramExample) -> KnownPrompt:
    """In token ids. The answer is the word that should have the logits, the foils are those that should have none."""

    def ids(words: Iterable[str]) -> tuple[int, ...]:
        return tuple(map(program.words.index, words))

    foils = [word for word in program.words if word not in (*clean.logits, *NO_ANSWERS)]
    return KnownPrompt(
        ids(clean.prompt),
        ids(corrupted.prompt),
        ids(clean.logits),
        ids(foils),
        positions=positions_of(clean.prompt),
    )


def positions_of(prompt: Sequence[str]) -> dict[str, int]:
    """Names for all tokens but the first, by what they are: `word1`, `word2`, ... and each `?`: `asked1`, ..."""
    counts = Counter[str]()
    positions = {}
    for place, word in enumerate(prompt):
        if word != START:
            kind = "asked" if word == ASKED else "word"
            counts[kind] += 1
            positions[f"{kind}{counts[kind]}"] = place
    return positions
