"""Searches on known models, from a high threshold to a low one.

Owns which models, ablations and thresholds; the searches are the engine's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np

from acdc_custom.choices import Ablation
from acdc_custom.engine.ablation import prepare_ablation
from acdc_custom.engine.caches import Caches, build_caches
from acdc_custom.engine.metrics import prepare
from acdc_custom.engine.search import Search
from acdc_custom.engine.tokens import token_batch
from acdc_custom.known.compiled import known_program
from acdc_custom.known.ioi import known_ioi
from acdc_custom.known.model import KnownModel
from acdc_custom.known.programs import PROGRAMS
from acdc_custom.known.result import Trial
from acdc_custom.known.wiring import changing

ABLATIONS = (Ablation.ZERO, Ablation.MEAN, Ablation.CORRUPTED)
THRESHOLDS = tuple(float(f"{tau:.3g}") for tau in np.logspace(1, -6, 22))  # three to a power of ten


def known_models(n: int, seed: int) -> list[KnownModel]:
    """All that there are, with `n` prompts each, or as many as a model has."""
    return [*(known_program(make(), n, seed) for make in PROGRAMS), known_ioi(n, seed)]


def run_trials(models: Iterable[KnownModel], told: Callable[[int], None] = lambda more: None) -> Iterator[Trial]:
    """Each model with each ablation. `told` hears of every search that is done."""
    for known in models:
        for ablation in ABLATIONS:
            yield run_trial(known, ablation, told)


def run_trial(known: KnownModel, ablation: Ablation, told: Callable[[int], None] = lambda more: None) -> Trial:
    """One model with one ablation, at every threshold."""
    caches = batch_of(known, ablation)
    objective = prepare(known.metric, known.model.weights, caches.tokens, caches.model_normed)
    found = []
    for threshold in THRESHOLDS:
        search = Search([(caches, objective)], threshold)
        found.append((threshold, frozenset(decision.edge for decision in search.decisions() if decision.kept)))
        told(1)
    return Trial(
        name=known.name,
        about=known.about,
        graph=known.model.graph,
        metric=known.metric,
        ablation=ablation,
        n=len(known.prompts),
        parts=known.circuit,
        changing=changing(known.circuit, caches),
        found=tuple(found),
    )


def batch_of(known: KnownModel, ablation: Ablation) -> Caches:
    """The model's prompts, run clean, and what removed edges carry on them."""
    model = known.model
    tokens = token_batch(known.prompts, model.max_positions, len(model.weights.unembedding), model.device)
    return build_caches(model, tokens, prepare_ablation(ablation, model.weights, [tokens]))
