"""Products of activations with weights, which is where the time goes.

PyTorch hands float32 products on a CPU to MKL, and MKL uses only half of what a processor not made by Intel can do.
oneDNN, which comes with the same PyTorch, uses all of it: more than twice as fast there, as exact, and no slower
elsewhere (`benchmarks/products.py` measures both). It is taken where it is to be had; the results agree up to
rounding, and a machine always takes the same way.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

# Multiplications per head from which a call per head costs less than what it gains.
ONE_BY_ONE = 1_000_000


def product(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """`x` `[..., n_in]` times `weight` `[n_in, n_out]`, plus `bias`; gives `[..., n_out]`."""
    if _has_onednn(x):
        # The operator that torch.compile uses for a linear layer: weight as [n_out, n_in], no function after it.
        return torch.ops.mkldnn._linear_pointwise(x, weight.mT, bias, "none", [], "")  # type: ignore[no-any-return]
    return F.linear(x, weight.mT, bias)


def product_per_head(x: Tensor, weight: Tensor) -> Tensor:
    """`x` `[head, ..., n_in]` times each head's `weight` `[head, n_in, n_out]`; gives `[head, ..., n_out]`."""
    flat = x.flatten(1, -2)
    if _has_onednn(x) and flat[0].numel() * weight.shape[-1] >= ONE_BY_ONE:
        out = torch.stack([product(rows, own) for rows, own in zip(flat, weight, strict=True)])
    else:
        out = torch.bmm(flat, weight)
    return out.view(*x.shape[:-1], weight.shape[-1])


def _has_onednn(x: Tensor) -> bool:
    return (
        x.device.type == "cpu"
        and x.dtype is torch.float32
        and not x.requires_grad  # the operator has no derivative
        and bool(torch.backends.mkldnn.is_available())  # type: ignore[no-untyped-call]
        and hasattr(torch.ops.mkldnn, "_linear_pointwise")
    )
