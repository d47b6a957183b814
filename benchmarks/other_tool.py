"""How long auto-circuit 1.0.1 itself takes for one threshold on the random 4-layer GPT-2 of `speed.py`.

It needs an older TransformerLens than acdc-custom, so it runs in an environment of its own:

    python3 -m venv other
    other/bin/pip install auto-circuit==1.0.1 'transformer-lens<2' 'transformers<5' 'typeguard<4' torch
    other/bin/python benchmarks/other_tool.py

The same shape, numbers of prompts and tokens, scale of weights and threshold; other random numbers.
"""

from __future__ import annotations

import time

import torch
from auto_circuit.data import PromptDataLoader, PromptDataset
from auto_circuit.prune_algos.ACDC import acdc_prune_scores
from auto_circuit.utils.graph_utils import patchable_model
from transformer_lens import HookedTransformer, HookedTransformerConfig

N, T, VOCAB, UNCHANGED = 16, 16, 512, 3

torch.manual_seed(0)
model = HookedTransformer(
    HookedTransformerConfig(
        n_layers=4,
        n_heads=4,
        d_model=128,
        d_head=32,
        d_mlp=512,
        d_vocab=VOCAB,
        n_ctx=64,
        act_fn="gelu_new",
        normalization_type="LN",
        initializer_range=0.1,
        device="cpu",
        use_attn_result=True,
        use_split_qkv_input=True,
        use_hook_mlp_in=True,
    )
).eval()
model.requires_grad_(False)
clean = torch.randint(VOCAB, (N, T))
corrupted = clean.clone()
corrupted[:, UNCHANGED:-1] = torch.randint(VOCAB, (N, T - UNCHANGED - 1))
answers = [torch.tensor([1])] * N
prompts = PromptDataset(list(clean), list(corrupted), answers, answers)
loader = PromptDataLoader(prompts, seq_len=None, diverge_idx=0, batch_size=N, shuffle=False)
patchable = patchable_model(
    model, factorized=True, slice_output="last_seq", separate_qkv=True, device=torch.device("cpu")
)
times = []
for _ in range(3):
    started = time.perf_counter()
    scores = acdc_prune_scores(patchable, loader, None, tao_exps=[-2], tao_bases=[1])
    times.append(time.perf_counter() - started)
kept = sum(int((score == torch.inf).sum()) for score in scores.values())
print(
    f"auto-circuit 1.0.1: {len(patchable.edges)} edges, {kept} kept, {min(times):.2f} s (the fastest of {len(times)})"
)
