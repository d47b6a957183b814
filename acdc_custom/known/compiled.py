"""Programs as known models: compiled, and with prompts in token ids."""

from __future__ import annotations

import random
from collections.abc import Iterable

from torch import Tensor

from acdc_custom.choices import CustomMetric
from acdc_custom.engine.metrics import MetricBatch
from acdc_custom.known.compiler import compile_program
from acdc_custom.known.model import KnownModel, KnownPrompt, model_of
from acdc_custom.known.programs import ASKED, START, Example, Program

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
    """Some of a program's prompts, each with another of as many tokens for its corrupted twin."""
    rng = random.Random(seed)
    chosen = rng.sample(program.examples, min(n, len(program.examples)))
    prompts = []
    for clean in chosen:
        others = [other for other in program.examples if len(other.prompt) == len(clean.prompt) and other != clean]
        prompts.append(_prompt(program, clean, rng.choice(others)))
    return tuple(prompts)


def _prompt(program: Program, clean: Example, corrupted: Example) -> KnownPrompt:
    """In token ids. The answer is the word that should have the logits, the foils are those that should have none."""

    def ids(words: Iterable[str]) -> tuple[int, ...]:
        return tuple(map(program.words.index, words))

    foils = [word for word in program.words if word not in (*clean.logits, *NO_ANSWERS)]
    return KnownPrompt(ids(clean.prompt), ids(corrupted.prompt), ids(clean.logits), ids(foils))
