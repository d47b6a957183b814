"""A stand-in for GPT-2 small, which is not at hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from tiny import randomized


def stand_in(folder: Path, tokenizer: Any) -> str:
    """A directory with a model of GPT-2 small's shape, but 24 wide, and with random weights."""
    from transformers import GPT2Config, GPT2LMHeadModel

    config = GPT2Config(
        n_layer=12, n_head=12, n_embd=24, n_positions=32, vocab_size=len(tokenizer), bos_token_id=0, eos_token_id=0
    )
    randomized(GPT2LMHeadModel(config), 0).to(torch.float32).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)
