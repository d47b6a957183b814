"""Whatever a user has a model as, made ready to be searched: a name, a Hugging Face model, a TransformerLens bridge.

Owns telling these apart, and the promise that what is already loaded stays exactly as it was. TransformerLens rewires
the modules of a model in place, so it is given modules of their own, over the same numbers: nothing is copied but where
a precision or a device is changed.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from acdc_custom.choices import Device, Precision
from acdc_custom.errors import AcdcError, ModelError, UsageError
from acdc_custom.files.reading import described, shortened
from acdc_custom.model.catalogue import DEFAULT_MODEL
from acdc_custom.model.library import EAGER
from acdc_custom.model.model import Model, wrap, wrap_bridge
from acdc_custom.model.open import open_model, resolve_device
from acdc_custom.model.quiet import quiet

ALLOWED = (
    "a name such as demo-4l or gpt2, a folder, a Hugging Face model with its tokenizer, as (model, tokenizer), a "
    "TransformerBridge of TransformerLens, or what load_model gives"
)
# Where torch and TransformerLens keep the hooks of a module: these are its owner's, and no part of the model.
HOOKS = (
    "_forward_hooks",
    "_forward_hooks_with_kwargs",
    "_forward_hooks_always_called",
    "_forward_pre_hooks",
    "_forward_pre_hooks_with_kwargs",
    "_backward_hooks",
    "_backward_pre_hooks",
    "fwd_hooks",
    "bwd_hooks",
)
COMPUTED_IN = (torch.float32, torch.float64)


def load_model(
    given: Any = DEFAULT_MODEL,
    tokenizer: Any = None,
    device: Device | str | None = None,
    dtype: Precision | str | None = None,
    name: str = "",
    say: Callable[[str], None] = lambda line: None,
) -> Model:
    """A model that can be searched, from a name, a folder, or a model that is loaded.

    `given` is what `acdc-custom discover --model` takes; or a Hugging Face model, with its `tokenizer`; or both as one
    pair; or a TransformerBridge. What is loaded is read and left exactly as it was: weights, hooks, mode, precision.
    Hooks on it are not in the circuit's model. `device` and `dtype` are, by default, those of a loaded model (half
    precision is computed in float32), and for a name the best device there is, and float32. `name` is what a loaded
    model is called in results, by default the name it was loaded by. `say` is told, in a line, of anything that takes
    time. Raises `UsageError` for anything else, `ModelError` for a model that cannot be searched.
    """
    model = read_model(given, tokenizer, device, dtype, name, say)
    if model.tokenizer is None:
        raise UsageError(
            f"{model.name} was given without its tokenizer, which makes the prompts. Give both: (model, tokenizer)."
        )
    return model


def read_model(
    given: Any,
    tokenizer: Any = None,
    device: Device | str | None = None,
    dtype: Precision | str | None = None,
    name: str = "",
    say: Callable[[str], None] = lambda line: None,
) -> Model:
    """The same of a model that is given tokens: it may have no tokenizer."""
    if isinstance(given, tuple) and len(given) == 2:
        if tokenizer is not None:
            raise UsageError("the tokenizer was given twice: in a pair with the model, and by itself. Leave one away.")
        given, tokenizer = given
    if isinstance(given, Model):
        return given
    if isinstance(given, (str, Path)):
        return _named(str(given), tokenizer, device, dtype, say)
    if tokenizer is not None and not (callable(tokenizer) and hasattr(tokenizer, "decode")):
        raise UsageError(f"{described(tokenizer)} is no tokenizer. Give the one that was loaded with the model.")
    if is_bridge(given):
        return _of_bridge(given, tokenizer, device, dtype, name)
    if is_hugging_face(given):
        return _of_hugging_face(given, tokenizer, device, dtype, name)
    if isinstance(given, nn.Module):
        raise UsageError(
            f"a {type(given).__name__} is no model that can be read. Give the Hugging Face model that it was made of, "
            "or a TransformerBridge."
        )
    raise UsageError(f"{described(given)} is no model. Give {ALLOWED}.")


def is_bridge(given: Any) -> bool:
    """Whether it is a TransformerBridge; TransformerLens is not imported for the question."""
    return any(kind.__name__ == "TransformerBridge" for kind in type(given).__mro__)


def is_hugging_face(given: Any) -> bool:
    """Whether it is a model of transformers', which is not imported for the question."""
    return any(kind.__name__ == "PreTrainedModel" for kind in type(given).__mro__)


def _named(
    name: str,
    tokenizer: Any,
    device: Device | str | None,
    dtype: Precision | str | None,
    say: Callable[[str], None],
) -> Model:
    if tokenizer is not None:
        raise UsageError(f"a tokenizer was given beside the model {name}, which comes with its own. Leave it away.")
    opened: Model = open_model(name, device or Device.AUTO, dtype or Precision.FLOAT32, say)
    return opened


def _of_hugging_face(
    hf_model: Any, tokenizer: Any, device: Device | str | None, dtype: Precision | str | None, name: str
) -> Model:
    name = name or str(getattr(hf_model.config, "_name_or_path", "")) or type(hf_model).__name__
    with quiet():
        own = _apart(hf_model, (), device, dtype, name)
        own.config._attn_implementation = EAGER
        return wrap(own, tokenizer, name)


def _of_bridge(
    bridge: Any, tokenizer: Any, device: Device | str | None, dtype: Precision | str | None, name: str
) -> Model:
    name = name or str(getattr(bridge.cfg, "model_name", "") or type(bridge.original_model).__name__)
    with quiet():
        own = _apart(bridge, (bridge.original_model,), device, dtype, name, shared=bridge.tokenizer)
        weight = next(own.original_model.parameters())
        own.cfg.dtype, own.cfg.device = weight.dtype, str(weight.device)
        return wrap_bridge(own, name, tokenizer)


def _apart(
    module: nn.Module,
    inner: tuple[nn.Module, ...],
    device: Device | str | None,
    dtype: Precision | str | None,
    name: str,
    shared: Any = None,
) -> Any:
    """The same modules without hooks, over the same numbers where neither device nor precision changes.

    `inner` are modules that `module` holds without saying so, `shared` is an object that both may have.
    """
    parts = {id(part): part for root in (module, *inner) for part in root.modules()}.values()
    if any(hasattr(part, "_hf_hook") for part in parts):
        raise ModelError(f"{name} is spread over several devices. Load it on one, without device_map.")
    where = None if device is None else torch.device(resolve_device(Device(device)))
    wanted = None if dtype is None else getattr(torch, Precision(dtype).value)
    memo: dict[int, Any] = {} if shared is None else {id(shared): shared}
    for part in parts:
        for value in vars(part).values():  # such as what the last call has left behind, with its graph
            memo |= {id(tensor): tensor.detach() for tensor in _tensors_in(value)}
        for tensor in (*part.parameters(recurse=False), *part.buffers(recurse=False)):
            memo[id(tensor)] = _over(tensor, where, wanted, name)
    for part in parts:
        for attribute in HOOKS:
            hooks = part.__dict__.get(attribute)
            if hooks is not None:
                memo[id(hooks)] = type(hooks)()
    try:
        return copy.deepcopy(module, memo).eval()
    except AcdcError:
        raise
    except Exception as error:  # of something that the model carries beside its modules
        why = shortened(" ".join(str(error).split()) or type(error).__name__, 200)
        raise ModelError(f"{name} holds something that cannot be left where it is: {why}.") from error


def _tensors_in(value: Any) -> Iterator[Tensor]:
    """Tensors that are an attribute, or in a list, a tuple or a dictionary that is one."""
    match value:
        case Tensor():
            yield value
        case list() | tuple():
            for inner in value:
                yield from _tensors_in(inner)
        case dict():
            for inner in value.values():
                yield from _tensors_in(inner)


def _over(tensor: Tensor, device: torch.device | None, dtype: torch.dtype | None, name: str) -> Tensor:
    """A tensor of its own over the same numbers; half precision becomes float32, if nothing else is wanted."""
    if isinstance(tensor, nn.Parameter) and not tensor.is_floating_point():
        raise ModelError(f"the weights of {name} are quantised. Load it without quantisation.")
    if tensor.is_meta:
        raise ModelError(f"{name} has no weights on any device (they are on meta). Load it with them.")
    computed_in = tensor.dtype
    if tensor.is_floating_point():
        computed_in = dtype or (tensor.dtype if tensor.dtype in COMPUTED_IN else torch.float32)
    own = tensor.detach().to(device or tensor.device, computed_in)
    return nn.Parameter(own, requires_grad=False) if isinstance(tensor, nn.Parameter) else own
