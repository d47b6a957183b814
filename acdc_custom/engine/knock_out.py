"""The model without some of its nodes: these write what removed edges carry, everything else goes on as it does.

Owns the one forward pass that this takes. It is the circuit of all edges but those from the nodes; since every receiver
then reads the same residual stream, a plain forward pass is enough.
"""

from __future__ import annotations

from collections.abc import Collection

import torch
from torch import Tensor

from acdc_custom.engine.caches import Caches
from acdc_custom.engine.spans import ANSWER
from acdc_custom.graph import Sender, Stage
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

    @torch.no_grad()
    def without(self, nodes: Collection[Sender]) -> Tensor:
        """The final residual stream at the answer position, normalised: `[answer row, d_model]`."""
        weights = self._caches.model.weights
        heads = {(node.layer, node.head): self._carried[node] for node in nodes if node.stage is Stage.HEAD}
        mlps = {node.layer: self._carried[node] for node in nodes if node.stage is Stage.MLP}
        residual = self._caches.residuals[-1]
        for layer in layers(weights, self._caches.tokens.clean, Replaced(heads, self._post_scales, mlps=mlps)):
            residual = layer.after
        return weights.final_norm(self._caches.layout.rows(ANSWER).of_batch(residual))
