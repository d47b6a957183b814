"""Rows: one per prompt and token that matters, span by span, and how they stand in their prompts.

Activations are kept as rows, so that neither padding nor the part of a prompt before its first changed token is ever
computed. All rows of a span lie side by side, in the order of the prompts: so what stands in one span of a larger set
of rows is a slice of it. Owns that order and the ways between sets of rows. Knows no activations.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate, pairwise

import torch
from torch import Tensor

from acdc_custom.engine.spans import Extent, Spans
from acdc_custom.engine.tokens import TokenBatch
from acdc_custom.model.attention import Attention

Where = slice | Tensor | None  # of some rows in others: all of them (None), a run, or one by one


def picked(x: Tensor, where: Where) -> Tensor:
    """Some rows of `x` `[..., row, d]`."""
    if where is None:
        return x
    return x[..., where, :] if isinstance(where, slice) else x.index_select(-2, where)


def add_at(x: Tensor, where: Where, more: Tensor) -> None:
    """Add `more` to some rows of `x` `[..., row, d]`, in place."""
    if isinstance(where, Tensor):
        x.index_add_(-2, where, more)
    else:
        x[..., where or slice(None), :] += more


@dataclass(frozen=True)
class Rows:
    """The rows of one extent. Those of a prompt may stand side by side in a grid, `[prompt, place]`."""

    prompts: Tensor  # [row]
    positions: Tensor  # [row]
    grid: Tensor  # [prompt, place]: which row; a prompt with fewer has some row or other in its last places
    in_grid: Tensor  # [row]: each row's place in the flattened grid
    masks: Mapping[int | None, Tensor]  # by the layer's window, [prompt, place, key]: true where it may be read
    n_positions: int

    @cached_property
    def cells(self) -> Tensor:
        """`[row]`: each row's place in a flattened `[prompt, pos]`."""
        return self.prompts * self.n_positions + self.positions

    def __len__(self) -> int:
        return len(self.prompts)

    def of_batch(self, x: Tensor) -> Tensor:
        """`[..., prompt, pos, d]` to `[..., row, d]`."""
        return x.flatten(-3, -2).index_select(-2, self.cells)

    def to_grid(self, x: Tensor) -> Tensor:
        """`[..., row, d]` to `[..., prompt, place, d]`."""
        return x.index_select(-2, self.grid.flatten()).unflatten(-2, tuple(self.grid.shape))  # type: ignore[no-untyped-call,no-any-return]

    def from_grid(self, x: Tensor) -> Tensor:
        """`[..., prompt, place, d]` to `[..., row, d]`."""
        return x.flatten(-3, -2).index_select(-2, self.in_grid)


@dataclass(frozen=True)
class Layout:
    """The rows of a chunk of prompts, in the order of `spans.names`. `attentions` are those of all windows, by window.

    `everywhere` has all rows; another extent has those of its spans, in the same order.
    """

    spans: Spans
    attentions: Mapping[int | None, Attention]
    prompts: Tensor  # [row]
    positions: Tensor  # [row]
    sizes: Mapping[str, int]  # rows of each span
    shape: tuple[int, int]  # prompts, positions
    _rows: dict[Extent, Rows] = field(default_factory=dict, repr=False)
    _where: dict[tuple[Extent, Extent], Where] = field(default_factory=dict, repr=False)

    def n_rows(self, extent: Extent) -> int:
        """How many rows an extent has."""
        return sum(self.sizes[name] for name in extent)

    def rows(self, extent: Extent) -> Rows:
        """The rows of an extent."""
        if extent not in self._rows:
            where = self.where(extent, self.spans.everywhere)
            prompts, positions = (picked(x[:, None], where)[:, 0] for x in (self.prompts, self.positions))
            self._rows[extent] = self._made(prompts, positions)
        return self._rows[extent]

    def where(self, inner: Extent, outer: Extent) -> Where:
        """Which of the rows of an extent are those of another one, which it contains."""
        if inner == outer:
            return None
        if (inner, outer) not in self._where:
            self._where[inner, outer] = self._found(inner, outer)
        return self._where[inner, outer]

    def cut(self, x: Tensor, outer: Extent, inner: Extent) -> Tensor:
        """From the rows of an extent, `[..., row, d]`, those of another one, which it contains."""
        return picked(x, self.where(inner, outer))

    def _found(self, inner: Extent, outer: Extent) -> Where:
        names = [name for name in self.spans.names if name in outer]
        ends = accumulate((self.sizes[name] for name in names), initial=0)
        runs = [run for name, run in zip(names, pairwise(ends), strict=True) if name in inner and self.sizes[name]]
        if not runs:
            return slice(0, 0)
        if all(before[1] == after[0] for before, after in pairwise(runs)):
            return slice(runs[0][0], runs[-1][1])
        return torch.cat([torch.arange(start, end, device=self.prompts.device) for start, end in runs])

    def _made(self, prompts: Tensor, positions: Tensor) -> Rows:
        n_prompts, n_positions = self.shape
        order = (prompts * n_positions + positions).argsort()  # of the prompts, and in each of its positions
        lengths = torch.bincount(prompts, minlength=n_prompts)
        starts = lengths.cumsum(0) - lengths
        width = int(lengths.max())
        places = torch.arange(width, device=prompts.device)
        in_order = (starts[:, None] + places.minimum((lengths[:, None] - 1).clamp_min(0))).clamp_max(len(order) - 1)
        grid = order[in_order]
        in_grid = torch.empty_like(order)
        owners = prompts[order]
        in_grid[order] = owners * width + torch.arange(len(order), device=order.device) - starts[owners]
        return Rows(
            prompts=prompts,
            positions=positions,
            grid=grid,
            in_grid=in_grid,
            masks={
                window: attention.mask(positions[grid], n_positions) for window, attention in self.attentions.items()
            },
            n_positions=n_positions,
        )


def layout(tokens: TokenBatch, matter: Tensor, attentions: Mapping[int | None, Attention]) -> Layout:
    """The rows where `matter` `[prompt, pos]` is true."""
    prompts, positions = matter.nonzero(as_tuple=True)
    of_span = tokens.span_places[prompts, positions]
    order = of_span.argsort(stable=True)
    sizes = torch.bincount(of_span, minlength=len(tokens.spans.names)).tolist()
    return Layout(
        tokens.spans,
        attentions,
        prompts[order],
        positions[order],
        dict(zip(tokens.spans.names, sizes, strict=True)),
        (matter.shape[0], matter.shape[1]),
    )
