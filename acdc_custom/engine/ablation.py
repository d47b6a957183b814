"""What a removed edge carries in place of its sender's current output."""

from __future__ import annotations

import torch
from torch import Tensor

from acdc_custom.choices import Ablation
from acdc_custom.engine.tokens import TokenBatch
from acdc_custom.model.forward import Run, run
from acdc_custom.model.weights import Weights


def ablated_outputs(ablation: Ablation, weights: Weights, tokens: TokenBatch, clean: Run) -> Tensor:
    """`[sender, prompt, pos, d_model]`; what stands behind a prompt's answer position is of no matter.

    `MEAN`: at each position, over the clean prompts that reach it. `REFERENCE_MEAN`: at each position, over the
    corrupted prompts of the same template, where the same position has the same role (Wang et al. 2022, arXiv
    2211.00593, section 2.2).
    """
    match ablation:
        case Ablation.CORRUPTED:
            return run(weights, tokens.corrupted).outputs
        case Ablation.ZERO:
            return torch.zeros_like(clean.outputs)
        case Ablation.MEAN:
            return _group_mean(clean.outputs, tokens.is_prompt, torch.zeros_like(tokens.templates))
        case Ablation.REFERENCE_MEAN:
            return _group_mean(run(weights, tokens.corrupted).outputs, tokens.is_prompt, tokens.templates)


def _group_mean(outputs: Tensor, is_prompt: Tensor, groups: Tensor) -> Tensor:
    """Every prompt's outputs, replaced by the mean over its group, position by position."""
    same = (groups[:, None] == groups[None, :]).to(outputs.dtype)  # [prompt, prompt]
    present = is_prompt.to(outputs.dtype)  # [prompt, pos]
    total = torch.einsum("mn,np,snpd->smpd", same, present, outputs)
    return total / (same @ present).clamp_min(1)[..., None]
