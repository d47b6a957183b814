"""The names of single MLP neurons, and the tables in which other analyses rank them.

Owns both. Knows nothing of models: whether one has such a neuron is asked where the model is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from acdc_custom.errors import UsageError
from acdc_custom.task.records import csv_records, decode, read_bytes

_N = "(0|[1-9][0-9]{0,8})"
_FORMS = (rf"L{_N}[ .]?N{_N}", rf"M(?:LP)? ?{_N}[ .]?N{_N}", rf"{_N}\.{_N}")
# What ranks neurons, by the columns of the table: of `patch-neurons`, and of `word-neurons`.
RANKED_BY: Mapping[tuple[str, ...], str] = {("effect",): "effect", ("reads_z", "writes_z"): "z-score"}


@dataclass(frozen=True, order=True)
class Neuron:
    """One neuron of one layer's MLP, both counted from 0. Its name is `L5N441`."""

    layer: int
    number: int

    def __str__(self) -> str:
        return f"L{self.layer}N{self.number}"

    @classmethod
    def parse(cls, name: str) -> Neuron:
        """The neuron that somebody wrote: `L5N441`, `L5 N441`, `m5.n441` or `5.441`. Raises `UsageError`."""
        for form in _FORMS:
            if found := re.fullmatch(form, name.strip(), re.IGNORECASE):
                return cls(int(found[1]), int(found[2]))
        raise UsageError(
            f'"{name.strip()}" is no neuron. Neurons are called L5N441 (or 5.441): neuron 441 of layer 5, both counted '
            "from 0."
        )


def ranked_neurons(path: Path, first: int) -> tuple[Neuron, ...]:
    """The first neurons of a table that `patch-neurons` or `word-neurons` has written: those of the largest effect, or
    z-score, of either sign. Raises `TaskError` for a file that is none."""
    file = str(path)
    columns: tuple[str, ...] = ()

    def check(found: Sequence[str]) -> None:
        nonlocal columns
        columns = next((these for these in RANKED_BY if {"layer", "neuron", *these} <= set(found)), ())
        if not columns:
            raise ValueError(
                "this is no table of neurons: it needs the columns layer, neuron, and effect or reads_z and writes_z. "
                "Give a CSV file of acdc-custom analyze patch-neurons or word-neurons, or names such as L5N441"
            )

    found: list[tuple[float, Neuron]] = []
    for place, _, row in csv_records(decode(read_bytes(path), file), file, check):
        found.append(_row(f"{file}, {place}", row, columns))
    if not found:
        raise UsageError(f"{file}: no neurons in this file.")
    return tuple(neuron for _, neuron in sorted(found, key=lambda one: (-one[0], one[1]))[:first])


def _row(where: str, row: Mapping[str, Any], columns: Sequence[str]) -> tuple[float, Neuron]:
    def read(kind: Callable[[str], Any], column: str) -> Any:
        try:
            return kind(row[column])
        except ValueError:
            raise UsageError(f'{where}: the column "{column}" has "{row[column]}", which is no number.') from None

    neuron = Neuron(read(int, "layer"), read(int, "neuron"))
    return max(abs(read(float, column)) for column in columns), neuron
