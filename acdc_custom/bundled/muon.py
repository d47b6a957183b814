"""Muon: steps of equal size in all directions of a matrix.

Owns the optimizer of the bundled model's hidden matrices. Knows GPT-2's layout of heads, and nothing of texts.
"""

from __future__ import annotations

import torch
from torch import Tensor
from transformers import GPT2LMHeadModel

MOMENTUM = 0.95
NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)  # coefficients of a step, and so many steps:
STEPS = 5


def orthogonal(matrices: Tensor) -> Tensor:
    """The matrices `[n, a, b]` with all their singular values near 1, by the Newton-Schulz iteration of Jordan 2024."""
    wide = matrices if matrices.shape[1] <= matrices.shape[2] else matrices.mT
    x = wide / (wide.norm(dim=(1, 2), keepdim=True) + 1e-7)  # [n, a, b], a at most b
    first, second, third = NEWTON_SCHULZ
    for _ in range(STEPS):
        gram = x @ x.mT  # [n, a, a]
        x = first * x + (second * gram + third * gram @ gram) @ x
    turned: Tensor = x if matrices.shape[1] <= matrices.shape[2] else x.mT
    return turned


class Muon:
    """Momentum, made orthogonal: by head in the attention, by matrix in the MLPs.

    After Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks"; weights decay as in AdamW.
    """

    def __init__(self, model: GPT2LMHeadModel, rate: float, decay: float) -> None:
        self.rate, self.decay, self.n_heads = rate, decay, model.config.n_head
        blocks = model.transformer.h
        self.qkv = [block.attn.c_attn.weight for block in blocks]  # each [d_model, 3 x head x d_head]
        self.out = [block.attn.c_proj.weight for block in blocks]  # each [head x d_head, d_model]
        self.up = [block.mlp.c_fc.weight for block in blocks]  # each [d_model, d_mlp]
        self.down = [block.mlp.c_proj.weight for block in blocks]  # each [d_mlp, d_model]
        self.momentum = [torch.zeros(len(kind), *kind[0].shape) for kind in self._kinds()]

    def _kinds(self) -> tuple[list[Tensor], ...]:
        return self.qkv, self.out, self.up, self.down

    def parameters(self) -> list[Tensor]:
        """All that it trains."""
        return [matrix for kind in self._kinds() for matrix in kind]

    @torch.no_grad()
    def step(self, part: float) -> None:
        """One step at this part of the learning rate."""
        rate = self.rate * part
        for kind, momentum in zip(self._kinds(), self.momentum, strict=True):
            gradients = torch.stack([matrix.grad for matrix in kind if matrix.grad is not None])  # [layer, in, out]
            momentum.lerp_(gradients, 1 - MOMENTUM)
            steps = gradients.lerp(momentum, MOMENTUM)
            for matrix, step in zip(kind, self._orthogonal(steps, kind), strict=True):
                matrix.mul_(1 - rate * self.decay).sub_(step, alpha=rate)

    def _orthogonal(self, steps: Tensor, kind: list[Tensor]) -> Tensor:
        n_layers, rows, columns = steps.shape
        if kind is self.qkv:
            heads = steps.view(n_layers, rows, 3 * self.n_heads, -1).transpose(1, 2)  # [layer, head, d_model, d_head]
            return orthogonal(heads.flatten(0, 1)).reshape(heads.shape).transpose(1, 2).flatten(2)
        if kind is self.out:
            heads = steps.view(n_layers * self.n_heads, -1, columns)  # [layer x head, d_head, d_model]
            return orthogonal(heads).reshape(steps.shape)
        return orthogonal(steps).mul(max(1.0, columns / rows) ** 0.5)
