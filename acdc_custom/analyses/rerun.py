"""The rest of a forward pass: from a changed residual stream somewhere in the model to the logit difference.

Owns running many changes (candidates) at once, from the layer and from the first position where anything can differ
from the base run; before that the base run is what it was. A change of an activation is always a change of the residual
stream right after it, so this is all that activation patching needs.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

import torch
from torch import Tensor

from acdc_custom.engine.metrics import negative_logit_diff
from acdc_custom.engine.prepared import PreparedBatch
from acdc_custom.engine.tokens import TokenBatch
from acdc_custom.model.layers import Layer, layers
from acdc_custom.model.model import Model
from acdc_custom.model.weights import Block

# The largest activation of one batch of candidates, in numbers. On a CPU, batches that stay in its caches are fastest.
LARGEST_ON_CPU = 1 << 20
LARGEST = 1 << 25


class Site(Enum):
    """Where in a layer the residual stream is changed."""

    BEFORE = auto()
    AFTER_ATTENTION = auto()


@dataclass(frozen=True)
class Base:
    """A finished run of a model on some tokens, and what to read from a changed one."""

    model: Model
    tokens: TokenBatch
    layers: tuple[Layer, ...]

    @classmethod
    def clean(cls, prepared: PreparedBatch) -> Base:
        """The run on the clean prompts."""
        return cls._of(prepared, prepared.tokens.clean)

    @classmethod
    def corrupted(cls, prepared: PreparedBatch) -> Base:
        """The run on the corrupted prompts."""
        return cls._of(prepared, prepared.tokens.corrupted)

    @classmethod
    @torch.no_grad()
    def _of(cls, prepared: PreparedBatch, ids: Tensor) -> Base:
        return cls(prepared.model, prepared.tokens, tuple(layers(prepared.model.weights, ids)))

    def attention_output(self, layer: int) -> Tensor:
        """What a layer's attention writes, its bias included: `[prompt, pos, d_model]`."""
        attention = self.layers[layer].attention
        return attention.finish(attention.total(self.layers[layer].z))

    def logit_diff(self) -> float:
        """The mean logit difference of the base run itself."""
        return float(self._logit_diff(self.layers[-1].after[None], 0))

    def at_once(self, first: int) -> int:
        """How many candidates to run together from a position on, so that no activation becomes too large."""
        weights, shape = self.model.weights, self.model.graph.shape
        n_prompts, n_positions = self.tokens.clean.shape
        widest = max(weights.token_embedding.shape[1], shape.n_heads * n_positions)
        for block in weights.blocks:
            widest = max(widest, block.mlp.weight_in.shape[1] if block.mlp else 0)
        largest = LARGEST_ON_CPU if self.model.device.type == "cpu" else LARGEST
        return max(1, largest // (n_prompts * (n_positions - first) * widest))

    @torch.no_grad()
    def rerun(self, layer: int, site: Site, residual: Tensor, first: int) -> Tensor:
        """Mean logit differences `[candidate]`, float64, when the residual stream at a place is another one.

        `residual` is `[candidate, prompt, pos from first on, d_model]`; before position `first` everything is the base
        run's. `layer` may be the number of layers: then only the logits are still to come.
        """
        blocks = self.model.weights.blocks
        n_candidates = len(residual)
        x = residual.flatten(0, 1)
        for place in range(layer, len(blocks)):
            block, before = blocks[place], x
            if place > layer or site is Site.BEFORE:
                x = x + self._attention(place, x, first)
            elif block.parallel:
                before = self.layers[place].before[:, first:].repeat(n_candidates, 1, 1)
            if block.mlp is not None:
                x = x + _mlp(block, before if block.parallel else x)
        return self._logit_diff(x.view(n_candidates, -1, *x.shape[1:]), first)

    def _attention(self, layer: int, x: Tensor, first: int) -> Tensor:
        """What a layer's attention adds: `[candidate prompt, pos from first on, d_model]`."""
        base, block = self.layers[layer], self.model.weights.blocks[layer]
        attention = block.attention
        q, k, v = attention.at(slice(first, first + x.shape[1])).project(block.attention_norm(x))
        n_candidates = len(x) // len(self.tokens.clean)
        k = torch.cat((base.k[:, :, :first].repeat(1, n_candidates, 1, 1), k), dim=2)
        v = torch.cat((base.v[:, :, :first].repeat(1, n_candidates, 1, 1), v), dim=2)
        return attention.finish(attention.total(attention.attend(q, k, v)))

    def _logit_diff(self, residual: Tensor, first: int) -> Tensor:
        ends = (self.tokens.answer_positions - first)[None, :, :, None]  # [1, prompt, 1, 1]
        last = residual.gather(2, ends.expand(len(residual), -1, 1, residual.shape[-1]))[:, :, 0]
        normed = self.model.weights.final_norm(last)
        return -negative_logit_diff(self.model.weights, self.tokens)(normed).mean(1)


def _mlp(block: Block, read: Tensor) -> Tensor:
    assert block.mlp is not None and block.mlp_norm is not None
    return block.mlp(block.mlp_norm(read))
