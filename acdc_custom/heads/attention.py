"""Where heads attend, and what they write about what they attend to.

Owns attention patterns of chosen heads, attention from END to named places, and attention against output (Wang et
al. 2022, arXiv 2211.00593, figure 3c): does a head write along a name the more, the more it attends to it?
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from acdc_custom.graph import Sender
from acdc_custom.heads.words import NamedWord, PromptWords
from acdc_custom.model.layers import Layer
from acdc_custom.model.model import Model
from acdc_custom.stats.p_values import pearson_p


@dataclass(frozen=True)
class AttentionOutput:
    """One head and one subject: a point per prompt.

    `attention` is from END to the word, summed over its occurrences; `output` what the head writes at END along the
    word's unembedding, without a norm. `r` is Pearson's correlation, `p` its two-sided p-value; both are nan when there
    are fewer than three prompts, or when one side does not vary.
    """

    head: Sender
    subject: str
    attention: tuple[float, ...]
    output: tuple[float, ...]
    r: float
    p: float


@torch.no_grad()
def attention_patterns(layers: Sequence[Layer], heads: Sequence[Sender]) -> Tensor:
    """Attention probabilities of these heads, `[head, prompt, pos, key]`; rows of padding mean nothing."""
    return torch.cat([layers[head.layer].pattern([head.head]) for head in heads])


@torch.no_grad()
def attention_from(layers: Sequence[Layer], heads: Sequence[Sender], positions: Sequence[int]) -> Tensor:
    """The same from one position of each prompt alone: `[head, prompt, key]`. `heads` in topological order."""
    rows = []
    at = torch.tensor(positions, device=layers[0].q.device)[:, None]  # [prompt, 1]
    for number in sorted({head.layer for head in heads}):
        of_layer = [head.head for head in heads if head.layer == number]
        rows.append(layers[number].pattern(of_layer, at)[:, :, 0])
    return torch.cat(rows)


def attention_to_places(from_end: Tensor, cast: PromptWords) -> dict[str, Tensor]:
    """Mean over prompts of the attention to each place that holds a word: `[head]` per place.

    `from_end` `[head, prompt, key]` is `attention_from` each prompt's END.
    """
    prompts = torch.arange(from_end.shape[1], device=from_end.device)
    return {
        place: from_end[:, prompts, torch.tensor(positions, device=from_end.device)].mean(-1)
        for place, positions in cast.places.items()
    }


def attention_to_subject(from_end: Tensor, subject: NamedWord) -> Tensor:
    """Attention to a word, summed over its occurrences: `[head, prompt]`."""
    occurs = torch.zeros_like(from_end[0])  # [prompt, key]
    for prompt, places in enumerate(subject.occurrences):
        occurs[prompt, list(places)] = 1
    return torch.einsum("hnt,nt->hn", from_end, occurs)


@torch.no_grad()
def attention_output(
    model: Model, layers: Sequence[Layer], cast: PromptWords, ends: Sequence[int], heads: Sequence[Sender]
) -> list[AttentionOutput]:
    """Attention against output for each of these heads, and for each subject of the prompts."""
    heads = sorted(heads)
    from_end = attention_from(layers, heads, ends)
    prompts = torch.arange(len(ends), device=model.device)
    at = torch.tensor(ends, device=model.device)
    results = []
    for number, head in enumerate(heads):
        written = layers[head.layer].head_outputs([head.head])[0, prompts, at]  # [prompt, d_model]
        for subject in cast.subjects:
            x = attention_to_subject(from_end[number : number + 1], subject)[0]
            along = model.weights.unembedding[torch.tensor(subject.tokens, device=model.device)]
            y = torch.einsum("nd,nd->n", written, along)
            r = pearson_r(x, y)
            results.append(
                AttentionOutput(head, subject.name, tuple(x.tolist()), tuple(y.tolist()), r, pearson_p(r, len(ends)))
            )
    return results


def pearson_r(x: Tensor, y: Tensor) -> float:
    """Pearson's correlation; nan with fewer than three points, or when one side does not vary."""
    if len(x) < 3:
        return math.nan
    x, y = (side.cpu().double() - side.cpu().double().mean() for side in (x, y))
    size = float((x.square().sum() * y.square().sum()).sqrt())
    return max(-1.0, min(1.0, float(x @ y) / size)) if size else math.nan
