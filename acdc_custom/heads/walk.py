"""A pass through the model in which some outputs or inputs are changed, and only some of what follows is recomputed.

Owns the arithmetic of path patching. Everything is a *move*: the difference from the clean run, for many candidates at
once, at the positions from `first` on; what does not move is never computed. Which nodes are changed, and what that
shows, is `path_patching.py`'s business.

A norm after the heads of a layer (Gemma 2) keeps its clean scale, as inside a circuit: see `Attention`.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from acdc_custom.choices import Effect
from acdc_custom.engine.tokens import TokenBatch
from acdc_custom.graph import EMBED, LOGITS, Place, Port, Receiver, Sender, Stage
from acdc_custom.model.attention import Projection
from acdc_custom.model.layers import Layer, layers
from acdc_custom.model.model import Model
from acdc_custom.model.weights import Block


@dataclass(frozen=True)
class Passes:
    """The clean and the corrupted run of a batch."""

    model: Model
    tokens: TokenBatch
    clean: tuple[Layer, ...]
    corrupted: tuple[Layer, ...]

    def reads(self, receiver: Receiver) -> Tensor:
        """What a receiver reads in the clean run: `[prompt, pos, d_model]`."""
        if receiver == LOGITS:
            return self.clean[-1].after
        layer = self.clean[receiver.layer]
        if receiver.stage is Stage.HEAD:
            return layer.before
        assert layer.mlp_input is not None
        return layer.mlp_input

    def move_of(self, place: Place) -> Tensor:
        """A sender's output on the corrupted prompt less that on the clean one: `[prompt, pos, d_model]`.

        Zero outside its span.
        """
        move = self._move_of(place.node)
        return move * self.tokens.within(place.span)[..., None] if place.span else move

    def _move_of(self, sender: Sender) -> Tensor:
        if sender == EMBED:
            weights = self.model.weights
            return weights.embed(self.tokens.corrupted) - weights.embed(self.tokens.clean)
        clean, corrupted = self.clean[sender.layer], self.corrupted[sender.layer]
        if sender.stage is Stage.HEAD:
            return corrupted.head_outputs([sender.head])[0] - clean.head_outputs([sender.head])[0]
        assert clean.mlp_output is not None and corrupted.mlp_output is not None
        return corrupted.mlp_output - clean.mlp_output


@torch.no_grad()
def run_passes(model: Model, tokens: TokenBatch) -> Passes:
    """Run a batch clean and corrupted."""
    clean, corrupted = (tuple(layers(model.weights, ids)) for ids in (tokens.clean, tokens.corrupted))
    return Passes(model, tokens, clean, corrupted)


@dataclass(frozen=True)
class Override:
    """What receivers read in place of what reaches them, at some positions: moves from the clean run."""

    given: Mapping[Receiver, Tensor] = field(default_factory=dict)  # each [candidate, prompt, pos, d_model]
    at: Mapping[Receiver, Tensor] = field(default_factory=dict)  # each [prompt, pos]: where

    def __call__(self, receiver: Receiver, moved: Tensor) -> Tensor:
        """What the receiver reads when `moved` reaches it."""
        if receiver not in self.given:
            return moved
        return torch.where(self.at[receiver][..., None], self.given[receiver], moved)

    @property
    def first_layer(self) -> int:
        """The first layer in which anything reads something else."""
        return min(receiver.layer for receiver in self.given)


NOTHING = Override()


@torch.no_grad()
def walk(
    passes: Passes,
    senders: Sequence[Place],
    effect: Effect,
    first: int,
    wanted: Sequence[Receiver],
    override: Override = NOTHING,
) -> dict[Receiver, Tensor]:
    """What every wanted receiver reads, as a move `[candidate, prompt, pos, d_model]`, positions from `first` on.

    Candidate i has the corrupted output of `senders[i]` at its span, in topological order; what follows is recomputed
    as far as `effect` says. With an `override` there are as many candidates as it has, and no senders.
    """
    graph, clean = passes.model.graph, passes.clean
    numbers = [graph.index[sender.node] for sender in senders]
    n = len(senders) or len(next(iter(override.given.values())))
    moved = torch.zeros_like(clean[0].before[:, first:]).repeat(n, 1, 1, 1)
    reads: dict[Receiver, Tensor] = {}

    def live(receiver: Receiver) -> int:
        """The first so many candidates have moved what a receiver reads."""
        if not senders:
            return n if receiver.layer >= override.first_layer else 0
        return bisect_left(numbers, graph.n_senders_before(receiver))

    def write(stage: Stage, layer: int) -> None:
        for candidate, sender in enumerate(senders):
            if (sender.node.stage, sender.node.layer) == (stage, layer):
                moved[candidate] += passes.move_of(sender)[:, first:]

    def note(stage: Stage, layer: int, move: Tensor) -> None:
        reads.update({r: move.clone() for r in wanted if (r.stage, r.layer) == (stage, layer)})

    write(Stage.EMBED, EMBED.layer)
    for layer, block in enumerate(passes.model.weights.blocks):
        # In a parallel block the MLP does not read its own layer's heads; in others it does: it is the same tensor.
        read_by_mlp = moved.clone() if block.parallel else moved
        note(Stage.HEAD, layer, moved)
        if effect is Effect.TOTAL and (n_live := live(Receiver(layer, Stage.HEAD))):
            moved[:n_live] += _attention_move(passes, layer, moved[:n_live], first, override)
        write(Stage.HEAD, layer)
        if block.mlp is None:
            continue
        note(Stage.MLP, layer, read_by_mlp)
        if effect is not Effect.EDGE and (n_live := live(Receiver(layer, Stage.MLP))):
            moved[:n_live] += _mlp_move(passes, layer, read_by_mlp[:n_live], first, override)
        write(Stage.MLP, layer)
    note(Stage.LOGITS, LOGITS.layer, override(LOGITS, moved))
    return reads


def _mlp_move(passes: Passes, number: int, moved: Tensor, first: int, override: Override) -> Tensor:
    """How an MLP's output moves when what it reads does: both `[candidate, prompt, pos, d_model]`."""
    layer, block = passes.clean[number], passes.model.weights.blocks[number]
    assert block.mlp is not None and block.mlp_norm is not None
    assert layer.mlp_input is not None and layer.mlp_output is not None
    read = layer.mlp_input[:, first:] + override(Receiver(number, Stage.MLP), moved)
    return block.mlp(block.mlp_norm(read)) - layer.mlp_output[:, first:]


def _attention_move(passes: Passes, number: int, moved: Tensor, first: int, override: Override) -> Tensor:
    """How the sum of a layer's heads moves when what they read does."""
    layer, block = passes.clean[number], passes.model.weights.blocks[number]
    attention = block.attention.at(slice(first, layer.k.shape[2]))

    def project(projection: Projection, port: Port) -> Tensor:
        """`[head, candidate, prompt, pos, d_head]`."""
        out = _project(projection, block, layer.before[:, first:] + moved)
        for receiver in override.given:
            if (receiver.layer, receiver.stage, receiver.port) == (number, Stage.HEAD, port):
                own = projection.select(torch.tensor([receiver.head], device=moved.device))
                out[receiver.head] = _project(own, block, layer.before[:, first:] + override(receiver, moved))[0]
        return out

    def with_earlier(new: Tensor, clean: Tensor) -> Tensor:
        """Keys or values at all positions: those before `first` are clean."""
        earlier = clean[:, None, :, :first].expand(-1, new.shape[1], -1, -1, -1)
        return torch.cat((earlier, new), dim=3)

    q = project(attention.query, Port.Q)
    k = with_earlier(project(attention.key, Port.K), layer.k)
    v = with_earlier(project(attention.value, Port.V), layer.v)
    share = attention.share(None if layer.post_scale is None else layer.post_scale[:, first:])
    return attention.total(attention.attend(q, k, v) - layer.z[:, None, :, first:], share)


def _project(projection: Projection, block: Block, x: Tensor) -> Tensor:
    """`x` `[candidate, prompt, pos, d_model]`, before the norm; gives `[head, candidate, prompt, pos, d_head]`."""
    out = projection.shared(block.attention_norm(x).flatten(0, 1))
    return out.view(out.shape[0], *x.shape[:3], out.shape[-1])
