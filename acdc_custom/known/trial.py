"""Methods on known models, each from a high threshold to a low one, without positions and in them.

Owns which models, ablations and thresholds; searches and scores are the engine's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product

from acdc_custom.choices import Ablation, CustomMetric, Metric
from acdc_custom.circuit.settings import SearchSettings
from acdc_custom.engine.ablation import prepare_ablation
from acdc_custom.engine.caches import Caches, build_caches
from acdc_custom.engine.metrics import prepare
from acdc_custom.engine.tokens import token_batch
from acdc_custom.graph import Edge
from acdc_custom.known.acting import acting
from acdc_custom.known.compiled import known_program
from acdc_custom.known.ioi import known_ioi
from acdc_custom.known.model import KnownModel
from acdc_custom.known.programs import PROGRAMS
from acdc_custom.known.result import BenchmarkResult
from acdc_custom.known.roc import best_first
from acdc_custom.known.wiring import changing, read_at
from acdc_custom.memory import WINDOW_BYTES
from acdc_custom.progress.protocol import OnStep, no_step
from acdc_custom.search.method import DecidingMethod, SearchMethod
from acdc_custom.search.registry import deciding_methods, methods, scoring_methods

ABLATIONS = (Ablation.ZERO, Ablation.MEAN, Ablation.CORRUPTED)
THRESHOLDS = tuple(float(f"1e{power}") for power in range(1, -13, -1))  # below are rounding errors


def known_models(n: int, seed: int) -> list[KnownModel]:
    """All that there are, with `n` prompts each, or as many as a model has."""
    return [*(known_program(make(), n, seed) for make in PROGRAMS), known_ioi(n, seed)]


def n_steps(models: Iterable[KnownModel], positions: bool = False) -> int:
    """How many steps `run_trials` reports."""
    searches = len(THRESHOLDS) * len(deciding_methods()) + len(scoring_methods())
    return sum(1 for _ in models) * len(ABLATIONS) * searches * (1 + positions)


def run_trials(
    models: Iterable[KnownModel], on_step: OnStep = no_step, positions: bool = False
) -> Iterator[BenchmarkResult]:
    """Each model with each ablation and each method; then, if asked for, all of them again in `positions`."""
    every = list(models)
    for in_positions in (False, True) if positions else (False,):
        for known, ablation in product(every, ABLATIONS):
            case = case_of(known, ablation, in_positions)
            for method in methods():
                yield run_method(case, method, on_step)


@dataclass(frozen=True)
class Case:
    """A model's prompts, run with an ablation, and what is true of them; in positions, of each edge at each span."""

    known: KnownModel
    caches: Caches
    parts: Mapping[Edge, tuple[str, ...]]  # as in a `BenchmarkResult`
    changing: frozenset[Edge]
    positions: bool


def case_of(known: KnownModel, ablation: Ablation, positions: bool = False) -> Case:
    """Run the prompts, and work out what is true. In positions, that is at which spans the edges act."""
    caches, circuit = batch_of(known, ablation), known.circuit
    if not positions:
        return Case(known, caches, circuit, changing(circuit, caches), positions)
    parts = {edge: circuit[edge.merged] for edge in sorted(read_at(circuit, caches))}
    return Case(known, caches, parts, acting(circuit, caches), positions)


def run_method(case: Case, method: SearchMethod, on_step: OnStep = no_step) -> BenchmarkResult:
    """What one method finds, at every threshold; `on_step` is called after each search."""
    known, caches = case.known, case.caches
    metric: Metric | CustomMetric = Metric.LOGIT_DIFF
    if isinstance(method, DecidingMethod):
        metric, found = known.metric, tuple(_searched(case, method, on_step))
    else:
        scores = method.scores([caches], positions=case.positions)
        found = best_first({edge: abs(score) for edge, score in scores.items()}, THRESHOLDS[-1])
        on_step()
    return BenchmarkResult(
        name=known.name,
        about=known.about,
        graph=known.model.graph,
        metric=metric,
        ablation=caches.carried.ablation,
        method=method,
        n=len(known.prompts),
        parts=case.parts,
        changing=case.changing,
        found=found,
        spans=caches.spans.names if case.positions else (),
    )


def _searched(case: Case, method: DecidingMethod, on_step: OnStep) -> Iterator[tuple[float, frozenset[Edge]]]:
    """The kept edges of a search at every threshold."""
    known, caches, positions = case.known, case.caches, case.positions
    objective = prepare(known.metric, known.model.weights, caches.tokens, caches.model_normed)
    hint = method.hint_in_positions([caches]) if positions else method.hint([caches])
    for threshold in THRESHOLDS:
        settings = SearchSettings(method=method.name, threshold=threshold, positions=positions)
        search = method.start([(caches, objective)], settings, WINDOW_BYTES, hint, None)
        yield threshold, frozenset(decision.edge for decision in search.decisions() if decision.kept)
        on_step()


def batch_of(known: KnownModel, ablation: Ablation) -> Caches:
    """The model's prompts, run clean, and what removed edges carry on them."""
    model = known.model
    tokens = token_batch(known.prompts, model.max_positions, len(model.weights.unembedding), model.device)
    return build_caches(model, tokens, prepare_ablation(ablation, model.weights, [tokens]))
