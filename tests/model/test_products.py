"""Both ways to multiply give the same products."""

from __future__ import annotations

import pytest
import torch

from acdc_custom.model import products
from acdc_custom.model.products import product, product_per_head

SHAPES = [(1, 4, 3), (7, 128, 512), (300, 64, 640)]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("rows", "n_in", "n_out"), SHAPES)
def test_products_are_those_of_plain_multiplication(rows: int, n_in: int, n_out: int, dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(3, 2, rows, n_in, generator=generator).to(dtype)
    weight, bias = torch.randn(3, n_in, n_out, generator=generator).to(dtype), torch.randn(n_out).to(dtype)
    exact = torch.einsum("hcri,hio->hcro", x.double(), weight.double())
    tolerance = 1e-5 * n_in**0.5 if dtype is torch.float32 else 1e-12
    assert torch.allclose(product_per_head(x, weight).double(), exact, atol=tolerance)
    assert torch.allclose(product(x[1], weight[1], bias).double(), exact[1] + bias.double(), atol=tolerance)


def test_without_onednn_products_are_the_same_up_to_rounding(monkeypatch: pytest.MonkeyPatch) -> None:
    x, weight = torch.randn(2, 5, 100, 128), torch.randn(2, 128, 256)
    fast = product_per_head(x, weight)
    monkeypatch.setattr(products, "_has_onednn", lambda x: False)
    assert torch.allclose(product_per_head(x, weight), fast, atol=1e-4)
    assert torch.allclose(product(x[0], weight[0]), fast[0], atol=1e-4)


def test_no_rows_give_no_rows() -> None:
    assert product(torch.zeros(0, 8), torch.zeros(8, 4)).shape == (0, 4)
