"""What a removed edge carries in place of its sender's current output."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from acdc_custom.choices import Ablation
from acdc_custom.engine.tokens import TokenBatch
from acdc_custom.model.forward import ForwardPass, run
from acdc_custom.model.weights import Weights


@dataclass(frozen=True)
class AblatedActivations:
    """An ablation made ready for a batch, whose prompts may then be run some at a time."""

    ablation: Ablation
    means: Tensor | None  # [group, sender, pos, d_model]: over all prompts of the batch

    def outputs(self, weights: Weights, tokens: TokenBatch, clean: ForwardPass) -> Tensor:
        """For some of the prompts, `[sender, prompt, pos, d_model]`; what stands behind the answer position is of no
        matter."""
        match self.ablation:
            case Ablation.CORRUPTED:
                return run(weights, tokens.corrupted).outputs
            case Ablation.ZERO:
                return torch.zeros_like(clean.outputs)
        assert self.means is not None
        return self.means[_groups(self.ablation, tokens)].movedim(0, 1).contiguous()


def prepare_ablation(ablation: Ablation, weights: Weights, chunks: Sequence[TokenBatch]) -> AblatedActivations:
    """The ablation for a batch, given in chunks.

    `MEAN`: at each position, over the clean prompts that reach it. `REFERENCE_MEAN`: at each position, over the
    corrupted prompts of the same template, where the same position has the same role (Wang et al. 2022, arXiv
    2211.00593, section 2.2).
    """
    if ablation in (Ablation.CORRUPTED, Ablation.ZERO):
        return AblatedActivations(ablation, None)
    n_groups = 1 + max(int(_groups(ablation, tokens).max()) for tokens in chunks)
    total, count = torch.zeros(()), torch.zeros(())
    for tokens in chunks:
        outputs = run(weights, tokens.clean if ablation is Ablation.MEAN else tokens.corrupted).outputs
        member = torch.nn.functional.one_hot(_groups(ablation, tokens), n_groups).to(outputs)  # [prompt, group]
        present = tokens.is_prompt.to(outputs)  # [prompt, pos]
        total = total.to(outputs) + torch.einsum("ng,np,snpd->gspd", member, present, outputs)
        count = count.to(outputs) + member.mT @ present  # [group, pos]
    return AblatedActivations(ablation, total / count.clamp_min(1)[:, None, :, None])


def _groups(ablation: Ablation, tokens: TokenBatch) -> Tensor:
    """`[prompt]`: which prompts share a mean."""
    return tokens.templates if ablation is Ablation.REFERENCE_MEAN else torch.zeros_like(tokens.templates)
