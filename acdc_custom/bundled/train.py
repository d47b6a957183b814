"""Train the bundled demonstration model: `python -m acdc_custom.bundled.train --out DIR`.

Owns the tokenizer, the architecture and the training loop. The texts come from `corpus`, the model card from `card`.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from torch import Tensor
from torch.nn.functional import cross_entropy, gelu, layer_norm, scaled_dot_product_attention
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

from acdc_custom.bundled.card import TRAINING, write_card
from acdc_custom.bundled.corpus import corpus, marked, vocabulary

END_OF_TEXT = "<|endoftext|>"  # begins, ends and pads
UNKNOWN = "<unk>"
LEARNING_RATE = 3e-3
WEIGHT_DECAY = 0.1
WARM_UP = 100  # steps
DECAY = 0.2  # share of the steps in which the learning rate falls to nothing, the last ones
N_POSITIONS = 64
WAVES = 12  # of the positions, with periods from 6 to 540 tokens
BESIDE = 0.1  # weight in the loss of a token that is no answer; an answer has 1


@dataclass(frozen=True)
class Recipe:
    """What a model is made with: its shape, and its training."""

    layers: int = 4
    heads: int = 8
    width: int = 128
    inner: int = 128  # of the MLPs
    steps: int = 20_000
    batch: int = 32  # rows of 64 tokens a step
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
    """GPT-2's architecture, small, with random weights from torch's seed.

    The learned positions begin as waves, of which "the token before" is easily read: so heads that attend to it form
    early.
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
        angles = torch.arange(N_POSITIONS)[:, None] * (2 / 3) ** torch.arange(WAVES)  # [pos, wave]
        waves = torch.cat((angles.sin(), angles.cos()), dim=1)
        model.transformer.wpe.weight.zero_()
        model.transformer.wpe.weight[:, : 2 * WAVES] = 0.1 * waves
    return model


def learning_rate(step: int, steps: int) -> float:
    """At a step of so many, counted from 0: up, level, and down."""
    return LEARNING_RATE * min(1.0, (step + 1) / WARM_UP, (steps - step) / (DECAY * steps))


def batches(words: dict[str, int], recipe: Recipe) -> Iterator[tuple[Tensor, Tensor]]:
    """Token ids and the weight of predicting each, both `[row, pos]`, step after step.

    A row is text after text, an end of text after each, cut off where the row is full. Half of the rows begin with an
    end of text.
    """
    rng = random.Random(recipe.seed)
    step = 0
    texts = corpus(recipe.seed, lambda: step / recipe.steps)
    end = words[END_OF_TEXT]
    while True:
        rows: list[list[tuple[int, float]]] = []
        for _ in range(recipe.batch):
            row = [(end, BESIDE)] if rng.random() < 0.5 else []
            while len(row) < N_POSITIONS:
                row += [(words[word], 1.0 if answer else BESIDE) for word, answer in marked(next(texts))]
                row.append((end, BESIDE))
            rows.append(row[:N_POSITIONS])
        yield torch.tensor([[i for i, _ in row] for row in rows]), torch.tensor([[w for _, w in row] for row in rows])
        step += 1


def logits_of(model: GPT2LMHeadModel, ids: Tensor) -> Tensor:
    """The model's logits `[row, pos, vocab]`, for full rows: the same as its own, in half the time."""
    body = model.transformer
    x = body.wte(ids) + body.wpe.weight[: ids.shape[1]]  # [row, pos, d_model]
    for block in body.h:
        qkv = block.attn.c_attn(layer_norm(x, x.shape[-1:], block.ln_1.weight, block.ln_1.bias, block.ln_1.eps))
        q, k, v = (
            part.unflatten(-1, (model.config.n_head, -1)).transpose(1, 2) for part in qkv.chunk(3, dim=-1)
        )  # each [row, head, pos, d_head]
        x = x + block.attn.c_proj(scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).flatten(2))
        normed = layer_norm(x, x.shape[-1:], block.ln_2.weight, block.ln_2.bias, block.ln_2.eps)
        x = x + block.mlp.c_proj(gelu(block.mlp.c_fc(normed), approximate="tanh"))
    logits: Tensor = body.ln_f(x) @ body.wte.weight.mT
    return logits


@dataclass
class Loss:
    """Sums over tokens, in nats: where the text decides the word, and elsewhere."""

    answers: float = 0.0
    n_answers: int = 0
    others: float = 0.0
    n_others: int = 0

    def add(self, losses: Tensor, weights: Tensor) -> None:
        """Both `[token]`."""
        answer = weights == 1
        self.answers += float(losses[answer].sum())
        self.others += float(losses[~answer].sum())
        self.n_answers += int(answer.sum())
        self.n_others += int((~answer).sum())

    def __str__(self) -> str:
        return f"loss {self.answers / self.n_answers:.4f} at answers, {self.others / self.n_others:.4f} elsewhere"


def build_optimizer(model: GPT2LMHeadModel) -> torch.optim.Optimizer:
    """AdamW; biases and norms do not decay."""
    matrices = [p for p in model.parameters() if p.dim() > 1]
    others = [p for p in model.parameters() if p.dim() == 1]
    groups: list[dict[str, Any]] = [{"params": matrices}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, weight_decay=WEIGHT_DECAY, betas=(0.9, 0.98), fused=True)


def take_step(
    model: GPT2LMHeadModel, optimizer: torch.optim.Optimizer, rate: float, ids: Tensor, weights: Tensor, loss: Loss
) -> None:
    """One step on one batch; its losses are added to `loss`."""
    losses = cross_entropy(logits_of(model, ids)[:, :-1].flatten(0, 1), ids[:, 1:].flatten(), reduction="none")
    weight = weights[:, 1:].flatten()
    for group in optimizer.param_groups:
        group["lr"] = rate
    optimizer.zero_grad()
    ((losses * weight).sum() / weight.sum()).backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    loss.add(losses.detach(), weight)


def train(model: GPT2LMHeadModel, words: dict[str, int], recipe: Recipe) -> float:
    """Next-token prediction; prints the loss as it goes. Gives the seconds that it took."""
    optimizer = build_optimizer(model)
    model.train()
    start = time.monotonic()
    loss = Loss()
    for step, (ids, weights) in enumerate(itertools.islice(batches(words, recipe), recipe.steps)):
        take_step(model, optimizer, learning_rate(step, recipe.steps), ids, weights, loss)
        if (step + 1) % 100 == 0 or step + 1 == recipe.steps:
            print(f"step {step + 1} of {recipe.steps}: {loss}, {time.monotonic() - start:.0f} s", flush=True)
            loss = Loss()
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
