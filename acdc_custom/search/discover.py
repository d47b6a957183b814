"""The main job: from a task and a model to a circuit.

Owns the order of the steps and the record of what was done. Deciding and scoring are the methods' business; showing
progress and writing files are the caller's, who is told of every decision.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import platform
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from acdc_custom.choices import Device, Precision, parse_metric
from acdc_custom.circuit.circuit import Circuit, KeptEdge, Outcome, SearchRecord, Span
from acdc_custom.circuit.decision import Decision, Reason
from acdc_custom.circuit.provenance import ModelRecord, Provenance, TaskRecord
from acdc_custom.circuit.settings import SearchSettings
from acdc_custom.engine.metrics import Objective, prepare
from acdc_custom.engine.performance import task_performance
from acdc_custom.engine.prepared import PreparedBatch, prepare_batch
from acdc_custom.engine.spans import ANSWER
from acdc_custom.errors import UsageError
from acdc_custom.files.reading import described, printable
from acdc_custom.graph import LOGITS
from acdc_custom.model.catalogue import DEFAULT_MODEL
from acdc_custom.model.given import load_model
from acdc_custom.search.bar import OnDecision as OnDecision
from acdc_custom.search.bar import SearchBar, both
from acdc_custom.search.held_out import score_draw
from acdc_custom.search.method import DecidingMethod, ScoringMethod, ToScore, top_edges
from acdc_custom.search.pace import forecast_of
from acdc_custom.search.passes import Effects, Passes, whole_receivers
from acdc_custom.search.registry import method_named
from acdc_custom.task.aligned import token_texts
from acdc_custom.task.batch import answer_tokens
from acdc_custom.task.given import load_task
from acdc_custom.task.selection import Draw, PromptSelection
from acdc_custom.task.spans import pieces
from acdc_custom.version import __version__

PACKAGES = ("torch", "transformer_lens", "transformers", "numpy")


def discover(
    task: Any,
    model: Any = DEFAULT_MODEL,
    settings: SearchSettings | None = None,
    on_decision: OnDecision = lambda decision: None,
    *,
    tokenizer: Any = None,
    progress: bool = True,
    **options: Any,
) -> Circuit:
    """Find the circuit of a task in a model: by exact ACDC (Conmy et al. 2023, arXiv 2304.14997, Algorithm 1), unless
    the settings name another method.

    `task` is a name, a path, a `Task`, a DataFrame or a list of rows (see `acdc_custom.load_task`); `model` a name, a
    folder, a Hugging Face model with its `tokenizer`, or a TransformerBridge, which is left exactly as it was (see
    `acdc_custom.load_model`). `options` are settings by name, on top of `settings`: `threshold=0.01, n=20, seed=1`. See
    `SearchSettings` and `PromptSelection` for all of them. `on_decision` is told of every decision; a bar shows the
    `progress` to people. Raises an `AcdcError` that says what is wrong: see `acdc_custom.errors`.
    """
    if not isinstance(settings, SearchSettings | None):
        raise UsageError(f"{described(settings)} is no SearchSettings. Give settings by name: threshold=0.01, n=20.")
    settings = (settings or SearchSettings()).with_(**options)
    method_named(settings.method).completed(settings)  # what is wrong with it is said before anything is computed
    start = load_start(settings)
    asked = load_task(task)
    # What is loaded keeps its device and precision, unless others are asked for by name.
    computed = settings.flat() if isinstance(model, (str, Path)) else options
    loaded = load_model(model, tokenizer, computed.get("device"), computed.get("dtype"))
    prepared = prepare_batch(asked, loaded, settings)
    with _bar(prepared, settings, start) if progress else contextlib.nullcontext() as bar:
        told = on_decision if bar is None else both(bar.note, on_decision)
        circuit = search(prepared, settings, told, start=start)
    return replace(circuit, test=score_draw(prepared, settings, circuit, Draw.TEST))


def load_start(settings: SearchSettings) -> Circuit | None:
    """The circuit that the settings start from; None: the full model. Raises `UsageError` if it has no edges."""
    if not settings.start:
        return None
    start = Circuit.load(settings.start)
    if not start.edges:
        raise UsageError("the circuit to start from has no edges. Give one that has.")
    return start


def _bar(prepared: PreparedBatch, settings: SearchSettings, start: Circuit | None) -> SearchBar:
    n_edges = prepared.model.graph.n_edges if start is None else len(start.at_all_spans.edges)
    return SearchBar(n_edges, forecast_of(prepared, completed(prepared, settings), start))


def completed(prepared: PreparedBatch, settings: SearchSettings) -> SearchSettings:
    """The settings of a search on a batch that has been prepared, with nothing left to the task, model or method.

    Raises `UsageError` for what the method has no use for.
    """
    batch, model = prepared.batch, prepared.model
    return replace(
        method_named(settings.method).completed(settings),
        metric=parse_metric(settings.metric or prepared.task.metric).value,
        ablation=prepared.ablation,
        knock_out=",".join(map(str, prepared.knocked_out)),
        prompts=PromptSelection(
            len(batch.prompts),
            batch.seed,
            batch.corruption,
            batch.templates,
            batch.resample,
            settings.prompts.held_out,
        ),
        device=Device(model.device.type),
        dtype=Precision(str(model.dtype).removeprefix("torch.")),
        memory_limit=None,  # what came of it is the memory plan
    )


def provenance(prepared: PreparedBatch, settings: SearchSettings) -> Provenance:
    """All that the circuit will depend on."""
    model, task = prepared.model, prepared.task
    return Provenance(
        completed(prepared, settings),
        TaskRecord(task.name, task.text, task.sha256, prepared.batch.sha256),
        ModelRecord(model.name, model.architecture, model.n_parameters, model.fingerprint),
        package_versions(),
    )


def package_versions() -> dict[str, str]:
    """Of Python and of the packages that compute."""
    versions = {name: importlib.metadata.version(name) for name in PACKAGES}
    return {"acdc-custom": __version__, "python": platform.python_version(), **versions}


def search(
    prepared: PreparedBatch,
    settings: SearchSettings,
    on_decision: OnDecision = lambda decision: None,
    earlier: Sequence[Decision] = (),
    start: Circuit | None = None,
) -> Circuit:
    """`discover`, on a batch that has been prepared, without the test.

    `start` is the circuit that the settings' `start` names; of an empty one nothing is left to decide.

    `earlier` are the decisions of an interrupted search with the same settings: those that can be resumed from are
    taken over, and the circuit comes out as if there had been no interruption. `on_decision` is told of the rest.
    """
    origin = provenance(prepared, settings)
    settings = origin.settings
    objectives = [
        prepare(settings.parsed_metric, prepared.model.weights, chunk.tokens, chunk.model_normed)
        for chunk in prepared.chunks
    ]
    method, started = method_named(settings.method), time.monotonic()
    if isinstance(method, DecidingMethod):
        among = start_effects(start, prepared, settings)
        found = (
            _nothing(settings)
            if among is not None and not among
            else _decided(prepared, objectives, method, settings, on_decision, earlier, among)
        )
    else:
        found = _scored(prepared, method, settings, on_decision, earlier)
    return _circuit(prepared, objectives, origin, found, time.monotonic() - started)


def start_effects(start: Circuit | None, prepared: PreparedBatch, settings: SearchSettings) -> Effects | None:
    """The edges that a search starts from. Raises `UsageError` when they are not this model's."""
    if start is None:
        return None
    model = prepared.model
    if start.model.weights_sha256 != model.fingerprint:
        raise UsageError(
            f"the circuit to start from was found in {start.model.name}, and this is {model.name}, or other weights of "
            "it. Give a circuit of this model."
        )
    if start.in_positions and not settings.positions:
        raise UsageError("the circuit to start from is in positions. Search it with --positions.")
    if not settings.positions or start.in_positions:
        return {kept.edge: kept.effect for kept in start.edges}
    effects = {kept.edge: kept.effect for kept in start.edges}
    at_spans = model.graph.edges_at(prepared.tokens.spans.names)
    return {edge: effects[edge.merged] for edge in at_spans if edge.merged in effects}


def resumable(
    decisions: Sequence[Decision], prepared: PreparedBatch, settings: SearchSettings, start: Circuit | None = None
) -> Sequence[Decision]:
    """The decisions of an interrupted search that one with the same settings can take over."""
    method = method_named(settings.method)
    if isinstance(method, ScoringMethod):
        return decisions if method.each_edge else ()
    among = None if start is None else frozenset(kept.edge for kept in start.edges)
    return decisions[: whole_receivers(decisions, prepared.model.graph, settings, among)]


@dataclass(frozen=True)
class _Found:
    """What a method gives. `metric` is that of the circuit by the method's own account, None if it has none."""

    kept: tuple[KeptEdge, ...]
    unit: str
    decided: Mapping[str, int]
    evaluations: int
    margins: Sequence[float]
    metric: float | None
    stages: Mapping[str, float]


def _nothing(settings: SearchSettings) -> _Found:
    """What a search among no edges finds."""
    decided = {reason.value: 0 for reason in Reason if reason is not Reason.SCORED}
    return _Found((), settings.parsed_metric.unit, decided, evaluations=0, margins=(), metric=None, stages={})


def _decided(
    prepared: PreparedBatch,
    objectives: Sequence[Objective],
    method: DecidingMethod,
    settings: SearchSettings,
    on_decision: OnDecision,
    earlier: Sequence[Decision],
    start: Effects | None,
) -> _Found:
    batch = list(zip(prepared.chunks, objectives, strict=True))
    decider = Passes(method, batch, settings, prepared.memory.window_bytes, start)
    decisions = list(earlier[: decider.replay(earlier)])
    for decision in decider.decisions():
        decisions.append(decision)
        on_decision(decision)
    last, threshold = {d.edge: d for d in decisions}, settings.threshold or 0.0
    reasons = Counter(d.reason for d in last.values())
    if settings.positions:  # edges are dead at many spans at once: see `Decision`
        others = sum(n for reason, n in reasons.items() if reason is not Reason.DEAD)
        edges = prepared.model.graph.n_edges_in(len(prepared.tokens.spans.names)) if start is None else len(start)
        reasons[Reason.DEAD] = edges - others
    return _Found(
        kept=tuple(KeptEdge(d.edge, d.effect) for d in last.values() if d.kept),
        unit=settings.parsed_metric.unit,
        decided={reason.value: reasons[reason] for reason in Reason if reason is not Reason.SCORED},
        evaluations=decider.evaluations,
        margins=[abs(d.effect - threshold) for d in decisions if d.reason is Reason.EVALUATED],
        metric=decider.metric,
        stages=decider.seconds,
    )


def _scored(
    prepared: PreparedBatch,
    method: ScoringMethod,
    settings: SearchSettings,
    on_decision: OnDecision,
    earlier: Sequence[Decision],
) -> _Found:
    """The edges that come first. While edges are scored, none is known to be kept: see `scored_decisions`."""
    scores = {decision.edge: decision.effect for decision in earlier}
    asked = ToScore(
        prepared.chunks,
        dict(scores),
        settings.window,
        prepared.memory.window_bytes,
        settings.steps or 1,
        positions=settings.positions,
    )
    for edge, score in method.score(asked):
        if edge not in scores:
            scores[edge] = score
            on_decision(Decision(edge, False, score, None, Reason.SCORED, len(scores)))
    first = top_edges(scores, settings.edges or 0, settings.ranking)
    return _Found(
        kept=tuple(KeptEdge(edge, scores[edge]) for edge in first),
        unit=method.unit,
        decided={Reason.SCORED.value: len(scores)},
        evaluations=method.total_steps(prepared.chunks, settings.steps, settings.positions),
        margins=(),
        metric=None,
        stages={},
    )


def scored_decisions(decisions: Sequence[Decision], circuit: Circuit) -> list[Decision]:
    """The journal of a scoring method, now that it is known which edges come first."""
    kept = {kept.edge for kept in circuit.edges}
    return [replace(decision, kept=decision.edge in kept) for decision in decisions]


@torch.no_grad()
def _circuit(
    prepared: PreparedBatch, objectives: Sequence[Objective], origin: Provenance, found: _Found, seconds: float
) -> Circuit:
    """The circuit, its numbers computed anew from its definition."""
    chunks, edges = prepared.chunks, [kept.edge for kept in found.kept]
    normed = prepared.outputs_of(edges)
    after = _mean([objective(out[None]) for out, objective in zip(normed, objectives, strict=True)])
    final_norm = prepared.model.weights.final_norm
    before = [final_norm(chunk.residual(LOGITS, ANSWER)[None]) for chunk in chunks]
    clean = [objective(out) for out, objective in zip(before, objectives, strict=True)]
    noise = max(abs(after - (after if found.metric is None else found.metric)), torch.finfo(prepared.model.dtype).eps)
    return Circuit(
        shape=prepared.model.graph.shape,
        edges=found.kept,
        provenance=origin,
        outcome=Outcome(
            metric_before=_mean(clean),
            metric_after=after,
            model=prepared.full,
            circuit=task_performance(chunks, normed),
            empty=prepared.empty,
            answer_tokens=answer_tokens(prepared.batch.prompts),
        ),
        search=SearchRecord(
            unit=found.unit,
            evaluations=found.evaluations,
            decided=found.decided,
            closest_margin=min(found.margins, default=None),
            noise=noise,
            within_noise=sum(margin < noise for margin in found.margins),
            seconds=seconds,
            stages=found.stages,
        ),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        spans=_spans(prepared) if origin.settings.positions else (),
    )


def _spans(prepared: PreparedBatch) -> tuple[Span, ...]:
    """All spans of a batch, with the texts of the first prompt that has the most of them."""
    example = max(prepared.batch.prompts, key=lambda prompt: len(set(prompt.spans)))
    texts: dict[str, str] = {}
    for piece in pieces(example.spans, token_texts(example, prepared.model.tokenizer)):
        texts[piece.span] = texts.get(piece.span, "") + piece.text
    shown = {name: text.strip() or printable(text) for name, text in texts.items()}  # a line end may be all of it
    return tuple(Span(name, shown.get(name, "")) for name in prepared.tokens.spans.names)


def _mean(values: Sequence[torch.Tensor]) -> float:
    return float(torch.cat(list(values), dim=-1).mean())
