"""Is the loaded model the checkpoint? Every stored tensor has its place, and every place its tensor.

Owns the comparison of what a library loaded with what lay in the files, the list of tensors that may be left over, and
which key of the configuration would give a place to one that may not. A tensor without a place would be another model,
and so would a place without a tensor, which libraries fill at random.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from acdc_custom.errors import ModelError
from acdc_custom.model.checkpoint import StoredTensor
from acdc_custom.model.library import empty_model

NAMED = 3  # tensors in a message
MOST_TIMES = 4  # as many numbers as are stored; what is stored once and tied is counted once
FEW_NUMBERS, FEW_LAYERS = 10_000_000, 100  # of these no machine is short
BIASES = ("attention_bias", "mlp_bias", "enable_bias", "use_bias")


@dataclass(frozen=True)
class Harmless:
    """Tensors that older programs stored and no model needs: what they are is written in the configuration."""

    what: str
    name: re.Pattern[str]
    fits: Callable[[tuple[int, ...]], bool]  # the shape


HARMLESS = (
    Harmless("rotary frequencies", re.compile(r"(^|\.)rotary_emb\.inv_freq$"), lambda shape: len(shape) == 1),
    Harmless(
        "causal masks",
        re.compile(r"(^|\.)(attn|attention|self_attn)\.bias$"),
        lambda shape: len(shape) == 4 and shape[:2] == (1, 1) and shape[2] == shape[3],
    ),
    Harmless(
        "what masked scores are set to",
        re.compile(r"(^|\.)(attn|attention|self_attn)\.masked_bias$"),
        lambda shape: shape in ((), (1,)),
    ),
    Harmless("numbers of positions", re.compile(r"(^|\.)position_ids$"), lambda shape: len(shape) in (1, 2)),
)


@dataclass(frozen=True)
class Place:
    """What would give a tensor of this name a place: options of the configuration that would, and else advice."""

    name: re.Pattern[str]
    options: tuple[str, ...]
    otherwise: str = ""


PLACES = (
    Place(re.compile(r"lora_|\.adapter|base_layer"), (), "These belong to an adapter: merge it into its model first."),
    Place(
        re.compile(r"scale|zero_point|qweight|qzeros|g_idx|\.SCB$|absmax|quant"),
        (),
        "These are scales of quantised weights: use the model from which it was made, or dequantise it.",
    ),
    Place(
        re.compile(r"\.(q_proj|k_proj|v_proj|o_proj|out_proj|qkv_proj|query_key_value|dense)\.bias$"),
        ("attention_bias", "enable_bias", "use_bias"),
    ),
    Place(re.compile(r"\.mlp\.\w+\.bias$|\.fc[12]\.bias$"), ("mlp_bias", "enable_bias", "use_bias")),
    Place(
        re.compile(r"\.(q|k)(_norm|_layernorm|_layer_norm)\."),
        ("use_qk_norm", "qk_layernorm"),
        "Models of the type qwen3 or gemma3 have norms of queries and keys.",
    ),
    Place(
        re.compile(r"(pre|post)_feedforward_layernorm"),
        (),
        "Models of the type gemma2, gemma3 or olmo2 have such norms.",
    ),
    Place(re.compile(r"experts|\.router\.|\.gate\.weight$"), (), "These belong to a mixture of experts."),
    Place(
        re.compile(r"^(score|classifier|v_head|qa_outputs)\."),
        (),
        "These belong to a head for another purpose than to continue a text.",
    ),
    Place(re.compile(r"vision|visual|audio|image|multi_modal"), (), "These belong to a model that also sees or hears."),
    Place(re.compile(r"embed_positions|\bwpe\b|embd_pos"), ("max_position_embeddings", "n_positions")),
)


def is_harmless(name: str, shape: tuple[int, ...]) -> bool:
    """Whether a tensor of this name and shape may be left over."""
    return any(kind.name.search(name) and kind.fits(shape) for kind in HARMLESS)


def check_size(source: str, config: Any, stored: Mapping[str, StoredTensor]) -> None:
    """Refuse a configuration of a far larger model than the files hold, before memory is taken for it.

    What is missing in detail, `check_fit` tells. Raises `ModelError`.
    """
    layers = getattr(config.get_text_config(), "num_hidden_layers", 0)
    if isinstance(layers, int) and layers > max(len(stored), FEW_LAYERS):  # each layer has a tensor of its own
        raise _misfit(
            source, [f"it says that there are {layers:,} layers, and the files hold {len(stored)} tensors"], ""
        )
    numbers = sum(parameter.numel() for parameter in empty_model(config, source).parameters())
    held = sum(prod(it.shape) for it in stored.values())
    if numbers > MOST_TIMES * max(held, FEW_NUMBERS):
        what = f"it describes a model of {numbers:,} numbers, and the files hold {held:,}"
        raise _misfit(source, [what], "Look at its sizes: hidden_size, vocab_size, intermediate_size, head_dim.")


def check_fit(source: str, hf_model: Any, loaded: Mapping[str, Any], stored: Mapping[str, StoredTensor]) -> None:
    """Refuse a model that is not its checkpoint. Raises `ModelError`.

    `loaded` is what transformers reports of the loading. It leaves out what it takes for harmless, and its lists are
    longer than ours, so `stored`, what the files' headers say, is asked as well.
    """
    config = hf_model.config
    wrong = [f"{name} is {tuple(got)}, not {tuple(needed)}" for name, got, needed in sorted(loaded["mismatched_keys"])]
    if wrong:
        raise _misfit(source, wrong, _sizes(name for name, *_ in sorted(loaded["mismatched_keys"])))
    missing = sorted(loaded["missing_keys"])
    left_over = sorted(_left_over(hf_model, loaded, stored))
    layers = config.get_text_config().num_hidden_layers
    beyond = [name for name in left_over if (found := re.search(r"\.(\d+)\.", name)) and int(found[1]) >= layers]
    if missing:
        raise _misfit(source, [f"{name} is missing" for name in missing], _advice_for_missing(missing, config))
    if beyond:
        what = [f"{name} belongs to a layer beyond the {layers} that there are" for name in beyond]
        raise _misfit(source, what, "")
    if left_over:
        raise _misfit(source, [f"{name} has no place in it" for name in left_over], _advice(left_over, config))
    untied = _untied(hf_model, stored)
    if untied:
        raise _misfit(source, [untied], "If the head is one of its own, write tie_word_embeddings = false.")


def check_gguf(source: str, hf_model: Any, path: Path) -> None:
    """Refuse a GGUF file with tensors that transformers passes over, in silence. Raises `ModelError`."""
    from gguf import GGUFReader
    from transformers.modeling_gguf_pytorch_utils import TENSOR_PROCESSORS, TensorProcessor, get_gguf_hf_weights_map

    processor = TENSOR_PROCESSORS.get(hf_model.config.model_type, TensorProcessor)(config=hf_model.config.to_dict())
    places = get_gguf_hf_weights_map(hf_model, processor)
    left_over = [f"{t.name} has no place" for t in GGUFReader(path).tensors if t.name not in places]
    if left_over:
        advice = "It is read as a model of another kind than it is: use the model from which the file was made."
        raise _misfit(source, left_over, advice, "what transformers makes of its metadata")


def check_numbers(source: str, hf_model: Any) -> None:
    """Refuse weights that are no numbers. Raises `ModelError` that names the first tensor."""
    for name, parameter in hf_model.named_parameters():
        finite = parameter.isfinite()
        if not bool(finite.all()):
            n_wrong = int((~finite).sum())
            raise ModelError(
                f"{name} of {source} holds {n_wrong:,} values that are no numbers (NaN or infinite), of "
                f"{parameter.numel():,}. The training, or a conversion to float16, went wrong: use another checkpoint."
            )


def _left_over(hf_model: Any, loaded: Mapping[str, Any], stored: Mapping[str, StoredTensor]) -> Iterator[str]:
    """The tensors that were stored and not used, without the harmless ones."""
    ignored = [re.compile(pattern) for pattern in hf_model._keys_to_ignore_on_load_unexpected or ()]
    prefix = f"{hf_model.base_model_prefix}."
    used = set(hf_model.state_dict())
    unused = set(loaded["unexpected_keys"])
    for name in stored:
        # What transformers takes for harmless, or the rotary and position buffers that it knows of, is not reported.
        if any(pattern.search(name) for pattern in ignored) or name.endswith(("inv_freq", "position_ids")):
            known = {name, prefix + name, name.removeprefix(prefix)}
            unused |= {name} if not known & used else set()
    for name in unused:
        shape = stored[name].shape if name in stored else None
        if shape is None or not is_harmless(name, shape):
            yield name


def _untied(hf_model: Any, stored: Mapping[str, StoredTensor]) -> str:
    """What to say of a head of its own where the configuration says that it is the embedding; empty if all is well."""
    head, embedding = hf_model.get_output_embeddings(), hf_model.get_input_embeddings()
    if head is None or not getattr(hf_model.config.get_text_config(), "tie_word_embeddings", False):
        return ""
    if head.weight is embedding.weight or bool((head.weight == embedding.weight).all()):
        return ""
    return "it says that the head is the embedding (tie_word_embeddings), and the files hold two that differ"


def _advice(names: Sequence[str], config: Any) -> str:
    """What would give the first of these a place that anything is known of."""
    for name, place in ((name, place) for name in names for place in PLACES):
        if not place.name.search(name):
            continue
        now = {option: getattr(config, option, None) for option in place.options}
        for option, value in now.items():
            if value is False:
                return f"{option} = true in config.json would give {name} a place."
            if isinstance(value, int) and value is not True:
                return f"Another {option} would give {name} a place; config.json says {value}."
        if place.otherwise:
            return place.otherwise
    return f"Models of the type {config.model_type} have none of this name: the model_type is another one."


def _advice_for_missing(names: Sequence[str], config: Any) -> str:
    first = names[0]
    if first.startswith(("lm_head.", "embed_out.")) and len(names) == 1:
        return "If the head is the embedding, write tie_word_embeddings = true."
    if first.endswith(".bias"):
        options = [
            o for o in ("attention_bias", "mlp_bias", "enable_bias", "use_bias") if getattr(config, o, None) is True
        ]
        return f"Without biases, write {' and '.join(f'{option} = false' for option in options)}." if options else ""
    return ""


def _sizes(names: Iterable[str]) -> str:
    """Which keys of a configuration a tensor's shape depends on."""
    for name in names:
        if re.search(r"embed_tokens|wte|lm_head|embed_in|embed_out", name):
            return "Its shape is that of vocab_size and hidden_size."
        if re.search(r"mlp|fc[12]", name):
            return "Its shape is that of hidden_size and intermediate_size."
        if re.search(r"attn|attention", name):
            return "Its shape is that of hidden_size, num_attention_heads, num_key_value_heads and head_dim."
    return ""


def _misfit(source: str, problems: Sequence[str], advice: str, what: str = "its config.json") -> ModelError:
    named = "; ".join(problems[:NAMED])
    more = f"; and {len(problems) - NAMED} more like this" if len(problems) > NAMED else ""
    return ModelError(f"the weights of {source} do not fit {what}: {named}{more}.{' ' if advice else ''}{advice}")
