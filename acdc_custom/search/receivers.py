"""A search that visits receiver after receiver, from the logits down, and decides all edges of each.

Owns what every such search shares: which receivers are visited when, which nodes are alive by then, the edges that
decide themselves, the windows of candidates that are evaluated, and taking over the decisions of an interrupted search.
How the edges into one receiver are decided is the business of its subclasses. Yields decisions one by one and leaves
progress, logging and files to its caller.

A search in positions decides each edge at each span, from the last span to the first; every other one decides an edge
at all spans at once. Where nothing reads a receiver at some of the spans, its edges there are dead, which one decision
per edge says of all these spans together: one without a span.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise

import torch
from torch import Tensor

from acdc_custom.circuit.decision import Decision, Reason
from acdc_custom.engine.caches import Caches
from acdc_custom.engine.chunk import Chunk, Removal
from acdc_custom.engine.metrics import Objective, mean_over_chunks
from acdc_custom.engine.spans import Extent
from acdc_custom.engine.stopwatch import Stopwatch, TimedStage
from acdc_custom.engine.window import Cost, WindowSize
from acdc_custom.errors import SearchError
from acdc_custom.graph import Edge, Receiver, Sender, Stage
from acdc_custom.memory import WINDOW_BYTES
from acdc_custom.search.order import VisitingOrder, visiting_order

Block = Sequence[Edge]  # into one receiver, which are removed together, or not at all


@dataclass(frozen=True)
class Candidates:
    """The edges into one receiver: those that can be decided, and those into which nothing looks."""

    extent: Extent  # where the receiver is read
    live: Sequence[Edge]
    dead: Sequence[Edge]

    @property
    def all(self) -> list[Edge]:
        """In the order in which they are decided."""
        return [*self.live, *self.dead]


class ReceiverSearch(ABC):
    """One search over all edges of a model, or over those of a circuit.

    `batch` holds caches and metric of every chunk of the prompts, in order. Iterate over `decisions()`; `metric`,
    `evaluations` and `consumers` (the kept edges by sender) are up to date after each decision. `window` fixes the
    number of candidates evaluated at once; by default it adapts. A window takes about `window_bytes` at most. The edges
    to decide are `among` these, all by default; if they are not all, the caches are those of the circuit's run. `spans`
    are those at which edges are decided, in the order in which they are visited: "" for all of them at once.
    """

    def __init__(
        self,
        batch: Sequence[tuple[Caches, Objective]],
        tau: float,
        window: int | None = None,
        order: VisitingOrder | None = None,
        window_bytes: int = WINDOW_BYTES,
        among: Collection[Edge] | None = None,
        spans: Sequence[str] = ("",),
    ) -> None:
        model, self.spans = batch[0][0].model, batch[0][0].spans
        self.visited_spans = spans
        self.graph = model.graph
        self.among = None if among is None else frozenset(among)
        self.order = order or visiting_order(self.graph)
        self.tau = tau
        self.evaluations = 0
        self.consumers: dict[Sender, list[Edge]] = {}
        self.watch = Stopwatch(model.device)
        self.chunks = [Chunk(caches, objective, self.consumers, self.watch) for caches, objective in batch]
        self._moves = {
            name: [any(moves) for moves in zip(*(caches.moves[name] for caches, _ in batch), strict=True)]
            for name in self.spans.names
        }
        self._place = batch[0][0].places
        self._extent: dict[Sender, Extent] = {}
        self._layers_opened: set[int] = set()
        self._n_visited = 0
        self._size = WindowSize(window, window_bytes)
        with torch.no_grad():
            self.metric = self._mean([chunk.metric() for chunk in self.chunks])[0]
        if not math.isfinite(self.metric):
            raise SearchError(f"the metric is {self.metric} before any edge is removed. A search needs a number.")
        self.metric_before = self.metric

    @property
    def seconds(self) -> Mapping[str, float]:
        """Where the time went, by stage."""
        return {stage.value: seconds for stage, seconds in self.watch.seconds.items()}

    @torch.no_grad()
    def decisions(self) -> Iterator[Decision]:
        """Decide every edge, in order. Raises `SearchError` when the metric is not a number."""
        for receiver in self.order.receivers[self._n_visited :]:
            self._open(receiver)
            candidates = self._candidates(receiver)
            for extent, edges in self._visits(candidates):
                yield from self._visit(receiver, edges, extent)
            for edge in candidates.dead:
                yield self._decision(edge, Reason.DEAD)
            self._n_visited += 1

    @property
    def finished(self) -> bool:
        """Whether all receivers have been visited."""
        return self._n_visited == len(self.order.receivers)

    def _candidates(self, receiver: Receiver) -> Candidates:
        """The edges into a receiver that are to be decided, in the order in which they are visited."""
        extent = self._extent_of(receiver) or frozenset()
        senders = self.order.senders_to(self.graph, receiver)
        live, dead = list[Edge](), list[Edge]()
        for span in self.visited_spans:
            read = bool(self.spans.part(span) & extent)
            if self.among is not None or not span or read:
                edges = [Edge(sender, receiver, span) for sender in senders]
                (live if read else dead).extend(e for e in edges if self.among is None or e in self.among)
        unread = self.among is None and "" not in self.visited_spans and not extent.issuperset(self.visited_spans)
        if unread and receiver.stage is not Stage.LOGITS:
            dead = [Edge(sender, receiver) for sender in senders]
        return Candidates(extent, live, dead)

    @torch.no_grad()
    def replay(self, decisions: Sequence[Decision]) -> int:
        """Take over the decisions of an earlier run, as far as they make up whole receivers; gives their number.

        What is left to decide then comes out as if the run had never been interrupted, to the last bit.
        Raises `SearchError` if they are not decisions of this search.
        """
        taken = 0
        for receiver in self.order.receivers:
            self._open(receiver)
            candidates = self._candidates(receiver)
            expected = candidates.all
            of_receiver = decisions[taken : taken + len(expected)]
            if not self._are_of([d.edge for d in of_receiver], expected):
                raise SearchError(f"the journal's edges into {receiver} are not those that this search decides there.")
            if len(of_receiver) < len(expected):
                break
            if expected:
                self._take_over(receiver, candidates, of_receiver)
            taken += len(expected)
            self._n_visited += 1
        return taken

    def _are_of(self, edges: Sequence[Edge], expected: Sequence[Edge]) -> bool:
        """Whether a journal can have these edges where this search decides those that are expected."""
        return list(edges) == list(expected[: len(edges)])

    def _take_over(self, receiver: Receiver, candidates: Candidates, decisions: Sequence[Decision]) -> None:
        evaluated = [d for d in decisions if d.reason is Reason.EVALUATED]
        live = frozenset(candidates.live)
        if any((d.reason is Reason.DEAD) == (d.edge in live) for d in decisions):
            raise SearchError(f"the journal's reasons at {receiver} are not those of this search.")
        removed = {d.edge for d in evaluated if not d.kept}
        for extent, edges in self._visits(candidates):
            for chunk in self.chunks:
                chunk.visit(receiver, extent)
            self._commit(extent, [edge for edge in edges if edge in removed])
        for decision in evaluated:
            self._note_again(decision)
            if decision.kept:
                self.consumers.setdefault(decision.edge.sender, []).append(decision.edge)
        last = decisions[-1]
        if last.metric is None:
            raise SearchError(f"the journal's decisions at {receiver} are not those of this search.")
        self.metric, self.evaluations = last.metric, last.evaluations

    def _note_again(self, decision: Decision) -> None:
        """Learn from a decision that is taken over what was learned when it was made."""
        self._size.note(kept=decision.kept)

    def _decision(
        self, edge: Edge, reason: Reason, *, kept: bool = False, effect: float = 0.0, block: int = 1
    ) -> Decision:
        return Decision(edge, kept, effect, self.metric, reason, self.evaluations, block)

    def _open(self, receiver: Receiver) -> None:
        """On reaching a layer's heads or its MLP: their consumers are final now, so who is alive is known."""
        layer = receiver.layer
        if receiver.stage is Stage.MLP:
            node = Sender(layer, Stage.MLP)
            if self._settle(node):
                for chunk in self.chunks:
                    chunk.open_mlp(layer, self._extent[node])
                self.watch.lap(TimedStage.UPDATING)
        elif receiver.stage is Stage.HEAD and layer not in self._layers_opened:
            self._layers_opened.add(layer)
            heads = [Sender(layer, Stage.HEAD, head) for head in range(self.graph.shape.n_heads)]
            live = {node.head: self._extent[node] for node in heads if self._settle(node)}
            if live:
                for chunk in self.chunks:
                    chunk.open_attention(layer, live)
                self.watch.lap(TimedStage.UPDATING)

    def _settle(self, node: Sender) -> bool:
        """Work out at which spans a node's output is needed; false if nowhere."""
        needed = self.spans.needed(self.graph, self.consumers.get(node, ()), self._extent)
        if needed:
            self._extent[node] = needed
        return bool(needed)

    def _extent_of(self, receiver: Receiver) -> Extent | None:
        """At which spans a receiver is read; None if none of its nodes is alive."""
        return self.spans.read_extent(self.graph, receiver, self._extent)

    def _commit(self, extent: Extent, removed: Sequence[Edge]) -> None:
        """Bring the live nodes up to date with the removals at the receiver that is visited."""
        if removed:
            for chunk in self.chunks:
                chunk.commit(self._removals(removed, extent))

    def _removals(self, edges: Sequence[Edge], extent: Extent) -> list[Removal]:
        part = self.spans.part
        return [Removal(self._place[edge.sender], part(edge.span) & extent if edge.span else extent) for edge in edges]

    def _moves_any(self, edge: Edge, extent: Extent) -> bool:
        """Whether removing an edge changes anything at these spans."""
        place = self._place[edge.sender]
        return any(self._moves[name][place] for name in ((edge.span,) if edge.span else extent))

    @abstractmethod
    def _visits(self, candidates: Candidates) -> Iterable[tuple[Extent, Sequence[Edge]]]:
        """The edges that can be decided, in the parts in which they are tested, each with the spans that it is of."""

    @abstractmethod
    def _visit(self, receiver: Receiver, edges: Sequence[Edge], extent: Extent) -> Iterator[Decision]:
        """Decide these edges into a receiver, which are of these spans, and `_commit` them."""

    @abstractmethod
    def _parts(self, block: Block) -> Sequence[Block]:
        """What is tested in place of a block of several edges that cannot be removed whole."""

    def _speculate(
        self, receiver: Receiver, extent: Extent, blocks: Iterable[Block]
    ) -> Iterator[tuple[Block, bool, float]]:
        """For each block in order, and for the parts of those that cannot go whole, whether it is kept, and its effect.

        Supposes that a whole window is removed, one block more with every candidate. The first whose removal costs too
        much is kept, or taken apart; those before it go, and those after it are looked at again without it.
        """
        self.watch.lap(TimedStage.DECIDING)
        cost = Cost.of_chunks([chunk.visit(receiver, extent) for chunk in self.chunks])
        waiting = deque(blocks)
        while waiting:
            window = list(islice(waiting, self._size.next(cost)))
            values = self._evaluate(window, extent)
            if values is None:
                continue
            self.evaluations += len(values)
            increases = [after - before for before, after in pairwise([self.metric, *values])]
            n_removed = next((j for j, increase in enumerate(increases) if not increase < self.tau), len(values))
            for j, value in enumerate(values[: n_removed + 1]):
                if not math.isfinite(value):
                    raise SearchError(f"the metric became {value} when the edge {window[j][0]} was removed.")
            if n_removed:
                for chunk in self.chunks:
                    chunk.remove(n_removed)
            for block, value, increase in zip(window[:n_removed], values, increases, strict=False):
                waiting.popleft()
                self.metric = value
                self._size.note(kept=False)
                yield block, False, increase
            if n_removed < len(values):
                block = waiting.popleft()
                self._size.note(kept=True)
                if len(block) == 1:
                    yield block, True, increases[n_removed]
                else:
                    waiting.extendleft(reversed(self._parts(block)))

    def _evaluate(self, window: Sequence[Block], extent: Extent) -> list[float] | None:
        """The metric without more and more of these blocks; None if they did not fit in memory together."""
        self.watch.lap(TimedStage.DECIDING)
        blocks = [self._removals(block, extent) for block in window]
        try:
            return self._mean([chunk.evaluate(blocks) for chunk in self.chunks])
        except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
            self._size.shrink(len(window), error)
            return None

    def _mean(self, values: Sequence[Tensor]) -> list[float]:
        """As `mean_over_chunks`; the clock reads that the numbers have arrived."""
        means = mean_over_chunks(values)
        self.watch.settle()
        self.watch.lap(TimedStage.OUTPUT)
        return means
