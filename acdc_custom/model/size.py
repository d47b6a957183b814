"""How large a model is, from its configuration alone: what to know before any of its weights are in memory."""

from __future__ import annotations

from collections.abc import Callable

from acdc_custom.choices import Precision
from acdc_custom.model.library import empty_model
from acdc_custom.model.open import open_config
from acdc_custom.model.quiet import quiet

BYTES = {Precision.FLOAT32: 4, Precision.FLOAT64: 8}


def model_bytes(name: str, dtype: Precision | str, say: Callable[[str], None] = lambda line: None) -> int:
    """The bytes of a model's weights; `name` and `say` as in `open_model`.

    Raises `UsageError` or `ModelError` for a model that is not there.
    """
    config = open_config(name, say)
    with quiet():
        model = empty_model(config, name)
    numbers: int = sum(parameter.numel() for parameter in model.parameters())
    return numbers * BYTES[Precision(dtype)]
