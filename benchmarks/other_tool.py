"""How long auto-circuit 1.0.1 itself takes for one threshold, on random weights.

It needs an older TransformerLens than acdc-custom, so it runs in an environment of its own:

    python3 -m venv other
    other/bin/pip install auto-circuit==1.0.1 'transformer-lens<2' 'transformers<5' 'typeguard<4' torch
    other/bin/python benchmarks/other_tool.py
    other/bin/python benchmarks/other_tool.py --shape gpt2 --device cuda --n 100 --every 40

By default the small model of `speed.py random-4l`, with N = 16 and T = 16; other random numbers. With `--every K` only
one edge in K is tried, evenly over the layers, and the time of all is said to be K times as long.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable, Iterator

import torch
from auto_circuit.data import PromptDataLoader, PromptDataset
from auto_circuit.prune_algos import ACDC
from auto_circuit.utils.graph_utils import patchable_model
from transformer_lens import HookedTransformer, HookedTransformerConfig

SHAPES = {  # layers, heads, width, words, and how large random weights are
    "random-4l": (4, 4, 128, 512, 0.1),
    "gpt2": (12, 12, 768, 50257, 0.05),
}
UNCHANGED = 3  # tokens before the first changed one

parser = argparse.ArgumentParser()
parser.add_argument("--shape", choices=SHAPES, default="random-4l")
parser.add_argument("--device", default="cpu")
parser.add_argument("--n", type=int, default=16)
parser.add_argument("--length", type=int, default=16)
parser.add_argument("--threshold", type=float, default=0.01)
parser.add_argument("--every", type=int, default=1)
parser.add_argument("--repeats", type=int, default=3)
asked = parser.parse_args()
layers, heads, width, vocab, scale = SHAPES[asked.shape]
device = torch.device(asked.device)

torch.manual_seed(0)
model = HookedTransformer(
    HookedTransformerConfig(
        n_layers=layers,
        n_heads=heads,
        d_model=width,
        d_head=width // heads,
        d_mlp=4 * width,
        d_vocab=vocab,
        n_ctx=64,
        act_fn="gelu_new",
        normalization_type="LN",
        initializer_range=scale,
        device=asked.device,
        use_attn_result=True,
        use_split_qkv_input=True,
        use_hook_mlp_in=True,
    )
).eval()
model.requires_grad_(False)
clean = torch.randint(vocab, (asked.n, asked.length))
corrupted = clean.clone()
corrupted[:, UNCHANGED:-1] = torch.randint(vocab, (asked.n, asked.length - UNCHANGED - 1))
clean, corrupted = clean.to(device), corrupted.to(device)
answers = [torch.tensor([1], device=device)] * asked.n
prompts = PromptDataset(list(clean), list(corrupted), answers, answers)
loader = PromptDataLoader(prompts, seq_len=None, diverge_idx=0, batch_size=asked.n, shuffle=False)
patchable = patchable_model(model, factorized=True, slice_output="last_seq", separate_qkv=True, device=device)


class OneIn:
    """In place of its progress bar: one edge in so many of its loop, with the clock on."""

    seconds = 0.0  # of the loop over edges

    def __init__(self, steps: Iterable[object]) -> None:
        self.steps = list(steps)

    def __iter__(self) -> Iterator[object]:
        if len(self.steps) == 1:  # the other loop: over its one threshold
            yield from self.steps
            return
        started = time.perf_counter()
        yield from self.steps[:: asked.every]
        OneIn.seconds = time.perf_counter() - started  # it reads a number after each edge, so a GPU is done by then

    def set_description_str(self, *_: object, **__: object) -> None:
        """Say nothing."""


ACDC.tqdm = OneIn
times = []
for _ in range(asked.repeats):
    started = time.perf_counter()
    scores = ACDC.acdc_prune_scores(patchable, loader, None, tao_exps=[0], tao_bases=[asked.threshold])
    times.append(time.perf_counter() - started + (asked.every - 1) * OneIn.seconds)
kept = sum(int((score == torch.inf).sum()) for score in scores.values())
print(f"auto-circuit 1.0.1, {asked.shape}, N = {asked.n}, T = {asked.length}, threshold {asked.threshold:g}, {device}:")
print(f"{len(patchable.edges):,} edges, {min(times):,.1f} s (the fastest of {len(times)})", end="")
print(f", {kept} kept" if asked.every == 1 else f", from one edge in {asked.every}")
