"""Path patching (Wang et al. 2022, arXiv 2211.00593, section 3.1): what does a node tell certain receivers?

Owns the experiment. A sender's output is the one on the corrupted prompt, and what that changes in the inputs of the
chosen receivers, at chosen positions, is worked out (how much between them is recomputed: `choices.Effect`). Then the
clean run is taken again with the receivers reading exactly that, everything after them recomputed, and the logits at
the answer position are compared. Receiver `logits`: there is nothing after it.

Many senders are patched in one pass, since each changes the residual stream by a vector that is known beforehand.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from acdc_custom.choices import Effect
from acdc_custom.engine.metrics import negative_logit_diff
from acdc_custom.engine.tokens import TokenBatch
from acdc_custom.graph import LOGITS, Receiver, Sender
from acdc_custom.heads.names import check_paths
from acdc_custom.heads.walk import Override, Passes, walk
from acdc_custom.model.weights import Weights

CHUNK = 1 << 24  # numbers of the largest tensor of a pass, about


@dataclass(frozen=True)
class Patched:
    """What came out of patching each of `senders` by itself."""

    senders: tuple[Sender, ...]
    normed: Tensor  # [sender, prompt, d_model]: the final residual at the answer position, normalised
    weights: Weights
    tokens: TokenBatch
    clean_normed: Tensor  # [prompt, d_model]

    def logit_diffs(self, tokens: TokenBatch) -> tuple[Tensor, Tensor]:
        """Between the answers and foils of `tokens`: `[sender, prompt]`, and `[prompt]` in the clean run; float64."""
        negative = negative_logit_diff(self.weights, tokens)
        return -negative(self.normed), -negative(self.clean_normed[None])[0]

    def changes(self, tokens: TokenBatch | None = None) -> Tensor:
        """`[sender]` float64: the change of the mean logit difference, in per cent of the clean run's.

        `100 (patched - clean) / clean`: negative where the sender helps. With other `tokens`, the change of the logit
        difference between their answers and foils, in per cent of the batch's own.
        """
        patched, clean = self.logit_diffs(tokens or self.tokens)
        return 100 * (patched.mean(-1) - clean.mean()) / self.logit_diffs(self.tokens)[1].mean()


@torch.no_grad()
def path_patch(
    passes: Passes,
    senders: Sequence[Sender],
    receivers: Sequence[Receiver],
    positions: Tensor | None = None,
    effect: Effect = Effect.DIRECT,
    on_sender: Callable[[int], object] = lambda done: None,
) -> Patched:
    """Patch each sender's paths to the receivers, all receivers at once.

    `positions` `[prompt, k]` are where the receivers read the patched input, None everywhere; the logits are read at
    the answer position in any case. `on_sender` is told how many senders more have been patched.
    Raises `UsageError` for a sender that comes before none of the receivers, or that is not in the model.
    """
    model, tokens = passes.model, passes.tokens
    check_paths(model.graph, senders, receivers)
    answers = tokens.answer_positions[:, 0]
    prompts = torch.arange(len(answers), device=model.device)
    final = passes.reads(LOGITS)[prompts, answers]  # [prompt, d_model]
    first, at = _where(tokens, receivers, positions)
    in_order = sorted(set(senders))
    outs = []
    for chunk in _chunks(passes, in_order, first, effect):
        reads = patched_reads(passes, chunk, receivers, first, effect)
        if LOGITS not in receivers:
            reads = walk(passes, (), Effect.TOTAL, first, (LOGITS,), Override(reads, at[:, first:]))
        outs.append(model.weights.final_norm(final + reads[LOGITS][:, prompts, answers - first]))
        on_sender(len(chunk))
    return Patched(tuple(in_order), torch.cat(outs), model.weights, tokens, model.weights.final_norm(final))


def patched_reads(
    passes: Passes, senders: Sequence[Sender], receivers: Sequence[Receiver], first: int, effect: Effect
) -> dict[Receiver, Tensor]:
    """What each receiver reads when a sender is patched, less what it reads in the clean run.

    `[sender, prompt, pos, d_model]`, positions from `first` on; `senders` in topological order.
    """
    start = _first_changed(passes.tokens, first) if effect is Effect.TOTAL else first
    reads = walk(passes, senders, effect, start, receivers)
    return {receiver: move[:, :, first - start :] for receiver, move in reads.items()}


@torch.no_grad()
def patched_attention(
    passes: Passes, senders: Sequence[Sender], readers: Sequence[Sender], effect: Effect = Effect.DIRECT
) -> Tensor:
    """Attention of heads from END when their queries there read each patched sender: `[reader, sender, prompt, key]`.

    `senders` in topological order; one that does not come before a head leaves its attention as it is.
    """
    receivers = [passes.model.graph.inputs_of(reader)[0] for reader in readers]
    first = int(passes.tokens.answer_positions.min())
    chunks = _chunks(passes, senders, first, effect)
    moves = [patched_reads(passes, chunk, receivers, first, effect) for chunk in chunks]
    return torch.stack(
        [
            torch.cat([_attention_from_end(passes, reader, move[receiver], first) for move in moves])
            for reader, receiver in zip(readers, receivers, strict=True)
        ]
    )


def _attention_from_end(passes: Passes, reader: Sender, move: Tensor, first: int) -> Tensor:
    """`[sender, prompt, key]`, when `move` `[sender, prompt, pos, d_model]` is added to what the head's query reads."""
    block, layer = passes.model.weights.blocks[reader.layer], passes.clean[reader.layer]
    attention, ends = block.attention, passes.tokens.answer_positions[:, 0]
    prompts = torch.arange(len(ends), device=ends.device)
    own = attention.query.select(torch.tensor([reader.head], device=ends.device)).at(ends)
    read = layer.before[prompts, ends] + move[:, prompts, ends - first]
    q = own.shared(block.attention_norm(read))[0]  # [sender, prompt, d_head]
    k = layer.k[reader.head // attention.group_size]
    return attention.pattern(q[None, :, :, None], k[None], attention.mask(ends[:, None], k.shape[1]))[0, :, :, 0]


def _where(tokens: TokenBatch, receivers: Sequence[Receiver], positions: Tensor | None) -> tuple[int, Tensor]:
    """The first position at which anything can change, and `[prompt, pos]`: where receivers read what is patched."""
    if LOGITS in receivers:
        at = tokens.is_answer
    elif positions is None:
        at = tokens.is_prompt
    else:
        at = torch.zeros_like(tokens.is_prompt).scatter_(1, positions, True)
    return int(at.any(0).nonzero()[0]), at


def _first_changed(tokens: TokenBatch, at_most: int) -> int:
    changed = tokens.changed.any(0).nonzero()
    return min(at_most, int(changed[0])) if len(changed) else at_most


def _chunks(passes: Passes, senders: Sequence[Sender], first: int, effect: Effect) -> list[Sequence[Sender]]:
    """The senders in pieces that are worked on at once, none too large for the memory."""
    weights, tokens = passes.model.weights, passes.tokens.clean
    n_prompts, n_positions = tokens.shape
    n_new = n_positions - (_first_changed(passes.tokens, first) if effect is Effect.TOTAL else first)
    n_heads, d_head, d_model = weights.blocks[0].attention.out.shape
    widths = [2 * block.mlp.weight_in.shape[1] for block in weights.blocks if block.mlp is not None]
    per_row = max([4 * d_model, n_heads * n_positions, *widths])
    size = max(1, CHUNK // (n_prompts * (n_new * per_row + 2 * n_heads * n_positions * d_head)))
    return [senders[start : start + size] for start in range(0, len(senders), size)]
