"""Muon's steps."""

from __future__ import annotations

import pytest
import torch

from acdc_custom.bundled.muon import Muon, orthogonal
from acdc_custom.bundled.train import Recipe, build_model


@pytest.mark.parametrize("shape", [(3, 16, 16), (3, 8, 32), (3, 32, 8)])
def test_all_singular_values_become_near_one(shape: tuple[int, int, int]) -> None:
    matrices = torch.randn(*shape, generator=torch.Generator().manual_seed(0))
    values = torch.linalg.svdvals(orthogonal(matrices))
    assert values.min() > 0.5 and values.max() < 1.3


def test_the_singular_vectors_stay() -> None:
    u, _, vt = torch.linalg.svd(torch.randn(1, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0)))
    matrix = u @ torch.diag(torch.linspace(0.5, 2, 8, dtype=torch.float64)) @ vt
    across = u.mT @ orthogonal(matrix) @ vt.mT
    assert torch.allclose(
        across - torch.diag_embed(across.diagonal(dim1=1, dim2=2)), torch.zeros(()).double(), atol=1e-9
    )


def test_each_head_has_a_step_of_its_own() -> None:
    torch.manual_seed(0)
    model = build_model(20, Recipe(layers=2, heads=4, width=32, inner=8))
    optimizer = Muon(model, rate=0.1, decay=0.0)
    before = [matrix.detach().clone() for matrix in optimizer.parameters()]
    for matrix in optimizer.parameters():
        matrix.grad = torch.randn_like(matrix)
    optimizer.step(0.5)
    for layer in range(2):
        steps = (optimizer.qkv[layer] - before[layer]).unflatten(1, (12, 8)).transpose(0, 1)  # [head, d_model, d_head]
        gradients = optimizer.qkv[layer].grad.unflatten(1, (12, 8)).transpose(0, 1)
        assert torch.allclose(steps, -0.05 * orthogonal(gradients), atol=1e-5)
