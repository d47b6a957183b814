"""What one neuron's weights say: the words that it reads and writes; and whether some words belong together.

Owns the comparison of a neuron with every token: its input weights (the gate's, where there is one) with the token's
embedding as the norm before the MLP passes it, its output weights with the token's unembedding (times the final norm's
gain), both as cosines. And the question whether the words at which a neuron fires are more alike than words of the same
texts that were drawn at random; the test itself is `congruence.py`'s.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from acdc_custom.analyses.congruence import PERMUTATIONS, congruence
from acdc_custom.analyses.neuron_names import Neuron
from acdc_custom.analyses.neuron_records import Likeness, NeuronWeights, TokenCosine
from acdc_custom.analyses.words import FEWEST, POOL, WordSet
from acdc_custom.choices import Similarity, TokenPlace
from acdc_custom.heads.words import TokenizerVocabulary
from acdc_custom.model.model import Model
from acdc_custom.task.tokens import token_text

SHOWN = 10  # tokens of each list
COMPARED = 10  # words whose likeness is tested, at most
AT_ONCE = 4096  # tokens


@torch.no_grad()
def neuron_weights(model: Model, neuron: Neuron, n: int = SHOWN) -> NeuronWeights:
    """What a neuron reads and writes, by its weights alone."""
    weights = model.weights
    block = weights.blocks[neuron.layer]
    mlp, norm = block.mlp, block.mlp_norm
    assert mlp is not None and norm is not None
    reading = (mlp.weight_in if mlp.weight_gate is None else mlp.weight_gate)[:, neuron.number]  # [d_model]
    writing = mlp.weight_out[neuron.number]  # [d_model]
    if mlp.post_norm is not None:
        writing = writing * mlp.post_norm.weight
    reads = _cosines(reading, weights.token_embedding, norm)
    writes = _cosines(writing, weights.unembedding, lambda rows: rows * weights.final_norm.weight)
    named = _texts(model.tokenizer, min(len(reads), len(writes)))
    return NeuronWeights(_most(named, reads, n), _most(named, writes, n), _most(named, -writes, n, sign=-1))


def _cosines(neuron: Tensor, rows: Tensor, seen: Any) -> Tensor:
    """`[vocab]`: of the neuron's direction with each of `rows` `[vocab, d_model]` as it is seen."""
    parts = (rows[start : start + AT_ONCE] for start in range(0, len(rows), AT_ONCE))
    return torch.cat([torch.cosine_similarity(neuron[None], seen(some), dim=-1) for some in parts]).cpu()


def _texts(tokenizer: Any, n: int) -> dict[int, str]:
    """The tokens that are text: not special ones, nor those that nothing is written with."""
    special = set(getattr(tokenizer, "all_special_ids", ()))
    texts = ((token, token_text(tokenizer, token)) for token in range(n) if token not in special)
    return {token: text for token, text in texts if any(sign.isalnum() for sign in text)}


def _most(named: dict[int, str], cosines: Tensor, n: int, sign: int = 1) -> tuple[TokenCosine, ...]:
    order = cosines.argsort(descending=True, stable=True).tolist()
    first = [token for token in order if token in named][:n]
    return tuple(TokenCosine(named[token], sign * float(cosines[token])) for token in first)


def likeness(model: Model, tokens: Sequence[int], seen: Sequence[int], seed: int = 0) -> Likeness | None:
    """Whether the first whole words among `tokens` are alike by the model's own embeddings; None with fewer than three.

    `seen` are all tokens of the texts: words are drawn from them, so that what is rare in texts counts for nothing.
    """
    vocabulary = TokenizerVocabulary(model.tokenizer)

    def is_word(token: int) -> bool:
        return vocabulary.word(token).isalpha() and vocabulary.continuing(token) == token

    own = [token for token in dict.fromkeys(tokens) if is_word(token)][:COMPARED]
    if len(own) < FEWEST:
        return None
    others = sorted(set(seen) - set(own))
    random.Random(seed).shuffle(others)
    pool: list[int] = []
    for token in others:
        if len(pool) == POOL:
            break
        if is_word(token):
            pool.append(token)
    words = tuple(vocabulary.word(token) for token in own)
    chosen = WordSet("its words", words, tuple(own), ())
    found = congruence(model, chosen, TokenPlace.EMBEDDING, Similarity.COSINE, seed=seed, pool=pool)
    smallest = max(1 / (1 + PERMUTATIONS), 1 / math.comb(len(own) + len(pool), len(own)))
    return Likeness(
        words,
        found.mean,
        float(found.random_means.mean()),
        max(found.p_value, smallest),
        smallest,
        PERMUTATIONS,
        len(pool),
    )
