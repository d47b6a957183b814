"""Runs a window of candidates along a route: differences in, the final residual stream out.

Costs a few batched operations per layer that is reached. Nothing here decides anything, and nothing is altered
until a window of one candidate is committed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from acdc_custom.engine.caches import Caches
from acdc_custom.engine.route import AttentionStep, Feed, HeadGroup, MlpStep, Route, Slots
from acdc_custom.engine.rows import Where, picked
from acdc_custom.engine.spans import Extent
from acdc_custom.engine.state import Change, LiveState, QueryBank
from acdc_custom.engine.stopwatch import Stopwatch, TimedStage
from acdc_custom.graph import Port
from acdc_custom.model.attention import Attention, Projection

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
            extent: given.new_empty(len(slot_of), len(given), caches.layout.n_rows(extent), given.shape[-1])
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

    def _note(self, target: Tensor, entries: Tensor, value: Tensor, rows: Where = None) -> None:
        """Remember what entries of a bank, or some rows of them, would become; `value` `[entry, candidate, ...]`."""
        if len(self.given) == 1:
            self.changes.append(Change(target, entries, value[:, 0], rows))

    def _input(self, current: Tensor, feed: Feed) -> Tensor:
        """Some inputs with the window's differences, `[entry, candidate, row, d_model]`."""
        new = feed.read(current, self.buffers, self.given)
        self._note(current, feed.entries, new, feed.where)
        return new

    def _write(self, slots: Slots, new: Tensor, current: Tensor) -> None:
        """Differences of outputs into their slots: `new` `[entry, candidate, row, d_model]` less `current`."""
        for extent, (where, places) in slots.items():
            torch.sub(picked(new, where), picked(current, where)[:, None], out=self.buffers[extent][places])

    def _mlp(self, step: MlpStep) -> None:
        block = self.caches.model.weights.blocks[step.layer]
        assert block.mlp is not None and block.mlp_norm is not None
        out = block.mlp(block.mlp_norm(self._input(step.state.input, step.feed)))
        self._note(step.state.output, step.feed.entries, out, step.feed.where)
        self._write(step.slots, out, picked(step.state.output, step.feed.where))

    def _attention(self, step: AttentionStep) -> None:
        made = self._keys_and_values(step)
        queries: dict[int, Tensor] = {}
        for group in step.groups:
            if group.query is not None and id(group.query) not in queries:
                queries[id(group.query)] = self._queries(step, group.bank, *group.query)
            self._heads(step, group, queries.get(id(group.query)), made)

    def _keys_and_values(self, step: AttentionStep) -> dict[Port, Tensor]:
        """New keys and values, each `[entry, candidate, prompt, key, d_head]`."""
        norm = self.caches.model.weights.blocks[step.layer].attention_norm
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
            whole.flatten(2, 3).index_copy_(2, self.caches.layout.rows(feed.extent).cells, new)
            self._note(bank.made, feed.entries, whole)
            made[port] = whole
        return made

    def _queries(self, step: AttentionStep, bank: QueryBank, feed: Feed, projection: Projection) -> Tensor:
        """New queries, `[entry, candidate, row, d_head]`."""
        norm = self.caches.model.weights.blocks[step.layer].attention_norm
        new = projection(norm(self._input(bank.input, feed)))
        self._note(bank.query, feed.entries, new, feed.where)
        return new

    def _heads(
        self, step: AttentionStep, group: HeadGroup, queries: Tensor | None, made: Mapping[Port, Tensor]
    ) -> None:
        attention: Attention = self.caches.model.weights.blocks[step.layer].attention
        bank, fed = group.bank, group.fed
        rows = self.caches.layout.rows(group.extent)
        if Port.Q in fed or Port.K in fed:
            q = queries[fed[Port.Q]] if queries is not None and Port.Q in fed else self._current(group, bank.query)
            k = made[Port.K][fed[Port.K]] if Port.K in fed else step.state.keys.made[group.key_entries]
            pattern = attention.pattern(rows.to_grid(q), k, rows.masks[attention.window])
            self._note_pattern(group, pattern)
        else:
            pattern = self._current_pattern(group)
        v = made[Port.V][fed[Port.V]] if Port.V in fed else step.state.values.made[group.key_entries]
        z = rows.from_grid(attention.mix(pattern, v))  # [head, candidate, row, d_head]
        share = None if bank.share is None else picked(bank.share, group.where)
        out = attention.write(z, share, group.out)  # [head, candidate, row, d_model]
        self._note(bank.output, group.entries, out, group.where)
        self._write(group.slots, out, self._current(group, bank.output))

    def _current(self, group: HeadGroup, of_bank: Tensor) -> Tensor:
        """What stands in a bank for a group, at the rows where it changes."""
        return picked(of_bank[group.entries], group.where)

    def _current_pattern(self, group: HeadGroup) -> Tensor:
        """The same of the pattern, which stands in a grid."""
        pattern = group.bank.pattern[group.entries]
        if group.where is None:
            return pattern
        layout = self.caches.layout
        whole, part = layout.rows(group.bank.extent), layout.rows(group.extent)
        return part.to_grid(picked(whole.from_grid(pattern), group.where))

    def _note_pattern(self, group: HeadGroup, pattern: Tensor) -> None:
        """Remember what the pattern `[head, candidate?, prompt, place, key]` would become."""
        if len(self.given) > 1:
            return
        if group.where is None:
            self._note(group.bank.pattern, group.entries, pattern)
            return
        layout = self.caches.layout
        places = picked(layout.rows(group.bank.extent).in_grid[:, None], group.where)[:, 0]
        value = layout.rows(group.extent).from_grid(pattern)  # [head, candidate, row, key]
        self._note(group.bank.pattern.flatten(1, 2), group.entries, value, places)
