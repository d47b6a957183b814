"""Path patching (Wang et al. 2022, arXiv 2211.00593, section 3.1): what does a node tell certain receivers?

Owns the experiment. A sender's output is the one on the corrupted prompt, and what that changes in the inputs of the
chosen receivers, at chosen positions, is worked out (how much between them is recomputed: `choices.Effect`). Then the
clean run is taken again with the receivers reading exactly that, everything after them recomputed, and the logits at
the answer position are compared. Receiver `logits`: there is nothing after it.

A sender may be patched at the tokens of one span alone, and each receiver read what is patched at a span of its own.
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
from acdc_custom.graph import LOGITS, Place, Reading, Receiver, Sender
from acdc_custom.heads.names import check_paths, check_readings
from acdc_custom.heads.walk import Override, Passes, walk
from acdc_custom.model.weights import Weights

CHUNK = 1 << 24  # numbers of the largest tensor of a pass, about


@dataclass(frozen=True)
class Patched:
    """What came out of patching each of `places` by itself."""

    places: tuple[Place, ...]  # the senders, each at all tokens or at a span
    normed: Tensor  # [sender, prompt, d_model]: the final residual at the answer position, normalised
    weights: Weights
    tokens: TokenBatch
    clean_normed: Tensor  # [prompt, d_model]

    @property
    def senders(self) -> tuple[Sender, ...]:
        """The sender of each place."""
        return tuple(place.node for place in self.places)

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
    senders: Sequence[Sender | Place],
    receivers: Sequence[Receiver | Reading],
    positions: Tensor | None = None,
    effect: Effect = Effect.DIRECT,
    on_sender: Callable[[int], object] = lambda done: None,
) -> Patched:
    """Patch each sender's paths to the receivers, all receivers at once.

    `positions` `[prompt, k]` are where the receivers read the patched input, None everywhere; one at a span reads it
    there, and the logits at the answer position in any case. `on_sender` is told how many senders more have been
    patched. Raises `UsageError` for a sender that comes before none of the receivers, or that is not in the model, and
    for a span that is in none of the prompts.
    """
    model, tokens = passes.model, passes.tokens
    in_order = sorted(set(map(Place.of, senders)))
    readings = [Reading.of(receiver) for receiver in receivers]
    read_by = list(dict.fromkeys(reading.receiver for reading in readings))
    check_paths(model.graph, [place.node for place in in_order], read_by)
    check_readings(readings)
    tokens.spans.check([*(place.span for place in in_order), *(reading.span for reading in readings)])
    answers = tokens.answer_positions[:, 0]
    prompts = torch.arange(len(answers), device=model.device)
    final = passes.reads(LOGITS)[prompts, answers]  # [prompt, d_model]
    at = read_at(tokens, readings, positions)
    first = min(int(here.any(0).nonzero()[0]) for here in at.values())
    outs = []
    for chunk in _chunks(passes, in_order, first, effect):
        reads = patched_reads(passes, chunk, read_by, first, effect)
        if LOGITS not in at:
            given = Override(reads, {receiver: here[:, first:] for receiver, here in at.items()})
            reads = walk(passes, (), Effect.TOTAL, first, (LOGITS,), given)
        outs.append(model.weights.final_norm(final + reads[LOGITS][:, prompts, answers - first]))
        on_sender(len(chunk))
    return Patched(tuple(in_order), torch.cat(outs), model.weights, tokens, model.weights.final_norm(final))


def patched_reads(
    passes: Passes, senders: Sequence[Place], receivers: Sequence[Receiver], first: int, effect: Effect
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
    chunks = _chunks(passes, [Place(sender) for sender in senders], first, effect)
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


def read_at(tokens: TokenBatch, readings: Sequence[Reading], positions: Tensor | None = None) -> dict[Receiver, Tensor]:
    """`[prompt, pos]` for each receiver: where it reads what is patched. One that is there twice reads at both."""
    at: dict[Receiver, Tensor] = {}
    for reading in readings:
        if reading.receiver == LOGITS:
            here = tokens.is_answer
        elif reading.span or positions is None:
            here = tokens.within(reading.span)
        else:
            here = torch.zeros_like(tokens.is_prompt).scatter_(1, positions, True)
        at[reading.receiver] = at[reading.receiver] | here if reading.receiver in at else here
    return at


def _first_changed(tokens: TokenBatch, at_most: int) -> int:
    changed = tokens.changed.any(0).nonzero()
    return min(at_most, int(changed[0])) if len(changed) else at_most


def _chunks(passes: Passes, senders: Sequence[Place], first: int, effect: Effect) -> list[Sequence[Place]]:
    """The senders in pieces that are worked on at once, none too large for the memory."""
    weights, tokens = passes.model.weights, passes.tokens.clean
    n_prompts, n_positions = tokens.shape
    n_new = n_positions - (_first_changed(passes.tokens, first) if effect is Effect.TOTAL else first)
    n_heads, d_head, d_model = weights.blocks[0].attention.out.shape
    widths = [2 * block.mlp.weight_in.shape[1] for block in weights.blocks if block.mlp is not None]
    per_row = max([4 * d_model, n_heads * n_positions, *widths])
    size = max(1, CHUNK // (n_prompts * (n_new * per_row + 2 * n_heads * n_positions * d_head)))
    return [senders[start : start + size] for start in range(0, len(senders), size)]
