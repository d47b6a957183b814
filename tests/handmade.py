"""The hand-built IOI transformer of `acdc_custom.known.ioi`, as tests use it: shuffled, and with a cast of words."""

from __future__ import annotations

import dataclasses

import torch
from tiny import TinyPrompt
from torch import Tensor

from acdc_custom.graph import Graph, GraphShape
from acdc_custom.heads.words import PromptWords, find_cast
from acdc_custom.known import ioi
from acdc_custom.known.ioi import NAMES
from acdc_custom.known.model import model_of
from acdc_custom.model.attention import Projection
from acdc_custom.model.model import Model
from acdc_custom.model.weights import Block, Weights

__all__ = ["NAMES", "handmade_model", "handmade_weights", "ioi_prompts", "shuffled"]

PREVIOUS, DUPLICATE, INDUCTION, INHIBITION, MOVER, NEGATIVE = "a0.h0", "a0.h1", "a1.h0", "a1.h1", "a2.h0", "a2.h1"


def handmade_weights() -> Weights:
    return ioi.weights_of(ioi.handmade_heads())


def handmade_model(weights: Weights | None = None) -> Model:
    """The model; with other weights of the same shape if they are given."""
    return model_of("handmade", weights or handmade_weights(), Graph(GraphShape(3, 3, 3, has_mlp=False)))


def shuffled(weights: Weights, seed: int) -> Weights:
    """The same numbers, each matrix of each layer in another order: what a head did is gone, its sizes are not."""
    generator = torch.Generator().manual_seed(seed)

    def mix(x: Tensor) -> Tensor:
        return x.flatten()[torch.randperm(x.numel(), generator=generator)].view_as(x)

    def mixed(block: Block) -> Block:
        a = block.attention
        projections = {name: Projection(mix(getattr(a, name).weight), None) for name in ("query", "key", "value")}
        return dataclasses.replace(block, attention=dataclasses.replace(a, out=mix(a.out), **projections))

    return dataclasses.replace(weights, blocks=tuple(mixed(block) for block in weights.blocks))


def ioi_prompts(n: int, seed: int = 0) -> list[TinyPrompt]:
    """The model's prompts, as the tests' other helpers take them."""
    return [TinyPrompt(**vars(prompt)) for prompt in ioi.ioi_prompts(n, seed)]


class Numbers:
    """A vocabulary whose words are numbers."""

    def word(self, token: int) -> str:
        return str(token)

    def continuing(self, token: int) -> int:
        return token


def cast(prompts: list[TinyPrompt], names: tuple[str, ...] = ("IO", "S1", "S2")) -> PromptWords:
    return find_cast(prompts, names, Numbers())
