"""The loaded model: its name, its tokenizer, its weights and its shape, ready for the engine.

`wrap` turns any Hugging Face model of a described architecture into a `Model`, `wrap_bridge` any bridge; where the
Hugging Face model comes from is `open.py`'s business.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from acdc_custom.errors import AcdcError, ModelError
from acdc_custom.files.reading import shortened
from acdc_custom.graph import Graph
from acdc_custom.model.architecture import Architecture, describe
from acdc_custom.model.read import read_shape, read_weights
from acdc_custom.model.rope import longest_prompt
from acdc_custom.model.weights import Weights

LONGEST_PROMPT = 8192  # rotary tables are made this long at most


@dataclass(frozen=True, repr=False)
class Model:
    """A model that can be searched. `bridge` is TransformerLens's view of the same weights, None if built by hand."""

    name: str
    architecture: str
    title: str
    bridge: Any
    tokenizer: Any
    weights: Weights
    graph: Graph
    max_positions: int
    parameters: Mapping[str, Tensor]  # as the Hugging Face model names them; tied weights once

    def __repr__(self) -> str:
        shape, dtype = self.graph.shape, str(self.dtype).removeprefix("torch.")
        return (
            f"<Model {self.name} ({self.title}): {shape.n_layers} layers of {shape.n_heads} heads, "
            f"{self.graph.n_edges:,} edges, {dtype} on {self.device.type}>"
        )

    @property
    def device(self) -> torch.device:
        """Where the weights are, and where everything is computed."""
        return self.weights.token_embedding.device

    @property
    def dtype(self) -> torch.dtype:
        """The precision of the weights, and of all activations."""
        return self.weights.token_embedding.dtype

    @property
    def n_parameters(self) -> int:
        """How many numbers the model has learned."""
        return sum(parameter.numel() for parameter in self.parameters.values())

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over every parameter's name, shape and float32 bytes: the same weights, the same text."""
        digest = hashlib.sha256()
        for name, parameter in sorted(self.parameters.items()):
            digest.update(f"{name} {tuple(parameter.shape)}\n".encode())
            digest.update(parameter.detach().to("cpu", torch.float32).contiguous().numpy().data)
        return digest.hexdigest()


def wrap(hf_model: Any, tokenizer: Any, name: str) -> Model:
    """A `Model` around a Hugging Face model, which it takes over (TransformerLens rewires it in place).

    Raises `ModelError` when the architecture, or an option of its configuration, is not one that the engine computes.
    """
    from transformer_lens.model_bridge.sources import build_bridge_from_module

    class_name = type(hf_model).__name__
    with _described(name, class_name):
        architecture = describe(class_name, hf_model.config)
        parameters = dict(hf_model.named_parameters())  # before the bridge adds its own copies of some
        bridge = build_bridge_from_module(hf_model.eval(), class_name, hf_config=hf_model.config, model_name=name)
        return _model(bridge, architecture, hf_model.config, parameters, tokenizer, name)


def wrap_bridge(bridge: Any, name: str, tokenizer: Any = None) -> Model:
    """A `Model` around a TransformerBridge, such as `TransformerBridge.boot_native` makes; it is put in eval mode.

    `tokenizer` is by default the bridge's own. Raises `ModelError` as `wrap` does, and for a bridge whose weights
    TransformerLens has processed (folded norms, centred weights): circuits are those of the model as it was trained.
    """
    if bridge._weights_processed:
        raise ModelError(
            f"the weights of {name} have been processed by TransformerLens, so that it is not the model that was "
            "trained. Make the bridge without enable_compatibility_mode, or with no_processing=True."
        )
    module = bridge.original_model.eval()
    config = getattr(module, "config", bridge.cfg)
    parameters = {key.replace("_original_component.", ""): value for key, value in module.named_parameters()}
    class_name = type(module).__name__
    with _described(name, class_name):
        architecture = describe(class_name, config)
        return _model(bridge, architecture, config, parameters, tokenizer or bridge.tokenizer, name)


@contextlib.contextmanager
def _described(name: str, class_name: str) -> Iterator[None]:
    """What goes wrong where a configuration is not what its class makes of it becomes a `ModelError`."""
    try:
        yield
    except AcdcError:
        raise
    except Exception as error:  # of TransformerLens, or a weight or an option that is not where it should be
        why = shortened(" ".join(str(error).split()) or type(error).__name__, 300)
        raise ModelError(
            f"{name} is not what models of the class {class_name} are; look at its config.json: {why}."
        ) from error


def _model(
    bridge: Any, architecture: Architecture, config: Any, parameters: Mapping[str, Tensor], tokenizer: Any, name: str
) -> Model:
    class_name = type(bridge.original_model).__name__
    max_positions = min(int(bridge.cfg.n_ctx), longest_prompt(config) or LONGEST_PROMPT, LONGEST_PROMPT)
    weights = read_weights(bridge, architecture, config, max_positions)
    shape = read_shape(bridge, architecture)
    return Model(
        name=name,
        architecture=class_name,
        title=architecture.title,
        bridge=bridge,
        tokenizer=tokenizer,
        weights=weights,
        graph=Graph(shape),
        max_positions=max_positions,
        parameters=parameters,
    )
