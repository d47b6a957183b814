"""The model without some of its nodes: these write what removed edges carry, everything else goes on as it does.

Owns the one forward pass that this takes. It is the circuit of all edges but those from the nodes; since every receiver
then reads the same residual stream, a plain forward pass is enough; also where a node is gone at some spans alone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

import torch
from torch import Tensor

from acdc_custom.engine.caches import Caches
from acdc_custom.engine.spans import ANSWER
from acdc_custom.graph import Place, Sender, Stage
from acdc_custom.model.forward import run
from acdc_custom.model.layers import Replaced, layers


class KnockOut:
    """Some of a batch's prompts, ready to be run without any of `nodes`, which are heads and MLPs."""

    @torch.no_grad()
    def __init__(self, caches: Caches, nodes: Collection[Sender]) -> None:
        model, tokens = caches.model, caches.tokens
        clean = run(model.weights, tokens.clean)
        ablated = caches.carried.outputs(model.weights, tokens, clean)
        self._caches = caches
        self._post_scales = clean.post_scales
        self._carried = {
            node: ablated[model.graph.index[node]].clone() for node in nodes
        }  # each [prompt, pos, d_model]

    def without(self, nodes: Collection[Sender]) -> Tensor:
        """The final residual stream at the answer position, normalised: `[answer row, d_model]`."""
        return self.without_places([Place(node) for node in nodes])

    @torch.no_grad()
    def without_places(self, places: Iterable[Place]) -> Tensor:
        """The same where nodes are gone at some spans, and write at others what they compute."""
        weights, tokens = self._caches.model.weights, self._caches.tokens
        at: dict[Sender, Tensor] = {}  # [prompt, pos]
        for place in places:
            within = tokens.within(place.span)
            at[place.node] = at[place.node] | within if place.node in at else within
        heads = {node for node in at if node.stage is Stage.HEAD}
        mlps = {node for node in at if node.stage is Stage.MLP}
        replaced = Replaced(
            {(node.layer, node.head): self._carried[node] for node in heads},
            self._post_scales,
            mlps={node.layer: self._carried[node] for node in mlps},
            outputs_at={(node.layer, node.head): at[node] for node in heads},
            mlps_at={node.layer: at[node] for node in mlps},
        )
        residual = self._caches.residuals[-1]
        for layer in layers(weights, tokens.clean, replaced):
            residual = layer.after
        return weights.final_norm(self._caches.layout.rows(ANSWER).of_batch(residual))
