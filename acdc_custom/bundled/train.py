"""Train the bundled demonstration model: `python -m acdc_custom.bundled.train --out DIR`.

Owns the tokenizer, the architecture and the training loop. The texts come from `corpus`, the model
card from `card`. Some ten minutes on one CPU core.
"""

from __future__ import annotations

import argparse
import itertools
import random
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

from acdc_custom.bundled.card import write_card
from acdc_custom.bundled.corpus import corpus, vocabulary

END_OF_TEXT = "<|endoftext|>"  # begins, ends and pads
UNKNOWN = "<unk>"
STEPS = 2500
BATCH = 64
LEARNING_RATE = 2e-3
WEIGHT_DECAY = 0.1
WARM_UP = 100  # steps
N_POSITIONS = 64


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


def build_model(vocab_size: int) -> GPT2LMHeadModel:
    """GPT-2's architecture, small, with random weights from torch's seed."""
    return GPT2LMHeadModel(
        GPT2Config(
            vocab_size=vocab_size,
            n_positions=N_POSITIONS,
            n_embd=128,
            n_layer=4,
            n_head=8,
            resid_pdrop=0.0,
            embd_pdrop=0.0,
            attn_pdrop=0.0,
            bos_token_id=0,
            eos_token_id=0,
            pad_token_id=0,
        )
    )


def batches(tokenizer: PreTrainedTokenizerFast, seed: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Token ids and what to predict (-100: nothing), each [prompt, pos]; half the texts begin with BOS."""
    rng = random.Random(seed)
    texts = corpus(seed)
    end = tokenizer.eos_token_id
    while True:
        rows = [[*tokenizer(text).input_ids, end] for text in itertools.islice(texts, BATCH)]
        rows = [[end, *row] if rng.random() < 0.5 else row for row in rows]
        width = max(map(len, rows))
        ids = torch.tensor([row + [end] * (width - len(row)) for row in rows])  # [prompt, pos]
        labels = torch.tensor([row + [-100] * (width - len(row)) for row in rows])  # [prompt, pos]
        yield ids, labels


def train(model: GPT2LMHeadModel, tokenizer: PreTrainedTokenizerFast, steps: int, seed: int) -> float:
    """Plain next-token prediction; prints the loss (nats per token) as it goes. Gives the seconds that it took."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY, betas=(0.9, 0.98))
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, LEARNING_RATE, total_steps=steps, pct_start=min(1.0, WARM_UP / steps)
    )
    model.train()
    start = time.monotonic()
    losses: list[float] = []
    for step, (ids, labels) in enumerate(itertools.islice(batches(tokenizer, seed), steps), 1):
        # Padding needs no mask: it comes after the text, and attention only looks back.
        loss = model(input_ids=ids, attention_mask=torch.ones_like(ids), labels=labels).loss
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
        if step % 100 == 0 or step == steps:
            mean = sum(losses) / len(losses)
            print(f"step {step} of {steps}: loss {mean:.4f}, {time.monotonic() - start:.0f} s", flush=True)
            losses.clear()
    model.eval()
    return time.monotonic() - start


def main() -> None:
    """Train, save, and write the model card."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="the model's folder, made if need be")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    tokenizer = build_tokenizer()
    model = build_model(len(tokenizer))
    count = sum(parameter.numel() for parameter in model.parameters())
    print(f"{len(tokenizer)} words, {count:,} parameters", flush=True)
    seconds = train(model, tokenizer, args.steps, args.seed)
    model.save_pretrained(args.out)
    tokenizer.save_pretrained(args.out)
    options = f"--steps {args.steps} --seed {args.seed} --threads {args.threads}"
    command = f"python -m acdc_custom.bundled.train --out DIR {options}"
    write_card(args.out, command, args.steps, BATCH, args.seed, seconds / 60)


if __name__ == "__main__":
    main()
