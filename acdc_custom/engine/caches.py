"""The two forward passes that a search is made of: what every node writes, clean and corrupted.

Owns what stays constant during a search. `delta[s]` is what removing an edge from sender `s` adds to a
receiver's input; it is exactly zero wherever clean and corrupted prompts have not differed yet.
Senders are kept in *visiting order* here (latest first), so that every receiver's senders are one slice.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import torch
from torch import Tensor

from acdc_custom.engine.tokens import TokenBatch
from acdc_custom.graph import Receiver, Sender, Stage
from acdc_custom.model.forward import run
from acdc_custom.model.model import Model
from acdc_custom.model.weights import Rotary


class Extent(IntEnum):
    """At which positions a node's output is needed. The larger contains the smaller."""

    ANSWER = 0
    CHANGED = 1


@dataclass(frozen=True)
class Span:
    """The positions of one extent, and what attention needs to know of them."""

    positions: Tensor  # [prompt, pos]
    rotary: Rotary | None  # tables [prompt, pos, d_rotary]
    mask: Tensor  # [prompt, pos, key]


@dataclass(frozen=True)
class Caches:
    """Clean activations and deltas of one batch on one model. All positions are counted from `prefix`
    in `delta` and `output`, and from 0 in `residuals`."""

    model: Model
    tokens: TokenBatch
    prefix: int
    spans: dict[Extent, Span]
    visit_order: tuple[Sender, ...]
    delta: dict[Extent, Tensor]  # each [sender, prompt, pos, d_model], senders in visiting order
    moves: dict[Extent, list[bool]]  # per sender in visiting order: is any of its delta not zero?
    output: Tensor  # [sender, prompt, pos, d_model], clean, senders in topological order
    residuals: Tensor  # [read, prompt, pos, d_model], clean

    def residual(self, receiver: Receiver, extent: Extent) -> Tensor:
        """What the receiver reads on the clean prompt: `[prompt, pos, d_model]`."""
        return self.at_extent(self.full_residual(receiver)[:, self.prefix :], extent)

    def full_residual(self, receiver: Receiver) -> Tensor:
        """The same at every position from 0."""
        per_layer = 1 + self.model.graph.shape.has_mlp
        if receiver.stage is Stage.LOGITS:
            return self.residuals[-1]
        return self.residuals[receiver.layer * per_layer + (receiver.stage is Stage.MLP)]

    def at_extent(self, x: Tensor, extent: Extent) -> Tensor:
        """Cut `x` `[..., prompt, pos, d]`, whose positions count from the prefix, down to an extent."""
        if extent is Extent.CHANGED:
            return x
        return at_positions(x, self.tokens.answer_positions - self.prefix)

    def candidates(self, receiver: Receiver) -> slice:
        """The receiver's senders, as a slice of `visit_order` and of `delta`."""
        return slice(len(self.visit_order) - self.model.graph.n_senders_before(receiver), None)


def at_positions(x: Tensor, positions: Tensor) -> Tensor:
    """`x` `[..., prompt, pos, d]` at `positions` `[prompt, k]`; gives `[..., prompt, k, d]`."""
    prompts = torch.arange(positions.shape[0], device=x.device)[:, None]
    return x[..., prompts, positions, :]


@torch.no_grad()
def build_caches(model: Model, tokens: TokenBatch) -> Caches:
    """Run the batch clean and corrupted."""
    graph, prefix = model.graph, tokens.prefix
    clean, corrupted = run(model.weights, tokens.clean), run(model.weights, tokens.corrupted)
    visit_order = tuple(sorted(graph.senders, key=lambda s: (-s.layer, -s.stage, s.head)))
    order = torch.tensor([graph.index[sender] for sender in visit_order], device=model.device)

    output = clean.outputs[:, :, prefix:]
    changed = tokens.changed[:, prefix:, None]
    moved = ((corrupted.outputs[:, :, prefix:] - output) * changed)[order]
    delta = {
        Extent.CHANGED: moved,
        Extent.ANSWER: at_positions(moved, tokens.answer_positions - prefix),
    }
    return Caches(
        model=model,
        tokens=tokens,
        prefix=prefix,
        spans=_spans(model, tokens),
        visit_order=visit_order,
        delta=delta,
        moves={extent: d.flatten(1).any(1).tolist() for extent, d in delta.items()},
        output=output.contiguous(),
        residuals=clean.residuals,
    )


def _spans(model: Model, tokens: TokenBatch) -> dict[Extent, Span]:
    n_prompts, n_positions = tokens.clean.shape
    keys = torch.arange(n_positions, device=model.device)
    positions = {
        Extent.ANSWER: tokens.answer_positions,
        Extent.CHANGED: keys[tokens.prefix :].expand(n_prompts, -1),
    }
    rotary = model.weights.rotary
    return {
        extent: Span(where, rotary and rotary.at(where), keys <= where[..., None])
        for extent, where in positions.items()
    }
