"""The two forward passes that a search is made of: what every node writes, and what takes its place.

Owns what stays constant during a search. `delta[s]` is what removing an edge from sender `s` adds to a receiver's
input: with the corrupted ablation, its output on the corrupted prompt less that on the clean one. Activations are kept
as *rows*: one per prompt and position that matters, so that neither padding nor the part of a prompt before its first
changed token is ever computed. Senders are in topological order.

A search may start from a circuit in place of the full model. The caches are then those of its run (`CircuitRunner.
inside`), in which every receiver reads its own input: "clean" below is then "inside the circuit", and only the
circuit's live nodes are there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property

import torch
from torch import Tensor

from acdc_custom.choices import Ablation
from acdc_custom.engine.ablation import AblatedActivations
from acdc_custom.engine.tokens import TokenBatch
from acdc_custom.graph import Graph, Port, Receiver, Sender, Stage
from acdc_custom.model.forward import run
from acdc_custom.model.layers import Replaced
from acdc_custom.model.model import Model


class Extent(IntEnum):
    """At which positions a node's output is needed. The larger contains the smaller."""

    ANSWER = 0  # where the answer is read
    # Wherever a removed edge can matter: up to the answer, with the corrupted ablation from the first changed token on.
    CHANGED = 1


def read_extent(graph: Graph, receiver: Receiver, live: Mapping[Sender, Extent]) -> Extent | None:
    """At which positions a receiver is read, when live nodes' outputs are needed at these; None if none is alive."""
    if receiver.stage is Stage.LOGITS:
        return Extent.ANSWER
    extents = [live[node] for node in graph.nodes_of(receiver) if node in live]
    if not extents:
        return None
    return Extent.CHANGED if receiver.port in (Port.K, Port.V) else extents[0]


@dataclass(frozen=True)
class ExtentRows:
    """The rows of one extent, and how they stand in their prompts."""

    prompts: Tensor  # [row]
    positions: Tensor  # [row]
    grid: Tensor  # [prompt, place]: rows side by side per prompt; short prompts repeat a row to fill their line
    masks: dict[
        int | None, Tensor
    ]  # by the layer's window, [prompt, place, key]: true where attention may read the key
    n_positions: int

    @cached_property
    def cells(self) -> Tensor:
        """`[row]`: each row's place in a flattened `[prompt, pos]`."""
        return self.prompts * self.n_positions + self.positions

    @cached_property
    def in_grid(self) -> Tensor:
        """`[row]`: each row's place in the flattened grid."""
        first = torch.zeros_like(self.prompts).scatter_reduce_(
            0, self.prompts, self.positions, "amin", include_self=False
        )
        return self.prompts * self.grid.shape[1] + self.positions - first[self.prompts]

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
class Caches:
    """Clean activations and deltas of some prompts on one model."""

    model: Model
    tokens: TokenBatch
    carried: AblatedActivations
    spans: dict[Extent, ExtentRows]
    answer_rows: Tensor  # [answer row]: which of the changed rows are answer rows
    delta: dict[Extent, Tensor]  # each [sender, row, d_model]
    moves: dict[Extent, list[bool]]  # per sender: is any of its delta not zero?
    output: Tensor  # [sender, changed row, d_model], clean
    residuals: Tensor  # [read, prompt, pos, d_model], clean
    model_normed: Tensor  # [answer row, d_model]: the full model's residual stream there, after the final norm
    post_scales: dict[int, Tensor]  # [prompt, pos, 1] per layer with a norm after its heads, clean: see Attention
    knocked_out: tuple[Sender, ...]  # heads whose edges are removed from the start
    places: Mapping[Sender, int]  # of the senders in `delta`, `moves` and `output`
    # What receivers read inside a circuit, `[row, d_model]` at the positions where it is read; None: no circuit.
    inputs: Mapping[Receiver, Tensor] | None = None

    def residual(self, receiver: Receiver, extent: Extent) -> Tensor:
        """What the receiver reads on the clean prompt: `[row, d_model]`."""
        if self.inputs is None:
            return self.spans[extent].of_batch(self.full_residual(receiver))
        inside = self.inputs[receiver]
        return inside if len(inside) == len(self.spans[extent].positions) else self.to_extent(inside, extent)

    def full_residual(self, receiver: Receiver) -> Tensor:
        """The same at every position: `[prompt, pos, d_model]`."""
        per_layer = 1 + self.model.graph.shape.has_mlp
        if receiver.stage is Stage.LOGITS:
            return self.residuals[-1]
        return self.residuals[receiver.layer * per_layer + (receiver.stage is Stage.MLP)]

    def clean_output(self, nodes: list[Sender], extent: Extent) -> Tensor:
        """What nodes write on the clean prompt: `[node, row, d_model]`."""
        return self.to_extent(self.output[[self.places[node] for node in nodes]], extent)

    def post_scale(self, layer: int, extent: Extent) -> Tensor | None:
        """`[row, 1]`: the clean scale of a norm after the layer's heads; None: there is none."""
        scale = self.post_scales.get(layer)
        return None if scale is None else self.spans[extent].of_batch(scale)

    def to_extent(self, x: Tensor, extent: Extent) -> Tensor:
        """Cut `x` `[..., changed row, d]` down to an extent's rows."""
        return x if extent is Extent.CHANGED else x.index_select(-2, self.answer_rows)


@torch.no_grad()
def build_caches(
    model: Model, tokens: TokenBatch, carried: AblatedActivations, knocked_out: Sequence[Sender] = ()
) -> Caches:
    """Run the prompts clean, and work out what removed edges carry.

    All edges from heads that are `knocked_out` are removed from the start: what is clean is then the run in which
    they write what removed edges carry. The full model, which the metric compares with, stays what it is.
    """
    clean = run(model.weights, tokens.clean)
    ablated = carried.outputs(model.weights, tokens, clean)
    model_residual, post_scales = clean.residuals[-1].clone(), clean.post_scales
    if knocked_out:
        del clean
        outputs = {(head.layer, head.head): ablated[model.graph.index[head]] for head in knocked_out}
        clean = run(model.weights, tokens.clean, Replaced(outputs, post_scales))
    differs = tokens.changed if carried.ablation is Ablation.CORRUPTED else tokens.is_prompt
    spans = {
        Extent.ANSWER: _span(model, tokens, tokens.is_answer),
        # An answer row is always there, even if nothing has changed in its prompt: its delta is zero then.
        Extent.CHANGED: _span(model, tokens, differs | tokens.is_answer),
    }
    changed = spans[Extent.CHANGED]
    output = changed.of_batch(clean.outputs)
    moved = changed.of_batch(ablated).sub_(output)
    answer_rows = torch.isin(changed.cells, spans[Extent.ANSWER].cells).nonzero()[:, 0]
    delta = {Extent.CHANGED: moved, Extent.ANSWER: moved[:, answer_rows]}
    return Caches(
        model=model,
        tokens=tokens,
        carried=carried,
        spans=spans,
        answer_rows=answer_rows,
        delta=delta,
        moves={extent: d.flatten(1).any(1).tolist() for extent, d in delta.items()},
        output=output,
        residuals=clean.residuals,
        model_normed=model.weights.final_norm(spans[Extent.ANSWER].of_batch(model_residual)),
        post_scales=post_scales,
        knocked_out=tuple(knocked_out),
        places=model.graph.index,
    )


def _span(model: Model, tokens: TokenBatch, wanted: Tensor) -> ExtentRows:
    """The rows where `wanted` `[prompt, pos]` is true: one run of positions in every prompt."""
    prompts, positions = wanted.nonzero(as_tuple=True)
    lengths = wanted.sum(1)
    starts = lengths.cumsum(0) - lengths
    places = torch.arange(int(lengths.max()), device=model.device)
    grid = starts[:, None] + places.minimum(lengths[:, None] - 1)
    n_positions = wanted.shape[1]
    attentions = {block.attention.window: block.attention for block in model.weights.blocks}
    return ExtentRows(
        prompts=prompts,
        positions=positions,
        grid=grid,
        masks={window: attention.mask(positions[grid], n_positions) for window, attention in attentions.items()},
        n_positions=n_positions,
    )
