"""What an evaluation costs on this machine, from a few timed windows; with it the forecast of a search begins.

Owns the measurement, before a search has decided anything. At the logits nothing has to be guessed. Below the first
layer it depends on the circuit that the search is going to find; so windows there are timed in a circuit that is made
up, with about as many nodes alive as in circuits that were found: some heads and MLPs of every fourth layer, needed at
the last token in the upper part of the model, and at all tokens in the lowest quarter.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import torch

from acdc_custom.circuit.circuit import Circuit
from acdc_custom.circuit.settings import SearchSettings
from acdc_custom.engine.caches import Caches
from acdc_custom.engine.chunk import Chunk, Removal
from acdc_custom.engine.footprint import out_of_memory
from acdc_custom.engine.metrics import prepare
from acdc_custom.engine.prepared import PreparedBatch
from acdc_custom.engine.spans import ANSWER, Extent
from acdc_custom.engine.stopwatch import Stopwatch, timed
from acdc_custom.engine.window import WindowSize
from acdc_custom.graph import LOGITS, Edge, Graph, Port, Receiver, Sender, Stage
from acdc_custom.model.forward import run
from acdc_custom.search.forecast import RISE, Forecast, Pace
from acdc_custom.search.method import DecidingMethod, ScoringMethod
from acdc_custom.search.order import visiting_order
from acdc_custom.search.registry import method_named

EVERY_LAYER = 4  # one in so many has nodes that are alive
EVERY_HEAD = 5  # of them, one in so many heads
EVERY_MLP = 8  # layers
WHOLE = 4  # one part in so many of the layers, the lowest, is needed at all tokens
FEW = 4  # prompts, on which a forward pass is timed on a CPU, or FEW times as many until it takes LONG_ENOUGH
LONG_ENOUGH = 0.05  # seconds: a shorter pass takes no less for fewer prompts
SHORT = 10.0  # seconds: where a search cannot take longer, nothing more is timed
GRADIENT = 3.0  # times a forward pass of the same prompts


def forecast_of(prepared: PreparedBatch, settings: SearchSettings, start: Circuit | None = None) -> Forecast:
    """Of a search that is to begin, with these complete settings, from this circuit or from the full model."""
    method, graph = method_named(settings.method), prepared.model.graph
    order = visiting_order(graph, settings.order, settings.order_seed)
    if isinstance(method, ScoringMethod):
        return Forecast(graph, order, float)
    at_spans = len(prepared.tokens.spans.names) if settings.positions else 1
    pace = measured_pace(prepared, settings, method)
    among = None if start is None else [kept.edge for kept in start.at_all_spans.edges]
    return Forecast(graph, order, method.evaluations, pace, among, at_spans)


@torch.no_grad()
def measured_pace(prepared: PreparedBatch, settings: SearchSettings, method: DecidingMethod) -> Pace | None:
    """Seconds per evaluation of a search by this method, on all prompts; None if memory does not do for a window."""
    try:
        return _measured(prepared, settings, method)
    except (RuntimeError, MemoryError) as error:
        if not out_of_memory(error):
            raise
        return None


def _measured(prepared: PreparedBatch, settings: SearchSettings, method: DecidingMethod) -> Pace:
    caches = prepared.chunks[0]
    graph, device = caches.model.graph, caches.model.device
    tokens = caches.tokens
    all_prompts = len(prepared.batch.prompts) / len(tokens.clean)
    objective = prepare(settings.parsed_metric, caches.model.weights, tokens, caches.model_normed)
    consumers = made_up(graph)
    chunk = Chunk(caches, objective, consumers, Stopwatch(device))
    sizes = WindowSize(settings.window, prepared.memory.window_bytes)

    def seconds(receiver: Receiver, extent: Extent) -> float:
        """Of an evaluation at a receiver."""
        size = sizes.next(chunk.visit(receiver, extent))
        size = min(size, method.at_once or size)
        blocks = [[Removal(0, extent)]] * size
        return _warm_seconds(lambda: chunk.evaluate(blocks), device) / size * all_prompts

    near = seconds(LOGITS, ANSWER)
    before = method.hint_passes * GRADIENT * _pass_seconds(caches) * all_prompts if method.hint_passes else 0.0
    if before + RISE * near * sum(map(method.evaluations, map(graph.n_senders_before, graph.receivers))) < SHORT:
        return Pace(near, RISE * near, before)
    extents: dict[Sender, Extent] = {}
    _open(chunk, consumers, extents)
    lowest = graph.inputs_of(Sender(0, Stage.HEAD, 0))[-1]  # its value
    extent = caches.spans.read_extent(graph, lowest, extents)
    assert extent is not None
    return Pace(near, seconds(lowest, extent), before)


def made_up(graph: Graph) -> dict[Sender, list[Edge]]:
    """The edges of a circuit that no search has found, by sender: each node feeds the logits, and the nodes above."""
    shape, edges = graph.shape, defaultdict[Sender, list[Edge]](list)
    for node in filter(_is_in, graph.senders):
        edges[node].append(Edge(node, LOGITS))
        above = [other for other in graph.senders if other.layer == node.layer + EVERY_LAYER and _is_in(other)]
        for receiver in [receiver for other in above for receiver in graph.inputs_of(other)]:
            if receiver.port is Port.K or (receiver.port is Port.V and node.layer >= shape.n_layers // WHOLE):
                continue
            edges[node].append(Edge(node, receiver))
    return edges


def _is_in(node: Sender) -> bool:
    if node.stage is Stage.EMBED:
        return False
    if node.stage is Stage.MLP:
        return node.layer % EVERY_MLP == 0
    return node.layer % EVERY_LAYER == 0 and node.head % EVERY_HEAD == 0


def _open(chunk: Chunk, consumers: Mapping[Sender, Sequence[Edge]], extents: dict[Sender, Extent]) -> None:
    """Make all nodes of a circuit alive, and note where they are needed."""
    caches = chunk.caches
    graph, spans = caches.model.graph, caches.spans
    for layer in reversed(range(graph.shape.n_layers)):
        mlp = Sender(layer, Stage.MLP)
        if mlp in consumers:
            extents[mlp] = spans.needed(graph, consumers[mlp], extents)
            chunk.open_mlp(layer, extents[mlp])
        heads = [node for node in consumers if node.layer == layer and node.stage is Stage.HEAD]
        extents |= {head: spans.needed(graph, consumers[head], extents) for head in heads}
        if heads:
            chunk.open_attention(layer, {head.head: extents[head] for head in heads})


def _pass_seconds(caches: Caches) -> float:
    """Of a forward pass of all prompts of some caches, told from one of as few as will do."""
    model, clean = caches.model, caches.tokens.clean
    # A GPU takes as long for a few prompts as for many.
    n = len(clean) if model.device.type == "cuda" else min(FEW, len(clean))
    while True:
        seconds = _warm_seconds(partial(run, model.weights, clean[:n]), model.device)
        if seconds >= LONG_ENOUGH or n == len(clean):
            return seconds * len(clean) / n
        n = min(FEW * n, len(clean))


def _warm_seconds(action: Callable[[], object], device: torch.device) -> float:
    """The seconds that it takes, after a first time that does not count."""
    action()
    return timed(device, action)[1]
