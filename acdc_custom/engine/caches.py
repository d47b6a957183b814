"""The two forward passes that a search is made of: what every node writes, and what takes its place.

Owns what stays constant during a search. `delta[s]` is what removing an edge from sender `s` adds to a receiver's
input: with the corrupted ablation, its output on the corrupted prompt less that on the clean one. Activations are kept
as *rows*: one per prompt and position that matters (`rows.py`). Senders are in topological order.

A search may start from a circuit in place of the full model. The caches are then those of its run (`CircuitRunner.
inside`), in which every receiver reads its own input: "clean" below is then "inside the circuit", and only the
circuit's live nodes are there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from acdc_custom.choices import Ablation
from acdc_custom.engine.ablation import AblatedActivations
from acdc_custom.engine.rows import Layout, layout
from acdc_custom.engine.spans import ANSWER, Extent, Spans
from acdc_custom.engine.tokens import TokenBatch
from acdc_custom.graph import Receiver, Sender, Stage
from acdc_custom.model.forward import run
from acdc_custom.model.layers import Replaced
from acdc_custom.model.model import Model


@dataclass(frozen=True)
class Caches:
    """Clean activations and deltas of some prompts on one model."""

    model: Model
    tokens: TokenBatch
    carried: AblatedActivations
    layout: Layout  # of all rows: wherever a removed edge can matter, and where the answer is read
    delta: Tensor  # [sender, row, d_model]
    output: Tensor  # [sender, row, d_model], clean
    residuals: Tensor  # [read, prompt, pos, d_model], clean
    model_normed: Tensor  # [answer row, d_model]: the full model's residual stream there, after the final norm
    post_scales: dict[int, Tensor]  # [prompt, pos, 1] per layer with a norm after its heads, clean: see Attention
    knocked_out: tuple[Sender, ...]  # heads whose edges are removed from the start
    places: Mapping[Sender, int]  # of the senders in `delta` and `output`
    # What receivers read inside a circuit, `[row, d_model]`, and where; None: no circuit.
    inputs: Mapping[Receiver, tuple[Extent, Tensor]] | None = None

    @property
    def spans(self) -> Spans:
        """Of the whole batch."""
        return self.layout.spans

    @property
    def everywhere(self) -> Extent:
        """All spans."""
        return self.layout.spans.everywhere

    def delta_at(self, extent: Extent) -> Tensor:
        """Of all senders, `[sender, row, d_model]`."""
        return self.layout.cut(self.delta, self.everywhere, extent)

    @cached_property
    def moves(self) -> Mapping[str, list[bool]]:
        """By span, per sender: is any of its delta there not zero?"""
        return {name: self.delta_at(self.spans.part(name)).flatten(1).any(1).tolist() for name in self.spans.names}

    def residual(self, receiver: Receiver, extent: Extent) -> Tensor:
        """What the receiver reads on the clean prompt: `[row, d_model]`."""
        if self.inputs is None:
            return self.layout.rows(extent).of_batch(self.full_residual(receiver))
        at, inside = self.inputs[receiver]
        return self.layout.cut(inside, at, extent)

    def full_residual(self, receiver: Receiver) -> Tensor:
        """The same at every position: `[prompt, pos, d_model]`."""
        per_layer = 1 + self.model.graph.shape.has_mlp
        if receiver.stage is Stage.LOGITS:
            return self.residuals[-1]
        return self.residuals[receiver.layer * per_layer + (receiver.stage is Stage.MLP)]

    def clean_output(self, nodes: list[Sender], extent: Extent) -> Tensor:
        """What nodes write on the clean prompt: `[node, row, d_model]`."""
        return self.layout.cut(self.output[[self.places[node] for node in nodes]], self.everywhere, extent)

    def post_scale(self, layer: int, extent: Extent) -> Tensor | None:
        """`[row, 1]`: the clean scale of a norm after the layer's heads; None: there is none."""
        scale = self.post_scales.get(layer)
        return None if scale is None else self.layout.rows(extent).of_batch(scale)


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
    attentions = {block.attention.window: block.attention for block in model.weights.blocks}
    # An answer row is always there, even if nothing has changed in its prompt: its delta is zero then.
    of_chunk = layout(tokens, differs | tokens.is_answer, attentions)
    rows = of_chunk.rows(of_chunk.spans.everywhere)
    output = rows.of_batch(clean.outputs)
    return Caches(
        model=model,
        tokens=tokens,
        carried=carried,
        layout=of_chunk,
        delta=rows.of_batch(ablated).sub_(output),
        output=output,
        residuals=clean.residuals,
        model_normed=model.weights.final_norm(of_chunk.rows(ANSWER).of_batch(model_residual)),
        post_scales=post_scales,
        knocked_out=tuple(knocked_out),
        places=model.graph.index,
    )
