"""How long `acdc` and `grouped` take on a device, on random weights in the shape of a known model.

    python benchmarks/device.py gpt2 | llama-1b [--n 100] [--device cuda] [--length 16] [--methods acdc,grouped]

Thresholds fall until a search takes longer than `--seconds`, one minute by default. Every line is a whole search, its
activations and hints included, loading not. `other_tool.py --device cuda --shape gpt2` times auto-circuit on the same
card.
"""

from __future__ import annotations

import argparse
from functools import partial

import torch
from speed import random_gpt2, random_prompts

from acdc_custom.choices import Ablation, Metric
from acdc_custom.circuit.settings import SearchSettings
from acdc_custom.engine.ablation import prepare_ablation
from acdc_custom.engine.caches import build_caches
from acdc_custom.engine.footprint import plan
from acdc_custom.engine.metrics import prepare
from acdc_custom.engine.stopwatch import timed
from acdc_custom.engine.tokens import TokenBatch, token_batch
from acdc_custom.model.model import Model, wrap
from acdc_custom.search.method import DecidingMethod
from acdc_custom.search.registry import method_named

THRESHOLDS = (0.1, 0.03, 0.01, 0.003, 0.001, 0.0003, 0.0001)
FIRST_CHANGED = 4  # the tokens before it are the same in both prompts
SCALE = 2.5  # times the weights that a model is trained from, so that nodes do something


def random_llama(device: str) -> Model:
    """Random weights in the shape of Llama 3.2 1B."""
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=128256,
        hidden_size=2048,
        intermediate_size=8192,
        num_hidden_layers=16,
        num_attention_heads=32,
        num_key_value_heads=8,
        max_position_embeddings=64,
        initializer_range=0.02 * SCALE,
        tie_word_embeddings=True,
    )
    config._attn_implementation = "eager"
    with torch.device(device):
        hf_model = LlamaForCausalLM(config)
    return wrap(hf_model, None, "random")


def searched(model: Model, tokens: TokenBatch, name: str, threshold: float) -> tuple[int, int]:
    """Kept edges, and evaluations."""
    memory = plan(model, tokens)
    parts = tokens.chunks(memory.chunk)
    carried = prepare_ablation(Ablation.CORRUPTED, model.weights, parts)
    chunks = [build_caches(model, part, carried) for part in parts]
    batch = [(chunk, prepare(Metric.KL, model.weights, chunk.tokens, chunk.model_normed)) for chunk in chunks]
    method = method_named(name)
    assert isinstance(method, DecidingMethod)
    settings = SearchSettings(method=name, threshold=threshold)
    search = method.start(batch, settings, memory.window_bytes, method.hint(chunks), None)
    kept = sum(decision.kept for decision in search.decisions())
    return kept, search.evaluations


def main() -> None:
    """Print one line per method and threshold."""
    parser = argparse.ArgumentParser()
    parser.add_argument("shape", choices=["gpt2", "llama-1b"])
    parser.add_argument("--n", type=int, default=100)
    parser.add_argument("--length", type=int, default=16)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--methods", default="acdc,grouped")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--first", type=float, default=THRESHOLDS[0], help="the first threshold")
    asked = parser.parse_args()
    gpt2 = asked.shape == "gpt2"
    model = random_gpt2(12, 12, 768, 50257, SCALE, asked.device) if gpt2 else random_llama(asked.device)
    vocab = len(model.weights.unembedding)
    prompts = random_prompts(asked.n, asked.length, vocab, FIRST_CHANGED)
    tokens = token_batch(prompts, model.max_positions, vocab, model.device)
    card = torch.cuda.get_device_name() if model.device.type == "cuda" else f"CPU, {torch.get_num_threads()} threads"
    print(
        f"random weights in the shape of {asked.shape}, {model.graph.n_edges:,} edges, N = {asked.n}, T = "
        f"{asked.length}; {card}; float32"
    )
    print(f"{'method':>9}{'threshold':>11}{'kept':>7}{'evaluations':>13}{'s':>8}{'ms each':>9}{'peak GiB':>10}")
    for name in asked.methods.split(","):
        for threshold in (t for t in THRESHOLDS if t <= asked.first):
            if model.device.type == "cuda":
                torch.cuda.reset_peak_memory_stats()
            (kept, evaluations), seconds = timed(model.device, partial(searched, model, tokens, name, threshold))
            peak = torch.cuda.max_memory_allocated() / 2**30 if model.device.type == "cuda" else float("nan")
            print(
                f"{name:>9}{threshold:>11g}{kept:>7}{evaluations:>13,}{seconds:>8.1f}"
                f"{seconds / evaluations * 1e3:>9.2f}{peak:>10.1f}",
                flush=True,
            )
            if seconds > asked.seconds:
                break


if __name__ == "__main__":
    main()
