"""What keeps numbers in bounds: norms, and soft caps.

Owns the mathematics of both. Works on any leading axes, and knows nothing of what stands before or behind it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import torch.nn.functional as F
from torch import Tensor


class NormKind(StrEnum):
    """How a norm scales what it is given."""

    LAYER = "layer norm"
    RMS = "RMS norm"
    NONE = "no norm"


@dataclass(frozen=True)
class Norm:
    """A normalisation with its gain and, for layer norm, its bias."""

    kind: NormKind
    weight: Tensor  # [d_model]; [d_head] for the norm of a query or a key
    bias: Tensor | None  # [d_model]
    eps: float

    def __call__(self, x: Tensor) -> Tensor:
        """`x` is `[..., d_model]`."""
        match self.kind:
            case NormKind.LAYER:
                return F.layer_norm(x, self.weight.shape, self.weight, self.bias, self.eps)
            case NormKind.RMS:
                return F.rms_norm(x, self.weight.shape, self.weight, self.eps)
            case NormKind.NONE:
                return x

    def scale(self, x: Tensor) -> Tensor:
        """An RMS norm's scale, 1 / rms: `[..., 1]` from `[..., d_model]`."""
        return (x.square().mean(-1, keepdim=True) + self.eps).rsqrt()


def soft_capped(x: Tensor, cap: float) -> Tensor:
    """`cap * tanh(x / cap)`: nearly `x` where it is small, never beyond the cap. Overwrites `x`."""
    squashed = x.div_(cap).tanh_()
    # The derivative of tanh is worked out from its value, which then has to stay as it is.
    return squashed * cap if squashed.requires_grad else squashed.mul_(cap)
