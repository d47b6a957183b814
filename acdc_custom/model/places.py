"""Where a loaded model computes what the nodes of a circuit read: the places that a circuit's own numbers go.

Owns where these are in a Hugging Face model and in a TransformerBridge. Each receiver of a circuit reads an input of
its own, and a model has one residual stream for all; so what is put in is what a node makes of its input first:
queries, keys and values before their rotary positions, what an MLP reads after its norm, and the final residual
stream. The model's own code computes the rest from these: attention, what heads write, neurons. Knows nothing of
circuits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from acdc_custom.graph import Port
from acdc_custom.model.model import Model
from acdc_custom.model.weights import Block

HEAD_PORTS = (Port.Q, Port.K, Port.V)
# Whose joint projection has queries, keys and values of one head after another; else all queries come first.
BY_HEAD = ("GPTNeoXForCausalLM",)


@dataclass(frozen=True)
class LayerInside:
    """What one layer's nodes make of what they read; keys and values per key/value head."""

    projected: Mapping[Port, Tensor]  # [prompt, pos, head, d_head]: before any norm and rotary positions
    normed: Mapping[Port, Tensor]  # the same after a norm over all heads (OLMo 2); empty without one
    attention: Tensor | None  # [prompt, pos, d_model]: what a norm after the heads gives; None without one
    mlp: Tensor | None  # [prompt, pos, d_model]: what the MLP reads, after the norm


@dataclass(frozen=True)
class Inside:
    """The same of all layers, and what the logits read."""

    layers: tuple[LayerInside, ...]
    final: Tensor  # [prompt, pos, d_model], before the final norm


Put = Callable[[Tensor], Tensor]  # from what a model computed there, what stands there instead


@dataclass(frozen=True)
class HookPoint:
    """A module of a loaded model, and what is put in the place of its input or of its output."""

    module: Any
    hook: Callable[[Any, Put], Any]
    value: Callable[[Inside], Tensor]

    def fill(self, inside: Callable[[], Inside]) -> Any:
        """From now on put it there, before other hooks on the module see what is there; gives the handle."""
        return self.hook(self.module, lambda own: self.value(inside()).to(own).reshape(own.shape))


def places(model: Model, hf_model: Any = None) -> Iterator[HookPoint]:
    """Those in the model's bridge; or in a Hugging Face model, whose modules are called what the bridge has noted."""
    for number, (bridged, block) in enumerate(zip(model.bridge.blocks, model.weights.blocks, strict=True)):
        found = _of_bridge(bridged, block) if hf_model is None else _of_module(bridged, block, hf_model)
        for module, hook, value in found:
            yield HookPoint(module, hook, _in_layer(number, value))
    final = model.bridge.ln_final
    if hf_model is None:
        yield HookPoint(final.hook_in, _at_output, lambda inside: inside.final)
    else:
        yield HookPoint(hf_model.get_submodule(final.name), _at_input, lambda inside: inside.final)


_Value = Callable[[LayerInside], Any]
_Found = Iterator[tuple[Any, Callable[[Any, Put], Any], _Value]]


def _of_bridge(bridged: Any, block: Block) -> _Found:
    """One layer's hook points, which are modules that hand on what they are given."""
    for port in HEAD_PORTS:
        yield getattr(bridged.attn, port).hook_out, _at_output, _projected(port)
    for port in _normed_together(block):
        yield getattr(bridged.attn, f"{port}_norm").hook_out, _at_output, _normed(port)
    if block.attention.post_norm is not None:
        yield bridged.ln1_post.hook_out, _at_output, _attention
    if block.mlp is not None:
        yield bridged.mlp.hook_in, _at_output, _mlp


def _of_module(bridged: Any, block: Block, hf_model: Any) -> _Found:
    """One layer's modules in a Hugging Face model."""

    def named(*parts: str | None) -> Any:
        return hf_model.get_submodule(".".join(filter(None, (bridged.name, *parts))))

    attention = bridged.attn
    joint = attention.submodules.get("qkv")
    if joint is not None:
        together = _by_head if type(hf_model).__name__ in BY_HEAD else _by_port
        yield named(attention.name, joint.name), _at_output, together
    else:
        for port in HEAD_PORTS:
            yield named(attention.name, getattr(attention, port).name), _at_output, _projected(port)
    for port in _normed_together(block):
        yield named(attention.name, getattr(attention, f"{port}_norm").name), _at_output, _normed(port)
    if block.attention.post_norm is not None:
        yield named(bridged.ln1_post.name), _at_output, _attention
    if block.mlp is not None:
        # OPT's MLP is no module of its own: its first product reads what it reads.
        yield named(bridged.mlp.name or getattr(bridged.mlp, "in").name), _at_input, _mlp


def _normed_together(block: Block) -> tuple[Port, ...]:
    return () if block.attention.query.joint is None else (Port.Q, Port.K)


def _at_output(module: Any, put: Put) -> Any:
    return module.register_forward_hook(lambda _, __, output: put(output), prepend=True)


def _at_input(module: Any, put: Put) -> Any:
    return module.register_forward_pre_hook(lambda _, inputs: (put(inputs[0]), *inputs[1:]), prepend=True)


def _in_layer(number: int, value: _Value) -> Callable[[Inside], Tensor]:
    def of(inside: Inside) -> Tensor:
        found: Tensor = value(inside.layers[number])
        return found

    return of


def _projected(port: Port) -> _Value:
    return lambda layer: layer.projected[port]


def _normed(port: Port) -> _Value:
    return lambda layer: layer.normed[port]


def _attention(layer: LayerInside) -> Any:
    return layer.attention


def _mlp(layer: LayerInside) -> Any:
    return layer.mlp


def _by_port(layer: LayerInside) -> Tensor:
    """`[prompt, pos, all of q, then of k, then of v]`."""
    return torch.cat([layer.projected[port].flatten(2) for port in HEAD_PORTS], -1)


def _by_head(layer: LayerInside) -> Tensor:
    """`[prompt, pos, head, q, k and v of a head]`."""
    return torch.cat([layer.projected[port] for port in HEAD_PORTS], -1)
