"""While a circuit is applied, hooks inside a loaded model read what the circuit computes there.

The oracle is what `run_circuit` says that each node reads and writes. A model is given only queries, keys, values and
what MLPs read, so that the rest is computed by its own code.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from random_circuits import random_circuit
from tiny import CONFIGURATIONS, crossed, tiny, tiny_hf

from acdc_custom.choices import Ablation
from acdc_custom.circuit.circuit import Circuit
from acdc_custom.engine.ablation import prepare_ablation
from acdc_custom.engine.circuit_run import run_circuit
from acdc_custom.engine.own_prompts import OwnPrompt
from acdc_custom.engine.tokens import token_batch
from acdc_custom.graph import EMBED, LOGITS, Receiver, Sender, Stage
from acdc_custom.model.forward import run
from acdc_custom.model.model import Model

CLEAN = torch.tensor([[1, 2, 3, 4, 5, 6], [7, 8, 9, 10, 11, 12], [1, 2, 9, 4, 0, 3]])
CORRUPTED = torch.tensor([[1, 2, 13, 4, 5, 7], [7, 8, 2, 10, 11, 12], [1, 2, 4, 4, 0, 3]])
VOCAB = 30
NEAR = {"rtol": 0, "atol": 1e-5}  # Hugging Face code computes softmaxes and some norms in float32


class Noted:
    """What each node read and wrote, `[prompt, pos, d_model]`."""

    def __init__(self) -> None:
        self.read: dict[Receiver, torch.Tensor] = {}
        self.written: dict[Sender, torch.Tensor] = {}

    def reads(self, receivers: Sequence[Receiver], inputs: torch.Tensor) -> None:
        self.read.update(zip(receivers, inputs, strict=True))

    def writes(self, senders: Sequence[Sender], outputs: torch.Tensor) -> None:
        self.written.update(zip(senders, outputs, strict=True))


def noted(model: Model, circuit: Circuit) -> Noted:
    prompts = [OwnPrompt(tuple(a.tolist()), tuple(b.tolist())) for a, b in zip(CLEAN, CORRUPTED, strict=True)]
    tokens = token_batch(prompts, model.max_positions, VOCAB, model.device)
    seen = Noted()
    carried = prepare_ablation(Ablation.CORRUPTED, model.weights, [tokens])
    run_circuit(model, tokens, [kept.edge for kept in circuit.edges], carried, seen)
    return seen


def by_heads(model: Model, seen: Noted, layer: int, z: torch.Tensor) -> None:
    """`z` `[prompt, pos, head, d_head]`, read inside the model, makes what the heads of the circuit write."""
    attention, clean = model.weights.blocks[layer].attention, run(model.weights, CLEAN)
    share = attention.share(clean.post_scales.get(layer))
    for head, out in enumerate(attention.out):
        made = z[:, :, head] @ out if share is None else z[:, :, head] @ out * share
        torch.testing.assert_close(made, seen.written[Sender(layer, Stage.HEAD, head)], **NEAR)


def of_attention(model: Model, seen: Noted, layer: int) -> torch.Tensor:
    total = sum(seen.written[Sender(layer, Stage.HEAD, head)] for head in range(model.graph.shape.n_heads))
    bias = model.weights.blocks[layer].attention.out_bias
    assert isinstance(total, torch.Tensor)
    return total if bias is None else total + bias


@pytest.mark.parametrize("name", crossed())
def test_a_cache_of_transformer_lens_has_what_the_nodes_of_the_circuit_read_and_write(name: str) -> None:
    model = tiny(name, 0)
    circuit = random_circuit(model.graph.shape, 40, 2)
    seen = noted(model, circuit)
    with torch.no_grad(), circuit.applied(model.bridge, CORRUPTED):
        _, cache = model.bridge.run_with_cache(CLEAN)
    total = seen.written[EMBED]
    for layer, block in enumerate(model.weights.blocks):
        torch.testing.assert_close(cache[f"blocks.{layer}.hook_resid_pre"], total, **NEAR)
        by_heads(model, seen, layer, cache[f"blocks.{layer}.attn.hook_z"])
        attention = of_attention(model, seen, layer)
        torch.testing.assert_close(cache[f"blocks.{layer}.hook_attn_out"], attention, **NEAR)
        total = total + attention
        if block.mlp is not None and block.mlp_norm is not None:
            hidden = block.mlp.hidden(block.mlp_norm(seen.read[Receiver(layer, Stage.MLP)]))
            torch.testing.assert_close(cache[f"blocks.{layer}.mlp.hook_post"], hidden, **NEAR)
            mlp = seen.written[Sender(layer, Stage.MLP)]
            torch.testing.assert_close(cache[f"blocks.{layer}.hook_mlp_out"], mlp, **NEAR)
            total = total + mlp
    torch.testing.assert_close(cache["ln_final.hook_in"], seen.read[LOGITS], **NEAR)


@pytest.mark.parametrize("name", [given for given in crossed() if given.values[0] in CONFIGURATIONS])
def test_hooks_on_a_hugging_face_model_see_the_same_as_a_cache_of_transformer_lens(name: str) -> None:
    model, mine = tiny(name, 0), tiny_hf(name, 0)
    circuit = random_circuit(model.graph.shape, 40, 2)
    seen, taken = noted(model, circuit), {}
    for layer, block in enumerate(model.bridge.blocks):
        path = f"{block.name}.{block.attn.name}.{block.attn.o.name}"
        mine.get_submodule(path).register_forward_pre_hook(
            lambda _, inputs, layer=layer: taken.update({layer: inputs[0]})
        )
    with torch.no_grad():
        with circuit.applied(model.bridge, CORRUPTED):
            _, cache = model.bridge.run_with_cache(CLEAN)
        with circuit.applied(mine, CORRUPTED):
            inside = mine(CLEAN, output_attentions=True, output_hidden_states=True)
    for layer, block in enumerate(model.weights.blocks):
        by_heads(model, seen, layer, taken[layer].unflatten(-1, (len(block.attention.out), -1)))
        torch.testing.assert_close(inside.attentions[layer], cache[f"blocks.{layer}.attn.hook_pattern"], **NEAR)
        torch.testing.assert_close(inside.hidden_states[layer], cache[f"blocks.{layer}.hook_resid_pre"], **NEAR)
    final = model.weights.final_norm(seen.read[LOGITS])
    torch.testing.assert_close(inside.hidden_states[-1], final, **NEAR)


def test_hooks_from_before_see_the_circuit_too_and_afterwards_the_whole_model() -> None:
    model, mine, seen = tiny("gpt2", 0), tiny_hf("gpt2", 0), []
    circuit = random_circuit(model.graph.shape, 40, 2)
    mine.transformer.h[1].mlp.register_forward_hook(lambda _, __, output: seen.append(output))
    with torch.no_grad():
        mine(CLEAN)
        with circuit.applied(mine, CORRUPTED):
            mine(CLEAN)
        mine(CLEAN)
    whole, inside, again = seen
    torch.testing.assert_close(inside, noted(model, circuit).written[Sender(1, Stage.MLP)], rtol=0, atol=1e-9)
    assert torch.equal(whole, again) and not torch.allclose(whole, inside, atol=1e-3)


def hooks_on(module: Any) -> int:
    parts = [*module.modules()]
    return sum(len(part._forward_hooks) + len(part._forward_pre_hooks) for part in parts)


def test_no_hook_is_left_behind() -> None:
    model, mine = tiny("gpt2", 0), tiny_hf("gpt2", 0)
    circuit = random_circuit(model.graph.shape, 40, 2)
    for given, module in ((mine, mine), (model, model.bridge), (model.bridge, model.bridge)):
        before = hooks_on(module)
        with circuit.applied(given, CORRUPTED):
            assert hooks_on(module) > before
        assert hooks_on(module) == before
