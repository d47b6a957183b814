"""Small models with random weights, and prompts for them; everything offline and on the CPU."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import torch

from acdc_custom.model.model import Model, wrap

VOCAB = 30
MAX_POSITIONS = 16


@dataclass(frozen=True)
class TinyPrompt:
    """As much of a prompt as the engine reads."""

    clean_ids: tuple[int, ...]
    corrupted_ids: tuple[int, ...]
    answer_ids: tuple[int, ...] = (1,)
    foil_ids: tuple[int, ...] = (2,)
    template: int = 0
    positions: dict[str, int] = field(default_factory=dict)


def random_prompts(seed: int, n: int = 3, prefix: int = 2) -> list[TinyPrompt]:
    """Prompts of 5 to 8 tokens that share a prefix and differ in at least one token after it."""
    rng = random.Random(seed)
    prompts = []
    for _ in range(n):
        clean = [rng.randrange(VOCAB) for _ in range(rng.randint(5, 8))]
        corrupted = list(clean)
        changed = {prefix, *(p for p in range(prefix, len(clean) - 1) if rng.random() < 0.4)}
        for place in changed:
            corrupted[place] = (clean[place] + rng.randrange(1, VOCAB)) % VOCAB
        answers = rng.sample(range(VOCAB), 4)
        prompts.append(
            TinyPrompt(tuple(clean), tuple(corrupted), tuple(answers[:2]), tuple(answers[2:]), len(clean) % 2)
        )
    return prompts


def _randomize(hf_model: torch.nn.Module, seed: int) -> torch.nn.Module:
    """Weights large enough for attention to attend and norms to matter, biases included."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in hf_model.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator) * 0.4
            is_norm = parameter.ndim == 1 and "bias" not in name
            parameter.copy_(1 + noise if is_norm else noise)
    return hf_model


def tiny_gpt2(seed: int, layers: int = 2, dtype: torch.dtype = torch.float64) -> Model:
    """A GPT-2 with 4 heads and random weights."""
    from transformers import GPT2Config, GPT2LMHeadModel

    config = GPT2Config(
        n_layer=layers, n_head=4, n_embd=16, vocab_size=VOCAB, n_positions=MAX_POSITIONS, bos_token_id=0, eos_token_id=0
    )
    return wrap(_randomize(GPT2LMHeadModel(config), seed).to(dtype), None, "tiny-gpt2")


def tiny_llama(seed: int, layers: int = 2, kv_heads: int = 2, dtype: torch.dtype = torch.float64) -> Model:
    """A Llama with 4 heads that share keys and values, and a rotary base that is not the usual one."""
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        num_hidden_layers=layers,
        num_attention_heads=4,
        num_key_value_heads=kv_heads,
        hidden_size=16,
        intermediate_size=24,
        vocab_size=VOCAB,
        max_position_embeddings=MAX_POSITIONS,
        rope_parameters={"rope_type": "default", "rope_theta": 500.0},
        rms_norm_eps=1e-5,
        bos_token_id=0,
        eos_token_id=0,
        pad_token_id=0,
    )
    return wrap(_randomize(LlamaForCausalLM(config), seed).to(dtype), None, "tiny-llama")
