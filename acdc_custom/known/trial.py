"""Methods on known models, each from a high threshold to a low one.

Owns which models, ablations and thresholds; searches and scores are the engine's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import product

from acdc_custom.choices import Ablation, CustomMetric, Metric
from acdc_custom.circuit.settings import SearchSettings
from acdc_custom.engine.ablation import prepare_ablation
from acdc_custom.engine.caches import Caches, build_caches
from acdc_custom.engine.metrics import prepare
from acdc_custom.engine.tokens import token_batch
from acdc_custom.graph import Edge
from acdc_custom.known.compiled import known_program
from acdc_custom.known.ioi import known_ioi
from acdc_custom.known.model import KnownModel
from acdc_custom.known.programs import PROGRAMS
from acdc_custom.known.result import BenchmarkResult
from acdc_custom.known.roc import best_first
from acdc_custom.known.wiring import changing
from acdc_custom.memory import WINDOW_BYTES
from acdc_custom.progress.protocol import OnStep, no_step
from acdc_custom.search.method import DecidingMethod, SearchMethod
from acdc_custom.search.registry import deciding_methods, methods, scoring_methods

ABLATIONS = (Ablation.ZERO, Ablation.MEAN, Ablation.CORRUPTED)
THRESHOLDS = tuple(float(f"1e{power}") for power in range(1, -13, -1))  # below are rounding errors


def known_models(n: int, seed: int) -> list[KnownModel]:
    """All that there are, with `n` prompts each, or as many as a model has."""
    return [*(known_program(make(), n, seed) for make in PROGRAMS), known_ioi(n, seed)]


def n_steps(models: Iterable[KnownModel]) -> int:
    """How many steps `run_trials` reports."""
    searches = len(THRESHOLDS) * len(deciding_methods()) + len(scoring_methods())
    return sum(1 for _ in models) * len(ABLATIONS) * searches


def run_trials(models: Iterable[KnownModel], on_step: OnStep = no_step) -> Iterator[BenchmarkResult]:
    """Each model with each ablation and each method."""
    for known, ablation, method in product(models, ABLATIONS, methods()):
        yield run_trial(known, ablation, method, on_step)


def run_trial(
    known: KnownModel, ablation: Ablation, method: SearchMethod, on_step: OnStep = no_step
) -> BenchmarkResult:
    """One model with one ablation and one method, at every threshold; `on_step` is called after each search."""
    caches = batch_of(known, ablation)
    metric: Metric | CustomMetric = Metric.LOGIT_DIFF
    if isinstance(method, DecidingMethod):
        metric, found = known.metric, tuple(_searched(known, caches, method, on_step))
    else:
        scores = method.scores([caches])
        found = best_first({edge: abs(score) for edge, score in scores.items()}, THRESHOLDS[-1])
        on_step()
    return BenchmarkResult(
        name=known.name,
        about=known.about,
        graph=known.model.graph,
        metric=metric,
        ablation=ablation,
        method=method,
        n=len(known.prompts),
        parts=known.circuit,
        changing=changing(known.circuit, caches),
        found=found,
    )


def _searched(
    known: KnownModel, caches: Caches, method: DecidingMethod, on_step: OnStep
) -> Iterator[tuple[float, frozenset[Edge]]]:
    """The kept edges of a search at every threshold."""
    objective = prepare(known.metric, known.model.weights, caches.tokens, caches.model_normed)
    hint = method.hint([caches])
    for threshold in THRESHOLDS:
        settings = SearchSettings(method=method.name, threshold=threshold)
        search = method.start([(caches, objective)], settings, WINDOW_BYTES, hint, None)
        yield threshold, frozenset(decision.edge for decision in search.decisions() if decision.kept)
        on_step()


def batch_of(known: KnownModel, ablation: Ablation) -> Caches:
    """The model's prompts, run clean, and what removed edges carry on them."""
    model = known.model
    tokens = token_batch(known.prompts, model.max_positions, len(model.weights.unembedding), model.device)
    return build_caches(model, tokens, prepare_ablation(ablation, model.weights, [tokens]))
