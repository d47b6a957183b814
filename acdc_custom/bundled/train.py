"""Train the bundled demonstration model: `python -m acdc_custom.bundled.train --out DIR`.

Owns the tokenizer, the architecture and the training loop. The texts come from `corpus`, the model card from `card`.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from torch import Tensor
from torch.nn.functional import cross_entropy, gelu, layer_norm, scaled_dot_product_attention
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

from acdc_custom.bundled.card import TRAINING, write_card
from acdc_custom.bundled.corpus import beginning, marked, shares, vocabulary, write
from acdc_custom.bundled.muon import Muon

END_OF_TEXT = "<|endoftext|>"  # begins, ends and pads
UNKNOWN = "<unk>"
RATE, MUON_RATE = 2e-3, 0.02  # of AdamW, for embeddings, norms and biases; of Muon, for the other matrices
WEIGHT_DECAY, MUON_DECAY = 0.01, 0.05
WARM_UP = 50  # steps
N_POSITIONS = 64
WAVES = 12  # of the positions, with periods from 2.5 to 217 tokens
WAVE = 0.2  # their size at first; that of a number of a word's embedding is 0.05
SHARPNESS = 1.5  # of the queries and keys with which one head begins to attend to the token before
COPYING = 0.7  # what heads of the later layers write at first: so much of what they attend to
COPYING_FROM = 2  # the first of these layers
HIDDEN = 0.9  # share of the texts in which later values do not see what the head of the token before wrote
BESIDE = 0.1  # weight in the loss of a token that is no answer; an answer has 1
SHIFTED = 0.9  # share of the batches that do not begin at position 0
POOL = 8  # batches that are written at once, and sorted by length
MEMORY = 0.95  # of the share of right answers: what came before counts so much less with each step


@dataclass(frozen=True)
class Recipe:
    """What a model is made with: its shape, and its training."""

    layers: int = 4
    heads: int = 8
    width: int = 128
    inner: int = 128  # of the MLPs
    steps: int = 2_304
    decay: int = 400  # steps in which the learning rate falls to nothing, the last ones
    batch: int = 128  # texts a step
    seed: int = 0


def build_tokenizer() -> PreTrainedTokenizerFast:
    """One token per word; "Alice" and " Alice" are the same one; nothing is added to a text."""
    words = (END_OF_TEXT, UNKNOWN, *vocabulary())
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token=UNKNOWN))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=END_OF_TEXT,
        eos_token=END_OF_TEXT,
        pad_token=END_OF_TEXT,
        unk_token=UNKNOWN,
        model_max_length=N_POSITIONS,
    )


def build_model(vocab_size: int, recipe: Recipe) -> GPT2LMHeadModel:
    """GPT-2's architecture, small, with random weights from torch's seed, but for what lets heads form early.

    The learned positions begin as waves; head 0 of layer 0 begins with queries and keys that read "the token before" of
    them; and heads of the later layers begin by copying what they attend to (both in the manner of Trockman and Kolter
    2023, Mimetic initialization, arXiv 2305.09828). Training may change all of it.
    """
    model = GPT2LMHeadModel(
        GPT2Config(
            vocab_size=vocab_size,
            n_positions=N_POSITIONS,
            n_embd=recipe.width,
            n_layer=recipe.layers,
            n_head=recipe.heads,
            n_inner=recipe.inner,
            resid_pdrop=0.0,
            embd_pdrop=0.0,
            attn_pdrop=0.0,
            initializer_range=0.05,
            bos_token_id=0,
            eos_token_id=0,
            pad_token_id=0,
        )
    )
    with torch.no_grad():
        angles = torch.arange(N_POSITIONS)[:, None] * torch.tensor([*map(wave_number, range(WAVES))])  # [pos, wave]
        waves = torch.cat((angles.sin(), angles.cos()), dim=1)
        model.transformer.wpe.weight.zero_()
        model.transformer.wpe.weight[:, : 2 * WAVES] = WAVE * waves
        for block in model.transformer.h:
            for output in (block.attn.c_proj.weight, block.mlp.c_proj.weight):
                output.mul_(0.5)
        query, key = token_before(recipe.width, recipe.width // recipe.heads)
        first = model.transformer.h[0].attn.c_attn.weight  # [d_model, query, key and value of all heads]
        first[:, : query.shape[1]] = SHARPNESS * query
        first[:, recipe.width : recipe.width + key.shape[1]] = SHARPNESS * key
        for block in model.transformer.h[COPYING_FROM:]:
            turned, _ = torch.linalg.qr(torch.randn(recipe.width, recipe.width))
            block.attn.c_attn.weight[:, 2 * recipe.width :] = COPYING**0.5 * turned
            block.attn.c_proj.weight.copy_(COPYING**0.5 * turned.mT)
    return model


def token_before(width: int, d_head: int) -> tuple[Tensor, Tensor]:
    """A query and a key, `[width, d_head]` each, that agree best where the key's position is the query's less one.

    Both read the waves; the query turns each by one position. As many waves are read as a head has room for.
    """
    query, key = torch.zeros(width, d_head), torch.zeros(width, d_head)
    n = min(WAVES, d_head // 2)
    for wave in range(n):
        turn = torch.tensor(wave_number(wave))
        key[wave, wave] = key[WAVES + wave, n + wave] = 1
        query[wave, wave] = query[WAVES + wave, n + wave] = turn.cos()
        query[WAVES + wave, wave], query[wave, n + wave] = -turn.sin(), turn.sin()
    return query, key


def wave_number(wave: int) -> float:
    """Radians per position."""
    return float(2.5 * (2 / 3) ** wave)


def learning_rate(step: int, recipe: Recipe) -> float:
    """At a step, counted from 0, as a part of the whole rate: up, level, and down."""
    return min(1.0, (step + 1) / WARM_UP, (recipe.steps - step) / recipe.decay)


class Progress:
    """How many answers of each kind of text have been right of late, and which kinds have begun."""

    def __init__(self) -> None:
        self.counts: dict[str, tuple[float, float]] = {}  # right answers and answers, those long ago counting less
        self.begun = beginning({})

    @property
    def right(self) -> dict[str, float]:
        """The share of answers that are right, by kind; of a kind that was hardly seen, 0."""
        return {kind: right / n if n > 100 else 0.0 for kind, (right, n) in self.counts.items()}

    def add(self, kinds: Sequence[str], right: Tensor, answers: Tensor) -> None:
        """One batch; both tensors are `[text]`, and count."""
        now: dict[str, tuple[float, float]] = {}
        for kind, r, n in zip(kinds, right.tolist(), answers.tolist(), strict=True):
            before = now.get(kind, (0.0, 0.0))
            now[kind] = (before[0] + r, before[1] + n)
        for kind, (r, n) in now.items():
            old = self.counts.get(kind, (0.0, 0.0))
            self.counts[kind] = (MEMORY * old[0] + r, MEMORY * old[1] + n)
        self.begun |= beginning(self.right)

    def __str__(self) -> str:
        return ", ".join(f"{kind} {right:.1%}" for kind, right in sorted(self.right.items()))


@dataclass(frozen=True)
class Batch:
    """Texts of about one length, filled up on the right."""

    kinds: tuple[str, ...]
    ids: Tensor  # [text, pos]
    weights: Tensor  # [text, pos]: of predicting this token; 0 where it is no part of the text
    start: int  # the position of the first token: so no word can be found by its position alone


def batches(words: dict[str, int], rng: random.Random, progress: Progress, recipe: Recipe) -> Iterator[Batch]:
    """Batches without end. Half of the texts begin with an end of text, and all end with one."""
    end = (words[END_OF_TEXT], BESIDE)
    while True:
        part = shares(progress.right, progress.begun)
        kinds = rng.choices(list(part), list(part.values()), k=POOL * recipe.batch)
        rows: list[tuple[str, list[tuple[int, float]]]] = []
        for kind in kinds:
            said = [(words[word], 1.0 if answer else BESIDE) for word, answer in marked(write(kind, rng))]
            rows.append((kind, [*([end] * rng.randint(0, 1)), *said, end][:N_POSITIONS]))
        rows.sort(key=lambda row: len(row[1]))
        starts = rng.sample(range(0, len(rows), recipe.batch), POOL)
        for batch in (rows[start : start + recipe.batch] for start in starts):
            width = len(batch[-1][1])
            filled = torch.tensor([row + [(0, 0.0)] * (width - len(row)) for _, row in batch], dtype=torch.float64)
            start = rng.randint(0, N_POSITIONS - width) if rng.random() < SHIFTED else 0
            yield Batch(tuple(kind for kind, _ in batch), filled[..., 0].long(), filled[..., 1].float(), start)


def logits_of(model: GPT2LMHeadModel, ids: Tensor, start: int = 0, hidden: float = 0.0) -> Tensor:
    """The model's logits `[text, pos, vocab]`, when texts begin at this position: as its own, in half the time.

    In a share `hidden` of the texts, the values of later heads do not see what head 0 of layer 0 writes. That is the
    head of the token before: it writes each word into the token after it, and a model that may copy words from there
    has no use for heads that copy a name from where it stands.
    """
    body, width = model.transformer, model.config.n_embd
    x = body.wte(ids) + body.wpe.weight[start : start + ids.shape[1]]  # [text, pos, d_model]
    unseen: Tensor | None = None  # [text, pos, d_model]
    for block in body.h:
        weight, bias = block.attn.c_attn.weight, block.attn.c_attn.bias
        normed = seen = layer_norm(x, x.shape[-1:], block.ln_1.weight, block.ln_1.bias, block.ln_1.eps)
        if unseen is not None:
            seen = layer_norm(x - unseen, x.shape[-1:], block.ln_1.weight, block.ln_1.bias, block.ln_1.eps)
        read = normed @ weight[:, : 2 * width] + bias[: 2 * width]
        parts = (*read.chunk(2, dim=-1), seen @ weight[:, 2 * width :] + bias[2 * width :])
        q, k, v = (part.unflatten(-1, (model.config.n_head, -1)).transpose(1, 2) for part in parts)
        mixed = scaled_dot_product_attention(q, k, v, is_causal=True)  # [text, head, pos, d_head]
        if hidden and unseen is None:
            written = mixed[:, 0] @ block.attn.c_proj.weight[: mixed.shape[-1]]
            unseen = (torch.rand(len(ids), 1, 1) < hidden) * written
        x = x + block.attn.c_proj(mixed.transpose(1, 2).flatten(2))
        normed = layer_norm(x, x.shape[-1:], block.ln_2.weight, block.ln_2.bias, block.ln_2.eps)
        x = x + block.mlp.c_proj(gelu(block.mlp.c_fc(normed), approximate="tanh"))
    logits: Tensor = body.ln_f(x) @ body.wte.weight.mT
    return logits


class Trainer:
    """A model, its two optimizers, and how far it has come."""

    def __init__(self, model: GPT2LMHeadModel, words: dict[str, int], recipe: Recipe) -> None:
        self.model, self.recipe = model, recipe
        self.muon = Muon(model, MUON_RATE, MUON_DECAY)
        by_muon = {id(matrix) for matrix in self.muon.parameters()}
        self.others = [p for p in model.parameters() if id(p) not in by_muon]
        self.adam = torch.optim.AdamW(
            [
                {"params": [p for p in self.others if p.dim() > 1], "weight_decay": WEIGHT_DECAY},
                {"params": [p for p in self.others if p.dim() == 1], "weight_decay": 0.0},
            ],
            betas=(0.9, 0.98),
            fused=True,
        )
        self.rng = random.Random(recipe.seed)
        self.progress = Progress()
        self.batches = batches(words, self.rng, self.progress, recipe)
        self.steps = 0

    def step(self) -> None:
        """Next-token prediction on one batch."""
        batch = next(self.batches)
        logits = logits_of(self.model, batch.ids, batch.start, HIDDEN)[:, :-1]  # [text, pos, vocab]
        weights = batch.weights[:, 1:]
        losses = cross_entropy(logits.flatten(0, 1), batch.ids[:, 1:].flatten(), reduction="none").view_as(weights)
        self.model.zero_grad()
        ((losses * weights).sum() / weights.sum()).backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.others, 1.0)
        part = learning_rate(self.steps, self.recipe)
        for group in self.adam.param_groups:
            group["lr"] = RATE * part
        self.adam.step()
        self.muon.step(part)
        answers = weights == 1
        right = (logits.argmax(dim=-1) == batch.ids[:, 1:]) & answers
        self.progress.add(batch.kinds, right.sum(dim=1), answers.sum(dim=1))
        self.steps += 1


def train(model: GPT2LMHeadModel, words: dict[str, int], recipe: Recipe) -> float:
    """Next-token prediction; prints the share of right answers as it goes. Gives the seconds that it took."""
    model.train()
    start = time.monotonic()
    trainer = Trainer(model, words, recipe)
    while trainer.steps < recipe.steps:
        trainer.step()
        if trainer.steps % 100 == 0 or trainer.steps == recipe.steps:
            elapsed = time.monotonic() - start
            print(f"step {trainer.steps} of {recipe.steps}: {trainer.progress}, {elapsed:.0f} s", flush=True)
    model.eval()
    return time.monotonic() - start


def main() -> None:
    """Train, save, and write the model card."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="the model's folder, made if need be")
    for name, default in asdict(Recipe()).items():
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    recipe = Recipe(**{name: getattr(args, name) for name in asdict(Recipe())})
    torch.set_num_threads(args.threads)
    torch.manual_seed(recipe.seed)
    tokenizer = build_tokenizer()
    model = build_model(len(tokenizer), recipe)
    print(f"{len(tokenizer)} words, {sum(p.numel() for p in model.parameters()):,} parameters", flush=True)
    seconds = train(model, tokenizer.get_vocab(), recipe)
    model.save_pretrained(args.out)
    tokenizer.save_pretrained(args.out)
    record = asdict(recipe) | {"threads": args.threads, "minutes": round(seconds / 60)}
    (args.out / TRAINING).write_text(json.dumps(record, indent=1) + "\n")
    write_card(args.out)


if __name__ == "__main__":
    main()
