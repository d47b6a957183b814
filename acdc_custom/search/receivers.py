"""A search that visits receiver after receiver, from the logits down, and decides all edges of each.

Owns what every such search shares: which receivers are visited when, which nodes are alive by then, the edges that
decide themselves, the windows of candidates that are evaluated, and taking over the decisions of an interrupted search.
How the edges into one receiver are decided is the business of its subclasses. Yields decisions one by one and leaves
progress, logging and files to its caller.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice, pairwise

import torch
from torch import Tensor

from acdc_custom.circuit.decision import Decision, Reason
from acdc_custom.engine.caches import Caches, Extent, read_extent
from acdc_custom.engine.chunk import Chunk
from acdc_custom.engine.metrics import Objective, mean_over_chunks
from acdc_custom.engine.stopwatch import Stopwatch, TimedStage
from acdc_custom.engine.window import Cost, WindowSize
from acdc_custom.errors import SearchError
from acdc_custom.graph import Edge, Receiver, Sender, Stage
from acdc_custom.memory import WINDOW_BYTES
from acdc_custom.search.order import VisitingOrder, visiting_order

Block = Sequence[Sender]  # senders whose edges are removed together, or not at all


class ReceiverSearch(ABC):
    """One search over all edges of a model, or over those of a circuit.

    `batch` holds caches and metric of every chunk of the prompts, in order. Iterate over `decisions()`; `metric`,
    `evaluations` and `consumers` (the kept edges by sender) are up to date after each decision. `window` fixes the
    number of candidates evaluated at once; by default it adapts. A window takes about `window_bytes` at most. The edges
    to decide are `among` these, all by default; if they are not all, the caches are those of the circuit's run.
    """

    def __init__(
        self,
        batch: Sequence[tuple[Caches, Objective]],
        tau: float,
        window: int | None = None,
        order: VisitingOrder | None = None,
        window_bytes: int = WINDOW_BYTES,
        among: Collection[Edge] | None = None,
    ) -> None:
        model = batch[0][0].model
        self.graph = model.graph
        self.among = None if among is None else frozenset(among)
        self.order = order or visiting_order(self.graph)
        self.tau = tau
        self.evaluations = 0
        self.consumers: dict[Sender, list[Receiver]] = {}
        self.watch = Stopwatch(model.device)
        self.chunks = [Chunk(caches, objective, self.consumers, self.watch) for caches, objective in batch]
        self._moves = {
            extent: [any(moves) for moves in zip(*(caches.moves[extent] for caches, _ in batch), strict=True)]
            for extent in Extent
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
            senders = self.senders_to(receiver)
            extent = self._extent_of(receiver)
            if not senders:
                pass
            elif extent is None:
                for sender in senders:
                    yield self._decision(Edge(sender, receiver), Reason.DEAD)
            else:
                yield from self._visit(receiver, senders, extent)
            self._n_visited += 1

    def senders_to(self, receiver: Receiver) -> tuple[Sender, ...]:
        """Those whose edge into a receiver is to be decided, in the order in which they are visited."""
        return self.order.senders_to(self.graph, receiver, self.among)

    @torch.no_grad()
    def replay(self, decisions: Sequence[Decision]) -> int:
        """Take over the decisions of an earlier run, as far as they make up whole receivers; gives their number.

        What is left to decide then comes out as if the run had never been interrupted, to the last bit.
        Raises `SearchError` if they are not decisions of this search.
        """
        taken = 0
        for receiver in self.order.receivers:
            senders = self.senders_to(receiver)
            of_receiver = decisions[taken : taken + len(senders)]
            if not self._are_of([d.edge for d in of_receiver], receiver, senders):
                raise SearchError(f"the journal's edges into {receiver} are not those that this search decides there.")
            if len(of_receiver) < len(senders):
                break
            self._open(receiver)
            if senders:
                self._take_over(receiver, of_receiver)
            taken += len(senders)
            self._n_visited += 1
        return taken

    def _are_of(self, edges: Sequence[Edge], receiver: Receiver, senders: Sequence[Sender]) -> bool:
        """Whether a journal can have these edges where this search decides those into a receiver."""
        return list(edges) == [Edge(sender, receiver) for sender in senders[: len(edges)]]

    def _take_over(self, receiver: Receiver, decisions: Sequence[Decision]) -> None:
        extent = self._extent_of(receiver)
        evaluated = [d for d in decisions if d.reason is Reason.EVALUATED]
        if any((d.reason is Reason.DEAD) != (extent is None) for d in decisions):
            raise SearchError(f"the journal's reasons at {receiver} are not those of this search.")
        if extent is not None:
            for chunk in self.chunks:
                chunk.visit(receiver, extent)
            self._commit(extent, [d.edge.sender for d in evaluated if not d.kept])
        for decision in evaluated:
            self._note_again(decision)
            if decision.kept:
                self.consumers.setdefault(decision.edge.sender, []).append(receiver)
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
        """Work out at which positions a node's output is needed; false if nowhere."""
        needed = [self._extent_of(receiver) for receiver in self.consumers.get(node, ())]
        if not needed:
            return False
        self._extent[node] = max(extent for extent in needed if extent is not None)
        return True

    def _extent_of(self, receiver: Receiver) -> Extent | None:
        """At which positions a receiver is read; None if none of its nodes is alive."""
        return read_extent(self.graph, receiver, self._extent)

    def _commit(self, extent: Extent, removed: Sequence[Sender]) -> None:
        """Bring the live nodes up to date with the removals at the receiver that is visited."""
        if removed:
            for chunk in self.chunks:
                chunk.commit(self._places(removed), extent)

    def _places(self, senders: Sequence[Sender]) -> list[int]:
        return [self._place[sender] for sender in senders]

    def _moves_any(self, sender: Sender, extent: Extent) -> bool:
        """Whether removing an edge from this sender changes anything at these positions."""
        return self._moves[extent][self._place[sender]]

    @abstractmethod
    def _visit(self, receiver: Receiver, senders: tuple[Sender, ...], extent: Extent) -> Iterator[Decision]:
        """Decide the edges from these senders into a receiver that is read at these positions, and `_commit` them."""

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
                    edge = Edge(window[j][0], receiver)
                    raise SearchError(f"the metric became {value} when the edge {edge} was removed.")
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
        places = [self._places(block) for block in window]
        try:
            return self._mean([chunk.evaluate(places, extent) for chunk in self.chunks])
        except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
            self._size.shrink(len(window), error)
            return None

    def _mean(self, values: Sequence[Tensor]) -> list[float]:
        """As `mean_over_chunks`; the clock reads that the numbers have arrived."""
        means = mean_over_chunks(values)
        self.watch.settle()
        self.watch.lap(TimedStage.OUTPUT)
        return means
