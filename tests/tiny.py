"""Small models with random weights, and prompts for them; everything offline and on the CPU."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import pytest
import torch

from acdc_custom.choices import Ablation, Metric
from acdc_custom.model.model import Model, wrap, wrap_bridge
from acdc_custom.task.answers import Forced
from acdc_custom.task.spans import cut

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
    forced: Forced | None = None

    @property
    def spans(self) -> tuple[str, ...]:
        return cut(
            self.clean_ids, self.corrupted_ids, self.positions, n_answers=len(self.forced.ids) if self.forced else 1
        )


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


def with_answers(prompts: Sequence[TinyPrompt], lengths: Sequence[int], seed: int = 0) -> list[TinyPrompt]:
    """The same prompts, asked for answers of so many tokens: told apart at the last one, the first, the last, ..."""
    rng = random.Random(seed)
    asked = []
    for number, (prompt, length) in enumerate(zip(prompts, lengths, strict=True)):
        answer = tuple(rng.randrange(VOCAB) for _ in range(length))
        contrast = 0 if number % 2 else length - 1
        foil = (answer[contrast] + rng.randrange(1, VOCAB)) % VOCAB
        asked.append(
            replace(
                prompt,
                clean_ids=prompt.clean_ids + answer[:-1],
                corrupted_ids=prompt.corrupted_ids + answer[:-1],
                answer_ids=(answer[contrast],),
                foil_ids=(foil,),
                forced=Forced(answer, tuple(f" w{token}" for token in answer), contrast) if length > 1 else None,
            )
        )
    return asked


def randomized(hf_model: torch.nn.Module, seed: int) -> torch.nn.Module:
    """Weights large enough for attention to attend and norms to matter, biases included."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in hf_model.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator) * 0.4
            is_norm = parameter.ndim == 1 and "bias" not in name
            parameter.copy_(1 + noise if is_norm else noise)
    return hf_model


COMMON: dict[str, Any] = {
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "hidden_size": 16,
    "intermediate_size": 24,
    "vocab_size": VOCAB,
    "max_position_embeddings": MAX_POSITIONS,
    "bos_token_id": 0,
    "eos_token_id": 0,
    "pad_token_id": 0,
}
GROUPED: dict[str, Any] = {
    **COMMON,
    "num_key_value_heads": 2,
    "rms_norm_eps": 1e-5,
    "rope_parameters": {"rope_type": "default", "rope_theta": 500.0},
}
PARTLY_ROTARY = {"rope_type": "default", "rope_theta": 500.0, "partial_rotary_factor": 0.5}
GPT: dict[str, Any] = {
    "n_layer": 2,
    "n_head": 4,
    "n_embd": 16,
    "vocab_size": VOCAB,
    "n_positions": MAX_POSITIONS,
    "bos_token_id": 0,
    "eos_token_id": 0,
}

# Model class, configuration class and configuration by name. Windows are shorter than the prompts of `random_prompts`.
CONFIGURATIONS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "gpt2": ("GPT2LMHeadModel", "GPT2Config", GPT),
    "gpt-neo": (
        "GPTNeoForCausalLM",
        "GPTNeoConfig",
        {
            "num_layers": 2,
            "num_heads": 4,
            "hidden_size": 16,
            "intermediate_size": 24,
            "vocab_size": VOCAB,
            "max_position_embeddings": MAX_POSITIONS,
            "attention_types": [[["global", "local"], 1]],
            "window_size": 3,
            "bos_token_id": 0,
            "eos_token_id": 0,
        },
    ),
    "gpt-neox": (
        "GPTNeoXForCausalLM",
        "GPTNeoXConfig",
        {**COMMON, "hidden_size": 32, "rope_parameters": PARTLY_ROTARY},
    ),
    "gpt-neox, sequential": (
        "GPTNeoXForCausalLM",
        "GPTNeoXConfig",
        {**COMMON, "hidden_size": 32, "rope_parameters": PARTLY_ROTARY, "use_parallel_residual": False},
    ),
    "gpt-j": ("GPTJForCausalLM", "GPTJConfig", {**GPT, "n_embd": 32, "rotary_dim": 4}),
    "opt": (
        "OPTForCausalLM",
        "OPTConfig",
        {
            **{key: value for key, value in COMMON.items() if key != "intermediate_size"},
            "ffn_dim": 24,
            "word_embed_proj_dim": 16,
        },
    ),
    "llama": ("LlamaForCausalLM", "LlamaConfig", GROUPED),
    "llama, biases and llama3 rope": (
        "LlamaForCausalLM",
        "LlamaConfig",
        {
            **GROUPED,
            "attention_bias": True,
            "mlp_bias": True,
            "head_dim": 6,
            "rope_parameters": {
                "rope_type": "llama3",
                "rope_theta": 500.0,
                "factor": 4.0,
                "low_freq_factor": 1.0,
                "high_freq_factor": 4.0,
                "original_max_position_embeddings": 8,
            },
        },
    ),
    "mistral": ("MistralForCausalLM", "MistralConfig", {**GROUPED, "sliding_window": 3}),
    "qwen2": (
        "Qwen2ForCausalLM",
        "Qwen2Config",
        {**GROUPED, "use_sliding_window": True, "sliding_window": 3, "max_window_layers": 1},
    ),
    "qwen3": ("Qwen3ForCausalLM", "Qwen3Config", {**GROUPED, "head_dim": 6}),
    "gemma2": (
        "Gemma2ForCausalLM",
        "Gemma2Config",
        {
            **GROUPED,
            "head_dim": 6,
            "query_pre_attn_scalar": 10,
            "sliding_window": 3,
            "attn_logit_softcapping": 2.0,
            "final_logit_softcapping": 3.0,
        },
    ),
    "gemma": ("GemmaForCausalLM", "GemmaConfig", {**GROUPED, "head_dim": 6}),
    "gemma3": (
        "Gemma3ForCausalLM",
        "Gemma3TextConfig",
        {
            **GROUPED,
            "head_dim": 6,
            "query_pre_attn_scalar": 10,
            "sliding_window": 3,
            "layer_types": ["sliding_attention", "full_attention"],
            "rope_parameters": {
                "full_attention": {"rope_type": "linear", "rope_theta": 500.0, "factor": 2.0},
                "sliding_attention": {"rope_type": "default", "rope_theta": 100.0},
            },
        },
    ),
    "phi3": ("Phi3ForCausalLM", "Phi3Config", {**GROUPED, "sliding_window": 3}),
    "olmo2": ("Olmo2ForCausalLM", "Olmo2Config", GROUPED),
    "granite": (
        "GraniteForCausalLM",
        "GraniteConfig",
        {
            **GROUPED,
            "embedding_multiplier": 3.0,
            "residual_multiplier": 0.5,
            "attention_multiplier": 0.3,
            "logits_scaling": 2.0,
        },
    ),
    "cohere": (
        "CohereForCausalLM",
        "CohereConfig",
        {
            **{key: value for key, value in GROUPED.items() if key != "rms_norm_eps"},
            "logit_scale": 1.5,
            "layer_norm_eps": 0.01,
        },
    ),
    "gpt-bigcode": ("GPTBigCodeForCausalLM", "GPTBigCodeConfig", {**GPT, "n_inner": 24}),
    "starcoder2": (
        "Starcoder2ForCausalLM",
        "Starcoder2Config",
        {**{key: value for key, value in GROUPED.items() if key != "rms_norm_eps"}, "sliding_window": 3},
    ),
    "phi": (
        "PhiForCausalLM",
        "PhiConfig",
        {**COMMON, "hidden_size": 32, "num_key_value_heads": 2, "rope_parameters": PARTLY_ROTARY},
    ),
}

NATIVE: dict[str, Any] = {
    "n_layers": 2,
    "n_heads": 4,
    "d_model": 16,
    "d_head": 4,
    "d_vocab": VOCAB,
    "n_ctx": MAX_POSITIONS,
    "attn_only": True,
    "act_fn": "gelu",
    "normalization_type": "LN",
}
NATIVE_CONFIGURATIONS: dict[str, dict[str, Any]] = {
    "attention only": NATIVE,
    "attention only, rotary": {
        **NATIVE,
        "n_key_value_heads": 2,
        "d_head": 6,
        "normalization_type": "RMSPre",
        "positional_embedding_type": "rotary",
        "rotary_dim": 4,
        "attn_scores_soft_cap": 2.0,
        "output_logits_soft_cap": 3.0,
    },
    "attention only, no norm": {**NATIVE, "normalization_type": None, "attn_scale": 3.0},
}
# Once read, these are made of parts that others have: the load-time check and the oracle prove the reading.
OF_KNOWN_PARTS = ("gemma", "phi3", "granite", "cohere", "gpt-bigcode", "starcoder2")
EVERY_NAME = (*CONFIGURATIONS, *NATIVE_CONFIGURATIONS)
NAMES = tuple(name for name in EVERY_NAME if name not in OF_KNOWN_PARTS)
# One of each kind: positions added; blocks in parallel, partly rotary; shared keys and values; windows, caps and norms
# after the heads; norms over all heads; no MLP.
KINDS = ("gpt2", "gpt-neox", "llama", "gemma2", "olmo2", "attention only, rotary")
WITH_POST_NORMS = ("gemma2", "gemma3", "olmo2")  # norms after the heads, whose scale a circuit holds


def crossed(names: Iterable[str] = EVERY_NAME) -> list[Any]:
    """Names for `parametrize`, where another test has proved every architecture: one of each kind is quick."""
    return [pytest.param(name, marks=() if name in KINDS else pytest.mark.slow) for name in names]


def measured(metrics: Iterable[Metric] = Metric) -> list[Any]:
    """Metric and ablation for `parametrize`: quick where one of the two is the usual one."""
    return [
        pytest.param(
            metric, ablation, marks=() if metric is Metric.KL or ablation is Ablation.CORRUPTED else pytest.mark.slow
        )
        for metric, ablation in itertools.product(metrics, Ablation)
    ]


def tiny_hf(name: str, seed: int, dtype: torch.dtype = torch.float64, **changes: Any) -> Any:
    """The Hugging Face model of a configuration, with random weights."""
    import transformers

    model_class, config_class, options = CONFIGURATIONS[name]
    config = getattr(transformers, config_class)(**{**options, **changes})
    config._attn_implementation = "eager"
    return randomized(getattr(transformers, model_class)(config), seed).to(dtype).eval()


def tiny(name: str, seed: int, dtype: torch.dtype = torch.float64, **changes: Any) -> Model:
    """A model of 2 layers with 4 heads by its name in `EVERY_NAME`, with random weights."""
    if name not in NATIVE_CONFIGURATIONS:
        return wrap(tiny_hf(name, seed, dtype, **changes), None, f"tiny-{name}")
    from transformer_lens.model_bridge import TransformerBridge
    from transformer_lens.model_bridge.sources import native  # noqa: F401  (makes boot_native)

    bridge = TransformerBridge.boot_native({**NATIVE_CONFIGURATIONS[name], **changes})
    randomized(bridge.original_model, seed).to(dtype)
    return wrap_bridge(bridge, f"tiny-{name}")


HEADS = ("n_head", "num_heads", "num_attention_heads", "n_heads")
LAYERS = ("n_layer", "num_layers", "num_hidden_layers", "n_layers")
KV_HEADS = ("num_key_value_heads", "n_key_value_heads")


@cache
def small(name: str, seed: int = 1, layers: int = 2, dtype: torch.dtype = torch.float64) -> Model:
    """A model with 2 heads in a layer; where heads share keys and values, with one pair of them.

    Half the edges of `tiny` or fewer, for what takes a forward pass for each of them. One for all tests: not to change.
    """
    options = NATIVE_CONFIGURATIONS.get(name) or CONFIGURATIONS[name][2]
    numbers = {**dict.fromkeys(HEADS, 2), **dict.fromkeys(KV_HEADS, 1), **dict.fromkeys(LAYERS, layers)}
    changes = {key: number for key, number in numbers.items() if key in options}
    return tiny(name, seed, dtype, **changes)


def tiny_gpt2(seed: int, layers: int = 2, dtype: torch.dtype = torch.float64) -> Model:
    """A GPT-2 with 4 heads and random weights."""
    return wrap(tiny_hf("gpt2", seed, dtype, n_layer=layers), None, "tiny-gpt2")


def tiny_llama(seed: int, layers: int = 2, kv_heads: int = 2, dtype: torch.dtype = torch.float64) -> Model:
    """A Llama with 4 heads that share keys and values, and a rotary base that is not the usual one."""
    changes = {"num_hidden_layers": layers, "num_key_value_heads": kv_heads}
    return wrap(tiny_hf("llama", seed, dtype, **changes), None, "tiny-llama")
