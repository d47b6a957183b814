"""A transformer whose heads are known, since its weights are written down here: IOI in three layers of attention.

The residual stream is cut into named parts. In `TOKEN` and `PLACE` stand the token and its position, one number each;
the other parts hold words, one number per word of the vocabulary, and are what heads write:

    a0.h0  previous token      place p attends to place p - 1                       TOKEN -> PREVIOUS
    a0.h1  duplicate token     a token attends to its like before it                TOKEN -> REPEATED
    a1.h0  induction           a token attends to what followed its like            TOKEN -> FOLLOWER
    a1.h1  S-inhibition        "to" attends to a name in REPEATED                   REPEATED -> INHIBITED
    a2.h0  name mover          "to" attends to names that are not INHIBITED         TOKEN -> OUT
    a2.h1  negative mover      the same, and writes the opposite, less of it        TOKEN -> -OUT

The third head of each layer writes nothing, and nobody reads what the induction head writes. Where a head finds nothing
it attends to the first token, which moves nothing. There are no norms: everything can be followed on paper.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

import torch
from torch import Tensor

from acdc_custom.choices import Metric
from acdc_custom.graph import EMBED, LOGITS, Graph, GraphShape, Port, Receiver, Sender, Stage
from acdc_custom.known.model import KnownModel, KnownPrompt, model_of
from acdc_custom.known.wiring import Parts, lay_wires
from acdc_custom.model.attention import Attention, Projection
from acdc_custom.model.norm import Norm, NormKind
from acdc_custom.model.weights import Block, Weights

NAMES = tuple(range(3, 33))
START, TO, AND, THEN, GAVE = 0, 1, 2, 33, 34
N_WORDS, N_PLACES = 40, 32
PARTS = Parts(
    dict.fromkeys(("TOKEN", "PREVIOUS", "REPEATED", "FOLLOWER", "INHIBITED", "OUT"), N_WORDS) | {"PLACE": N_PLACES}
)
D_HEAD = N_WORDS + N_PLACES
WORDS = slice(0, N_WORDS)  # of a head's own numbers; the others are one per place
SHARP = 20.0  # scores: softmax leaves next to nothing for what scores this much less


class Head:
    """Matrices to fill in: queries and keys in two parts, one number per word and one per place.

    Notes which parts of the residual stream each input reads, and which the head writes.
    """

    def __init__(self) -> None:
        self.inputs = {port: _zeros(PARTS.d_model, D_HEAD) for port in (Port.Q, Port.K, Port.V)}
        self.out = _zeros(D_HEAD, PARTS.d_model)
        self.reads: set[tuple[Port, str]] = set()
        self.writes: set[str] = set()

    def reading(self, port: Port, part: str) -> Tensor:
        """The rows of a matrix that read a part, to be filled in."""
        self.reads.add((port, part))
        return self.inputs[port][PARTS[part]]

    def rests_on_start(self, score: float) -> None:
        """Every query gives the first token this score, by its place."""
        self.reading(Port.Q, "TOKEN")[:, N_WORDS] += score
        self.reading(Port.K, "PLACE")[0, N_WORDS] = 1

    def moves(self, source: str, target: str, strength: float = 1.0) -> None:
        """Copies every word but the first token from one part to another."""
        self.writes.add(target)
        every = range(1, N_WORDS)
        self.reading(Port.V, source)[every, every] = 1
        self.out[every, range(PARTS[target].start + 1, PARTS[target].stop)] = strength


def handmade_heads() -> list[list[Head]]:
    """The heads of each layer."""
    previous, duplicate, induction, inhibition, mover, negative = (Head() for _ in range(6))
    eye = torch.eye(N_WORDS, dtype=torch.float64)
    for place in range(1, N_PLACES):
        previous.reading(Port.Q, "PLACE")[place, N_WORDS + place - 1] = SHARP
        previous.reading(Port.K, "PLACE")[place - 1, N_WORDS + place - 1] = 1
    previous.moves("TOKEN", "PREVIOUS")

    duplicate.reading(Port.Q, "TOKEN")[:, WORDS] = SHARP * eye
    duplicate.reading(Port.K, "TOKEN")[:, WORDS] = eye
    for place in range(1, N_PLACES):  # not itself
        duplicate.reading(Port.Q, "PLACE")[place, N_WORDS + place] = -SHARP
        duplicate.reading(Port.K, "PLACE")[place, N_WORDS + place] = 1
    duplicate.rests_on_start(SHARP / 2)
    duplicate.moves("TOKEN", "REPEATED")

    induction.reading(Port.Q, "TOKEN")[:, WORDS] = SHARP * eye
    induction.reading(Port.K, "PREVIOUS")[:, WORDS] = eye
    induction.rests_on_start(SHARP / 2)
    induction.moves("TOKEN", "FOLLOWER")

    inhibition.reading(Port.Q, "TOKEN")[TO, WORDS] = SHARP
    for name in NAMES:
        inhibition.reading(Port.K, "REPEATED")[name, name] = 1
    inhibition.rests_on_start(SHARP / 2)
    inhibition.moves("REPEATED", "INHIBITED")

    for head, strength in ((mover, 5.0), (negative, -1.0)):
        for name in NAMES:
            head.reading(Port.Q, "TOKEN")[TO, name] = SHARP
            head.reading(Port.Q, "INHIBITED")[name, name] = -SHARP
            head.reading(Port.K, "TOKEN")[name, name] = 1
        head.rests_on_start(SHARP / 2)
        head.moves("TOKEN", "OUT", strength)
    return [[previous, duplicate, Head()], [induction, inhibition, Head()], [mover, negative, Head()]]


def weights_of(layers: list[list[Head]]) -> Weights:
    """The transformer that these heads make up."""
    embedding, unembedding = (_zeros(N_WORDS, PARTS.d_model) for _ in range(2))
    embedding[:, PARTS["TOKEN"]] = torch.eye(N_WORDS, dtype=torch.float64)
    unembedding[:, PARTS["OUT"]] = torch.eye(N_WORDS, dtype=torch.float64)
    positions = _zeros(N_PLACES, PARTS.d_model)
    positions[:, PARTS["PLACE"]] = torch.eye(N_PLACES, dtype=torch.float64)
    norm = Norm(NormKind.NONE, torch.ones(PARTS.d_model, dtype=torch.float64), None, 0.0)
    return Weights(
        token_embedding=embedding,
        position_embedding=positions,
        blocks=tuple(Block(norm, _attention(heads), None, None) for heads in layers),
        final_norm=norm,
        unembedding=unembedding,
        unembedding_bias=None,
    )


def _attention(heads: list[Head]) -> Attention:
    query, key, value = (
        Projection(torch.stack([head.inputs[port] for head in heads]), None) for port in (Port.Q, Port.K, Port.V)
    )
    return Attention(query, key, value, torch.stack([head.out for head in heads]), None, scale=1.0)


def known_ioi(n: int, seed: int) -> KnownModel:
    """The model, with `n` prompts."""
    layers = handmade_heads()
    graph = Graph(GraphShape(3, 3, 3, has_mlp=False))
    return KnownModel(
        name="ioi",
        about="names the indirect object: A and B then B gave to -> A",
        model=model_of("ioi", weights_of(layers), graph),
        wires=lay_wires(graph, _writes(layers), _reads(layers)),
        prompts=tuple(ioi_prompts(n, seed)),
        metric=Metric.KL,
    )


def _writes(layers: list[list[Head]]) -> Iterator[tuple[Sender, str]]:
    yield from ((EMBED, "TOKEN"), (EMBED, "PLACE"))
    for layer, heads in enumerate(layers):
        for number, head in enumerate(heads):
            yield from ((Sender(layer, Stage.HEAD, number), part) for part in head.writes)


def _reads(layers: list[list[Head]]) -> Iterator[tuple[Receiver, str]]:
    yield LOGITS, "OUT"
    for layer, heads in enumerate(layers):
        for number, head in enumerate(heads):
            yield from ((Receiver(layer, Stage.HEAD, port, number), part) for port, part in head.reads)


def ioi_prompts(n: int, seed: int = 0) -> list[KnownPrompt]:
    """`A and B then B gave to` -> A, half of them with A and B changed about; corrupted: three other names."""
    rng = random.Random(seed)
    prompts = []
    for number in range(n):
        io, s, *others = rng.sample(NAMES, 5)
        first, second = (io, s) if number % 2 else (s, io)
        clean = (START, first, AND, second, THEN, s, GAVE, TO)
        corrupted = (START, others[0], AND, others[1], THEN, others[2], GAVE, TO)
        positions = {"IO": clean.index(io), "S1": clean.index(s), "S2": 5, "END": 7}
        prompts.append(KnownPrompt(clean, corrupted, (io,), (s,), number % 2, positions))
    return prompts


def _zeros(*shape: int) -> Tensor:
    return torch.zeros(*shape, dtype=torch.float64)
