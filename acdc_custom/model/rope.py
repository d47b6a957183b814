"""Which rotary positions are covered, and for how long prompts.

Owns the types by their names in configurations. The tables themselves are the model's own, read by `read.py`.
"""

from __future__ import annotations

from typing import Any

from acdc_custom.errors import ModelError

# Rotary positions whose tables are the same for every length of prompt, and those where that is so up to the length
# with which the model was trained first: longer prompts are not read.
ROPE_TYPES = ("default", "linear", "llama3", "yarn")
ROPE_TYPES_TO_A_LENGTH = ("dynamic", "longrope")


def rope_options(config: Any) -> list[dict[str, Any]]:
    """The options of rotary positions: one set, or one per type of layer; none for models without."""
    options = getattr(config, "rope_parameters", None) or {}
    by_layer = [of for of in options.values() if isinstance(of, dict)]
    return by_layer or ([options] if options else [])


def longest_prompt(config: Any) -> int | None:
    """Up to how many tokens rotary tables are the same for every length of prompt; None: always."""
    lengths = [
        int(options.get("original_max_position_embeddings") or config.max_position_embeddings)
        for options in rope_options(config)
        if options.get("rope_type") in ROPE_TYPES_TO_A_LENGTH
    ]
    return min(lengths, default=None)


def check_rope(title: str, config: Any) -> None:
    """Refuse rotary positions of a type that is not covered. Raises `ModelError` that begins with the `title`."""
    covered = (*ROPE_TYPES, *ROPE_TYPES_TO_A_LENGTH)
    for options in rope_options(config):
        rope_type = options.get("rope_type", "default")
        if rope_type not in covered:
            raise ModelError(
                f"{title} with rotary positions of the type {rope_type} is not covered. Covered are types whose tables "
                f"do not depend on the prompt's length: {', '.join(covered)}."
            )
