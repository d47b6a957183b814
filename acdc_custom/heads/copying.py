"""What a head's OV circuit writes about a word: the word itself, its absence, or another word.

Owns the copy scores of Wang et al. 2022 (arXiv 2211.00593, section 3.1 and appendix) and their kin. What stands at a
word's place after the first block goes through the norm before the head (its own layer's, with its weights), the head's
`W_V` (with `b_V`) and `W_O` (without `b_O`), the final norm and the unembedding; a word is *found* if it is among the
five highest logits. Attention plays no part: this is what the head would write if it attended to that place alone.

The paper's code applies the second block's norm to all heads, but has folded every norm's weights into the `W_V` behind
it (`fold_ln=True`): its second norm only centres and scales, and each head brings its own layer's weights.

A head of layer 0 never reads what stands there after block 0: it is given the embedding. The first block is taken as it
is, parallel or not. With a norm after the heads (Gemma 2), what the head writes goes through that norm too. With
grouped queries, a head uses its group's `W_V`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import torch
from torch import Tensor

from acdc_custom.graph import Sender
from acdc_custom.heads.words import PromptWords, WordPart, strangers
from acdc_custom.model.attention import Attention
from acdc_custom.model.layers import Layer
from acdc_custom.model.model import Model
from acdc_custom.model.products import product

TOP = 5  # a word counts as found among so many: the paper's number


class ReadFrom(StrEnum):
    """What stands at a word's place when a head is asked what it would write about it."""

    BLOCK_0 = "block 0"
    EMBEDDING = "embedding"

    @classmethod
    def of(cls, head: Sender) -> ReadFrom:
        """The embedding for heads of layer 0, what block 0 has made of it for all others."""
        return cls.BLOCK_0 if head.layer else cls.EMBEDDING


@dataclass(frozen=True)
class OvScores:
    """For each head, in how many of `of` (prompt x word place) a word was found.

    The control looks for another prompt's word in the same logits: what is found without being copied.
    """

    heads: tuple[Sender, ...]
    of: int
    copied: tuple[int, ...]  # the place's own word
    negative: tuple[int, ...]  # the same with the sign of the head's output flipped
    copied_control: tuple[int, ...]
    negative_control: tuple[int, ...]
    n_prompts: int
    answers: dict[
        str, tuple[int, ...]
    ]  # per place whose word is not the answer: in how many prompts the answer is found
    answers_control: dict[str, tuple[int, ...]]


def ov_scores(
    model: Model,
    layers: Sequence[Layer],
    cast: PromptWords,
    answers: Sequence[int],
    heads: Sequence[Sender],
    seed: int = 0,
    on_head: Callable[[], object] = lambda: None,
) -> OvScores:
    """Copy scores, negative copy scores and answer-from-word scores of these heads.

    `layers` are those of the clean run, `answers` a token per prompt. `seed` chooses the words of the control.
    `on_head` is called after each head. A task that names no word gives scores out of 0.
    """
    places = list(cast.places)
    n_prompts = len(answers)
    rows = [(prompt, cast.places[place][prompt]) for place in places for prompt in range(n_prompts)]
    own = [cast.subject_at(place).tokens[prompt] for place in places for prompt in range(n_prompts)]
    others = strangers(cast, answers, len(model.weights.unembedding), seed, 1)
    control = [others[prompt][0] for _ in places for prompt in range(n_prompts)]
    sought = torch.tensor(
        [[word, other, answers[prompt]] for (prompt, _), word, other in zip(rows, own, control, strict=True)],
        device=model.device,
    ).reshape(-1, 3)
    found = torch.zeros(2, len(heads), len(rows), 3, dtype=torch.bool)
    if rows:
        residuals = _word_residuals(model, layers, rows)
        for number, head in enumerate(heads):
            inputs = model.weights.blocks[head.layer].attention_norm(residuals[ReadFrom.of(head)])
            found[:, number] = _found(model, head, inputs, sought).cpu()
            on_head()
    by_place = found[0].view(len(heads), len(places), n_prompts, 3)
    asked = [(i, place) for i, place in enumerate(places) if cast.subject_at(place).part is not WordPart.ANSWER]

    def counts(x: Tensor) -> tuple[int, ...]:
        return tuple(x.sum(-1).tolist())

    return OvScores(
        heads=tuple(heads),
        of=len(rows),
        copied=counts(found[0, ..., 0]),
        negative=counts(found[1, ..., 0]),
        copied_control=counts(found[0, ..., 1]),
        negative_control=counts(found[1, ..., 1]),
        n_prompts=n_prompts,
        answers={place: counts(by_place[:, i, :, 2]) for i, place in asked},
        answers_control={place: counts(by_place[:, i, :, 1]) for i, place in asked},
    )


@torch.no_grad()
def _word_residuals(model: Model, layers: Sequence[Layer], rows: Sequence[tuple[int, int]]) -> dict[ReadFrom, Tensor]:
    """What stands at the rows' places, before any norm: `[row, d_model]` each."""
    prompts, positions = torch.tensor(rows, device=model.device).T
    first = layers[0]
    return {
        ReadFrom.EMBEDDING: first.before[prompts, positions],
        ReadFrom.BLOCK_0: first.after[prompts, positions],
    }


@torch.no_grad()
def ov_output(attention: Attention, head: int, inputs: Tensor) -> Tensor:
    """What a head writes if it attends to one place alone: `[row, d_model]`, from normalised `inputs` of that shape."""
    kv_head = head * len(attention.value.weight) // len(attention.out)
    value = inputs @ attention.value.weight[kv_head]
    if attention.value.bias is not None:
        value = value + attention.value.bias[kv_head]
    written = value @ attention.out[head]
    return written if attention.post_norm is None else attention.post_norm(written)


@torch.no_grad()
def _found(model: Model, head: Sender, inputs: Tensor, sought: Tensor) -> Tensor:
    """Whether each row's words are found in what the head writes, and in its opposite: `[sign, row, word]`.

    Soft-capped logits have the order of those without a cap, which are used. Equal logits do not count as found: a head
    that writes nothing finds nothing.
    """
    weights = model.weights
    norm, unembedding, bias = weights.final_norm, weights.unembedding.mT, weights.unembedding_bias
    written = ov_output(weights.blocks[head.layer].attention, head.head, inputs)
    logits = product(norm(written), unembedding, bias)  # [row, vocab]
    # A norm of the opposite is the opposite but for the biases, and so are its logits.
    biases = logits.new_zeros(1) if norm.bias is None else product(norm.bias, unembedding)
    if bias is not None:
        biases = biases + bias
    opposite = 2 * biases - logits
    return torch.stack([x.gather(-1, sought) > x.topk(TOP + 1, dim=-1).values[:, -1:] for x in (logits, opposite)])
