"""A transformer whose heads are known, since their weights are written down here: IOI in three layers of attention.

The residual stream is cut into named parts. In `TOKEN` and `PLACE` stand the token and its position, one number each;
the other parts hold words, one number per word of the vocabulary, and are what heads write:

    a0.h0  previous token      place p attends to place p - 1                       TOKEN -> PREVIOUS
    a0.h1  duplicate token     a token attends to its like before it                TOKEN -> REPEATED
    a1.h0  induction           a token attends to what followed its like            TOKEN -> FOLLOWER
    a1.h1  S-inhibition        "to" attends to a name in REPEATED                   REPEATED -> INHIBITED
    a2.h0  name mover          "to" attends to names that are not INHIBITED         TOKEN -> OUT
    a2.h1  negative mover      the same, and writes the opposite, less of it        TOKEN -> -OUT

The third head of each layer writes nothing. Where a head finds nothing it attends to the first token, which moves
nothing. There are no norms: everything can be followed on paper.
"""

from __future__ import annotations

import dataclasses
import random
from dataclasses import dataclass

import torch
from tiny import TinyPrompt, tiny_gpt2
from torch import Tensor

from acdc_custom.graph import Graph, GraphShape
from acdc_custom.heads.words import Cast, find_cast
from acdc_custom.model.model import Model
from acdc_custom.model.weights import Attention, Block, Norm, NormKind, Projection, Weights

NAMES = tuple(range(3, 33))
START, TO, AND, THEN, GAVE = 0, 1, 2, 33, 34
N_WORDS, N_PLACES = 40, 32
PARTS = ("TOKEN", "PREVIOUS", "REPEATED", "FOLLOWER", "INHIBITED", "OUT", "PLACE")
WIDTH = {part: N_PLACES if part == "PLACE" else N_WORDS for part in PARTS}
D_MODEL, D_HEAD = sum(WIDTH.values()), N_WORDS + N_PLACES
SHARP = 20.0  # scores: softmax leaves next to nothing for what scores this much less

PREVIOUS, DUPLICATE, INDUCTION, INHIBITION, MOVER, NEGATIVE = "a0.h0", "a0.h1", "a1.h0", "a1.h1", "a2.h0", "a2.h1"


def part(name: str) -> slice:
    start = sum(WIDTH[p] for p in PARTS[: PARTS.index(name)])
    return slice(start, start + WIDTH[name])


WORDS, PLACES = slice(0, N_WORDS), slice(N_WORDS, D_HEAD)


@dataclass
class Head:
    """Matrices to fill in: queries and keys in two parts, one number per word and one per place."""

    query: Tensor = dataclasses.field(default_factory=lambda: torch.zeros(D_MODEL, D_HEAD, dtype=torch.float64))
    key: Tensor = dataclasses.field(default_factory=lambda: torch.zeros(D_MODEL, D_HEAD, dtype=torch.float64))
    value: Tensor = dataclasses.field(default_factory=lambda: torch.zeros(D_MODEL, D_HEAD, dtype=torch.float64))
    out: Tensor = dataclasses.field(default_factory=lambda: torch.zeros(D_HEAD, D_MODEL, dtype=torch.float64))

    def rests_on_start(self, score: float) -> None:
        """Every query gives the first token this score, by its place."""
        self.query[part("TOKEN"), PLACES.start] += score
        self.key[part("PLACE").start, PLACES.start] = 1

    def moves(self, source: str, target: str, strength: float = 1.0) -> None:
        """Copies every word but the first token from one part to another."""
        for word in range(1, N_WORDS):
            self.value[part(source).start + word, word] = 1
            self.out[word, part(target).start + word] = strength


def handmade_weights() -> Weights:
    words, eye = part("TOKEN"), torch.eye(N_WORDS, dtype=torch.float64)
    previous, duplicate, induction, inhibition, mover, negative = (Head() for _ in range(6))
    for place in range(1, N_PLACES):
        previous.query[part("PLACE").start + place, N_WORDS + place - 1] = SHARP
        previous.key[part("PLACE").start + place - 1, N_WORDS + place - 1] = 1
    previous.moves("TOKEN", "PREVIOUS")

    duplicate.query[words, WORDS] = SHARP * eye
    duplicate.key[words, WORDS] = eye
    for place in range(1, N_PLACES):  # not itself
        duplicate.query[part("PLACE").start + place, N_WORDS + place] = -SHARP
        duplicate.key[part("PLACE").start + place, N_WORDS + place] = 1
    duplicate.rests_on_start(SHARP / 2)
    duplicate.moves("TOKEN", "REPEATED")

    induction.query[words, WORDS] = SHARP * eye
    induction.key[part("PREVIOUS"), WORDS] = eye
    induction.rests_on_start(SHARP / 2)
    induction.moves("TOKEN", "FOLLOWER")

    inhibition.query[words.start + TO, WORDS] = SHARP
    for name in NAMES:
        inhibition.key[part("REPEATED").start + name, name] = 1
    inhibition.rests_on_start(SHARP / 2)
    inhibition.moves("REPEATED", "INHIBITED")

    for head, strength in ((mover, 5.0), (negative, -1.0)):
        for name in NAMES:
            head.query[words.start + TO, name] = SHARP
            head.query[part("INHIBITED").start + name, name] = -SHARP
            head.key[words.start + name, name] = 1
        head.rests_on_start(SHARP / 2)
        head.moves("TOKEN", "OUT", strength)

    embedding = torch.zeros(N_WORDS, D_MODEL, dtype=torch.float64)
    embedding[:, words] = eye
    positions = torch.zeros(N_PLACES, D_MODEL, dtype=torch.float64)
    positions[:, part("PLACE")] = torch.eye(N_PLACES, dtype=torch.float64)
    unembedding = torch.zeros(N_WORDS, D_MODEL, dtype=torch.float64)
    unembedding[:, part("OUT")] = eye
    norm = Norm(NormKind.NONE, torch.ones(D_MODEL, dtype=torch.float64), None, 0.0)
    layers = [[previous, duplicate, Head()], [induction, inhibition, Head()], [mover, negative, Head()]]
    return Weights(
        token_embedding=embedding,
        position_embedding=positions,
        rotary=None,
        blocks=tuple(Block(norm, attention(heads), None, None) for heads in layers),
        final_norm=norm,
        unembedding=unembedding,
        unembedding_bias=None,
    )


def attention(heads: list[Head]) -> Attention:
    query, key, value, out = (torch.stack([getattr(h, n) for h in heads]) for n in ("query", "key", "value", "out"))
    return Attention(Projection(query, None), Projection(key, None), Projection(value, None), out, None, scale=1.0)


def handmade_model(weights: Weights | None = None) -> Model:
    """The model; with other weights of the same shape if they are given."""
    return dataclasses.replace(
        tiny_gpt2(0),
        weights=weights or handmade_weights(),
        graph=Graph(GraphShape(3, 3, 3, has_mlp=False)),
        max_positions=N_PLACES,
        tokenizer=None,
    )


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
    """`A and B then B gave to` -> A, half of them with A and B changed about; corrupted: three other names."""
    rng = random.Random(seed)
    prompts = []
    for number in range(n):
        io, s, *others = rng.sample(NAMES, 5)
        first, second = (io, s) if number % 2 else (s, io)
        clean = (START, first, AND, second, THEN, s, GAVE, TO)
        corrupted = (START, others[0], AND, others[1], THEN, others[2], GAVE, TO)
        positions = {"IO": clean.index(io), "S1": clean.index(s), "S2": 5, "END": 7}
        prompts.append(TinyPrompt(clean, corrupted, (io,), (s,), number % 2, positions))
    return prompts


class Numbers:
    """A vocabulary whose words are numbers."""

    def word(self, token: int) -> str:
        return str(token)

    def continuing(self, token: int) -> int:
        return token


def cast(prompts: list[TinyPrompt], names: tuple[str, ...] = ("IO", "S1", "S2")) -> Cast:
    return find_cast(prompts, names, Numbers())
