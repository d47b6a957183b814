"""How large a model is, from its configuration alone: what to know before any of its weights are in memory."""

from __future__ import annotations

from collections.abc import Callable

from acdc_custom.choices import Precision
from acdc_custom.errors import ModelError
from acdc_custom.model.open import model_source
from acdc_custom.model.quiet import quiet

BYTES = {Precision.FLOAT32: 4, Precision.FLOAT64: 8}


def model_bytes(name: str, dtype: Precision | str, say: Callable[[str], None] = lambda line: None) -> int:
    """The bytes of a model's weights; `name` and `say` as in `open_model`.

    Raises `UsageError` or `ModelError` for a model that is not there.
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    with quiet():
        source, options = model_source(name, say)
        try:
            config = AutoConfig.from_pretrained(source, **options)
            with torch.device("meta"):
                model = AutoModelForCausalLM.from_config(config)
        except Exception as error:  # configurations are fetched and parsed by libraries with errors of their own
            raise ModelError(f"the configuration of {name} could not be read: {error}") from error
    numbers: int = sum(parameter.numel() for parameter in model.parameters())
    return numbers * BYTES[Precision(dtype)]
