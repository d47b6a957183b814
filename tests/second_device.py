"""A device beside the CPU that is not there: tensors that say they are on it, and are computed on the CPU.

Catches what a GPU would refuse: an operation whose tensors are in two places. Where a number or a single index comes
from does not matter, as on a GPU.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

DEVICE = torch.device("meta")  # no GPU's: torch without CUDA cannot even slice a tensor of such
READ = (Tensor.tolist, Tensor.__bool__, Tensor.__float__, Tensor.__int__, Tensor.item)
INDEXED = ("aten::index", "aten::index_put_", "aten::_index_put_impl_", "aten::_unsafe_index")


class Elsewhere(Tensor):
    """A tensor that says it is on the device; what is in it is held on the CPU."""

    held: Tensor

    @staticmethod
    def __new__(cls, held: Tensor) -> Elsewhere:
        made: Elsewhere = Tensor._make_wrapper_subclass(  # type: ignore[attr-defined]
            cls,
            held.size(),
            strides=held.stride(),
            storage_offset=held.storage_offset(),
            dtype=held.dtype,
            device=DEVICE,
        )
        made.held = held
        return made

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in READ:
            return func(args[0].held)
        return super().__torch_function__(func, types, args, kwargs or {})

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        with SecondDevice():
            return func(*args, **(kwargs or {}))


class SecondDevice(TorchDispatchMode):
    """Within it, what is made on the device is `Elsewhere`."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given, name = kwargs or {}, func._schema.name
        moved = given.get("device")
        parts = (args[0], args[2:]) if name in INDEXED else (args, given)
        tensors = [leaf for leaf in tree_leaves(parts) if isinstance(leaf, Tensor)]
        places = {isinstance(tensor, Elsewhere) for tensor in tensors if tensor.dim() or isinstance(tensor, Elsewhere)}
        if len(places) == 2 and moved is None and name != "aten::copy_":
            raise RuntimeError(f"Expected all tensors to be on the same device: {func} got some on the CPU")
        there = True in places if moved is None else torch.device(moved).type == DEVICE.type
        here = given if moved is None else {**given, "device": "cpu"}
        out = func(*tree_map(_held, args), **tree_map(_held, here))
        if not there:
            return out
        known = {id(leaf.held): leaf for leaf in tree_leaves((args, given)) if isinstance(leaf, Elsewhere)}
        return tree_map(lambda leaf: known.get(id(leaf), Elsewhere(leaf)) if isinstance(leaf, Tensor) else leaf, out)


def _held(leaf: Any) -> Any:
    return leaf.held if isinstance(leaf, Elsewhere) else leaf


class _FromLists(TorchFunctionMode):
    """Tensors that are made of lists are filled before any operation of theirs is seen."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = kwargs or {}
        if func is torch.tensor and torch.device(given.get("device") or "cpu").type == DEVICE.type:
            return Elsewhere(func(*args, **{**given, "device": "cpu"}))
        if func in (Tensor.__getitem__, Tensor.__setitem__):
            index = args[1] if isinstance(args[1], tuple) else (args[1],)
            index = tuple(_indices(each) if isinstance(each, list) else each for each in index)
            args = (args[0], index, *args[2:])
        return func(*args, **given)


def _indices(places: list[Any]) -> Tensor:
    return torch.tensor(places) if places else torch.empty(0, dtype=torch.long)


@contextmanager
def second_device() -> Iterator[None]:
    """The device is there."""
    with SecondDevice(), _FromLists():
        yield


def elsewhere(value: Any) -> Any:
    """A record, and all that it holds, with its tensors on the device."""
    if isinstance(value, Tensor):
        return Elsewhere(value.detach())
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {
            field.name: elsewhere(getattr(value, field.name)) for field in dataclasses.fields(value) if field.init
        }
        return dataclasses.replace(value, **fields)
    if isinstance(value, (tuple, list)):
        return type(value)(map(elsewhere, value))
    return value
