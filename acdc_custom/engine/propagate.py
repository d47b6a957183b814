"""Runs a window of candidates along a route: differences in, the final residual stream out.

Costs a few batched operations per layer that is reached. Nothing here decides anything, and nothing is altered
until a window of one candidate is committed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from acdc_custom.engine.caches import Caches, Extent
from acdc_custom.engine.route import AttentionStep, Feed, HeadGroup, MlpStep, Route, Slots
from acdc_custom.engine.state import Change, LiveState
from acdc_custom.engine.stopwatch import Stopwatch, TimedStage
from acdc_custom.graph import Port
from acdc_custom.model.attention import Attention

Buffers = Mapping[Extent, Tensor]


@dataclass(frozen=True)
class Propagated:
    """What came out of a window."""

    normed: Tensor  # [candidate, answer row, d_model]: the final residual stream, after the final norm
    changes: Sequence[Change]

    def commit(self) -> None:
        """Make a window of one candidate the current state."""
        for change in self.changes:
            change.commit()


def propagate(caches: Caches, state: LiveState, route: Route, given: Tensor, watch: Stopwatch) -> Propagated:
    """Push a window of differences `given` `[candidate, row, d_model]` of a receiver's input along its route.

    Only a window of one candidate keeps what it would take to commit it.
    """
    return _Window(caches, given, route).run(state, route, watch)


class _Window:
    """One window on its way: the buffers of differences, and the changes so far."""

    def __init__(self, caches: Caches, given: Tensor, route: Route) -> None:
        self.caches = caches
        self.given = given
        self.changes: list[Change] = []
        self.buffers: Buffers = {
            extent: given.new_empty(len(slot_of), len(given), len(caches.spans[extent].positions), given.shape[-1])
            for extent, slot_of in route.slot_of.items()
        }

    def run(self, state: LiveState, route: Route, watch: Stopwatch) -> Propagated:
        for step in route.steps:
            if isinstance(step, MlpStep):
                self._mlp(step)
                watch.lap(TimedStage.MLP)
            else:
                self._attention(step)
                watch.lap(TimedStage.ATTENTION)
        assert route.logits is not None
        final = self._input(state.logits.input, route.logits)
        return Propagated(self.caches.model.weights.final_norm(final[0]), self.changes)

    def _note(self, target: Tensor, entries: Tensor, value: Tensor) -> None:
        """Remember what entries of a bank would become; `value` `[entry, candidate, ...]`."""
        if len(self.given) == 1:
            self.changes.append(Change(target, entries, value[:, 0]))

    def _input(self, current: Tensor, feed: Feed) -> Tensor:
        """Some inputs with the window's differences, `[entry, candidate, row, d_model]`."""
        new = feed.read(current, self.buffers, self.given)
        self._note(current, feed.entries, new)
        return new

    def _write(self, slots: Slots, new: Tensor, current: Tensor) -> None:
        """Differences of outputs into their slots: `new` `[entry, candidate, row, d_model]` less `current`."""
        at_answer = self.buffers[Extent.ANSWER][slots.answer]
        if slots.changed is None:
            torch.sub(new, current[:, None], out=at_answer)
        else:
            difference = self.buffers[Extent.CHANGED][slots.changed]
            torch.sub(new, current[:, None], out=difference)
            at_answer.copy_(self.caches.to_extent(difference, Extent.ANSWER))

    def _mlp(self, step: MlpStep) -> None:
        block = self.caches.model.weights.blocks[step.layer]
        assert block.mlp is not None and block.mlp_norm is not None
        out = block.mlp(block.mlp_norm(self._input(step.state.input, step.feed)))
        self._note(step.state.output, step.feed.entries, out)
        self._write(step.slots, out, step.state.output)

    def _attention(self, step: AttentionStep) -> None:
        made = self._keys_and_values(step)
        queries = self._queries(step)
        for group in step.groups:
            self._heads(step, group, queries.get(group.bank.extent), made)

    def _keys_and_values(self, step: AttentionStep) -> dict[Port, Tensor]:
        """New keys and values, each `[entry, candidate, prompt, key, d_head]`."""
        norm = self.caches.model.weights.blocks[step.layer].attention_norm
        cells = self.caches.spans[Extent.CHANGED].cells
        made = {}
        for port, source, bank in (
            (Port.K, step.key, step.state.keys),
            (Port.V, step.value, step.state.values),
        ):
            if source is None:
                continue
            feed, projection = source
            new = projection(norm(self._input(bank.input, feed)))  # [entry, candidate, row, d_head]
            whole = bank.made[feed.entries, None].repeat(1, new.shape[1], 1, 1, 1)
            whole.flatten(2, 3).index_copy_(2, cells, new)
            self._note(bank.made, feed.entries, whole)
            made[port] = whole
        return made

    def _queries(self, step: AttentionStep) -> dict[Extent, Tensor]:
        """New queries, each `[entry, candidate, row, d_head]`."""
        norm = self.caches.model.weights.blocks[step.layer].attention_norm
        queries = {}
        for bank in step.state.queries:
            if bank.extent not in step.query:
                continue
            feed, projection = step.query[bank.extent]
            new = projection(norm(self._input(bank.input, feed)))
            self._note(bank.query, feed.entries, new)
            queries[bank.extent] = new
        return queries

    def _heads(
        self, step: AttentionStep, group: HeadGroup, queries: Tensor | None, made: Mapping[Port, Tensor]
    ) -> None:
        attention: Attention = self.caches.model.weights.blocks[step.layer].attention
        bank, fed = group.bank, group.fed
        span = self.caches.spans[bank.extent]
        if Port.Q in fed or Port.K in fed:
            q = bank.query[group.entries] if queries is None or Port.Q not in fed else queries[fed[Port.Q]]
            k = made[Port.K][fed[Port.K]] if Port.K in fed else step.state.keys.made[group.key_entries]
            pattern = attention.pattern(span.to_grid(q), k, span.masks[attention.window])
            self._note(bank.pattern, group.entries, pattern)
        else:
            pattern = bank.pattern[group.entries]
        v = made[Port.V][fed[Port.V]] if Port.V in fed else step.state.values.made[group.key_entries]
        z = span.from_grid(attention.mix(pattern, v))  # [head, candidate, row, d_head]
        out = attention.write(z, bank.share, group.out)  # [head, candidate, row, d_model]
        self._note(bank.output, group.entries, out)
        self._write(group.slots, out, bank.output[group.entries])
