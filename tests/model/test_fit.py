"""A model that is not its checkpoint is refused: every tensor has its place, and every place its tensor."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from directories import Change, both, changed_config, changed_tensors, llama, local_model, with_tensors
from tiny import VOCAB

from acdc_custom.errors import ModelError
from acdc_custom.model.fit import HARMLESS, is_harmless
from acdc_custom.model.open import open_model

LAYER = "model__layers__0__"
ATTENTION = f"{LAYER}self_attn__"


def cast(*names: str, to: torch.dtype) -> Change:
    return changed_tensors(lambda tensors: tensors.update({name: tensors[name].to(to) for name in names}))


def dropped(*names: str) -> Change:
    return changed_tensors(lambda tensors: [tensors.pop(name) for name in names])


def own_head(tensors: dict[str, torch.Tensor]) -> None:
    tensors["lm_head.weight"] = tensors["model.embed_tokens.weight"] + 1


OTHER_MODELS: dict[str, tuple[Change, str]] = {
    "biases of queries, keys and values": (
        with_tensors(
            **{f"{ATTENTION}{which}_proj__bias": (size,) for which, size in (("q", 16), ("k", 8), ("v", 8), ("o", 16))}
        ),
        r"k_proj\.bias has no place in it; .*; and 1 more like this\. attention_bias = true in config\.json would give",
    ),
    "biases of the MLP": (with_tensors(**{f"{LAYER}mlp__up_proj__bias": (16,)}), "mlp_bias = true in config.json"),
    "norms of queries and keys": (
        with_tensors(**{f"{ATTENTION}{which}_norm__weight": (4,) for which in "qk"}),
        r"k_norm\.weight has no place in it; .*q_norm\.weight.* Models of the type qwen3 or gemma3 have norms",
    ),
    "scales of quantised weights": (
        with_tensors(**{f"{ATTENTION}q_proj__weight_scale": (16,)}),
        "scales of quantised weights",
    ),
    "int8 weights": (cast("model.layers.0.self_attn.q_proj.weight", to=torch.int8), "q_proj.weight is stored as int8"),
    "fp8 weights": (
        both(
            cast("model.layers.0.mlp.up_proj.weight", to=torch.float8_e4m3fn),
            with_tensors(**{f"{LAYER}mlp__up_proj__weight_scale_inv": (1, 1)}),
        ),
        "up_proj.weight is stored as float8_e4m3",
    ),
    "packed four-bit weights": (
        with_tensors(**{f"{ATTENTION}q_proj__qweight": (2, 16)}),
        "q_proj.qweight has no place",
    ),
    "low-rank factors of an adapter": (
        with_tensors(**{f"{ATTENTION}q_proj__lora_A__weight": (2, 16)}),
        "belong to an adapter: merge it",
    ),
    "norms after the MLP": (with_tensors(**{f"{LAYER}post_feedforward_layernorm__weight": (16,)}), "gemma2"),
    "a mixture of experts": (with_tensors(**{f"{LAYER}mlp__experts__0__up_proj__weight": (16, 16)}), "of experts"),
    "a head for another purpose": (with_tensors(score__weight=(2, 16)), "another purpose"),
    "a bias of the head": (with_tensors(lm_head__bias=(VOCAB,)), r"lm_head\.bias has no place in it"),
    "something unheard of": (with_tensors(something__weight=(1,)), "Models of the type llama have none of this name"),
    "a head of its own where there is none": (
        both(changed_tensors(own_head), changed_config(tie_word_embeddings=True)),
        "two that differ. If the head is one of its own, write tie_word_embeddings = false",
    ),
    "no head where there is one": (
        dropped("lm_head.weight"),
        r"lm_head\.weight is missing\. If the head is the embedding, write tie_word_embeddings = true",
    ),
    "a norm missing": (dropped("model.norm.weight"), r"model\.norm\.weight is missing"),
    "biases missing": (changed_config(attention_bias=True), "k_proj.bias is missing.* write attention_bias = false"),
    "a layer too few": (changed_config(num_hidden_layers=2), r"model\.layers\.1.* is missing"),
    "a layer too many": (changed_config(num_hidden_layers=0), "belongs to a layer beyond the 0 that there are"),
    "another width": (
        changed_config(intermediate_size=32),
        r"is \(16, 16\), not \(16, 32\); .* Its shape is that of hidden_size and intermediate_size",
    ),
    "a width of a milliard": (
        changed_config(intermediate_size=10**9),
        "it describes a model of .* numbers, and the files",
    ),
    "a milliard of layers": (changed_config(num_hidden_layers=10**9), "says that there are 1,000,000,000 layers"),
    "another vocabulary": (changed_config(vocab_size=40), "Its shape is that of vocab_size and hidden_size"),
    "weights that are no numbers": (
        changed_tensors(lambda tensors: tensors["model.layers.0.mlp.up_proj.weight"][0, :2].fill_(torch.nan)),
        r"up_proj\.weight of .* holds 2 values that are no numbers \(NaN or infinite\), of 256",
    ),
    "an infinite weight": (
        changed_tensors(lambda tensors: tensors["model.norm.weight"][0].fill_(torch.inf)),
        r"model\.norm\.weight of .* holds 1 values that are no numbers",
    ),
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return local_model(tmp_path_factory.mktemp("made"), llama())


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    import shutil

    return Path(shutil.copytree(made, tmp_path / "mine"))


@pytest.mark.parametrize("case", OTHER_MODELS)
def test_a_checkpoint_of_another_model_is_refused_with_what_would_make_it_right(case: str, folder: Path) -> None:
    change, message = OTHER_MODELS[case]
    change(folder)
    with pytest.raises(ModelError, match=message) as error:
        open_model(str(folder), device="cpu")
    assert "\n" not in str(error.value)


HARMLESS_TENSORS: dict[str, tuple[int, ...]] = {
    "model__layers__0__self_attn__rotary_emb__inv_freq": (2,),
    "model__rotary_emb__inv_freq": (2,),
    "model__layers__0__self_attn__bias": (1, 1, 8, 8),
    "model__layers__0__self_attn__masked_bias": (),
    "model__position_ids": (1, 8),
}


@pytest.mark.parametrize("name", HARMLESS_TENSORS)
def test_what_no_model_needs_may_be_left_over(name: str, folder: Path) -> None:
    before = open_model(str(folder), device="cpu").fingerprint
    with_tensors(**{name: HARMLESS_TENSORS[name]})(folder)
    assert open_model(str(folder), device="cpu").fingerprint == before


def test_each_harmless_kind_is_tried() -> None:
    tried = {name.replace("__", "."): shape for name, shape in HARMLESS_TENSORS.items()}
    assert all(any(kind.name.search(name) for name in tried) for kind in HARMLESS)
    assert all(is_harmless(name, shape) for name, shape in tried.items())


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("model.layers.0.self_attn.bias", (16,)),
        ("h.0.attn.c_attn.bias", (48,)),
        ("h.0.crossattention.bias", (16,)),
        ("model.rotary_emb.inv_freq", (2, 2)),
        ("model.layers.0.self_attn.masked_bias", (4,)),
        ("model.layers.0.self_attn.q_proj.bias", (1, 1, 4, 4)),
    ],
)
def test_a_tensor_of_a_harmless_name_and_another_shape_is_not_harmless(name: str, shape: tuple[int, ...]) -> None:
    assert not is_harmless(name, shape)


def test_a_bias_that_transformers_passes_over_in_gpt2_is_refused_and_its_old_mask_is_not(tmp_path: Path) -> None:
    from transformers import GPT2Config, GPT2LMHeadModel

    config = GPT2Config(n_layer=1, n_head=2, n_embd=8, vocab_size=VOCAB, n_positions=16, bos_token_id=0, eos_token_id=0)
    folder = local_model(tmp_path / "gpt2", GPT2LMHeadModel(config))
    with_tensors(transformer__h__0__attn__bias=(1, 1, 16, 16))(folder)
    open_model(str(folder), device="cpu")
    with_tensors(transformer__h__0__attn__bias=(8,))(folder)
    with pytest.raises(ModelError, match=r"transformer\.h\.0\.attn\.bias has no place in it"):
        open_model(str(folder), device="cpu")


def test_a_head_that_is_the_embedding_may_be_stored_twice(folder: Path) -> None:
    def doubled(tensors: dict[str, Any]) -> None:
        tensors["lm_head.weight"] = tensors["model.embed_tokens.weight"]

    both(changed_tensors(doubled), changed_config(tie_word_embeddings=True))(folder)
    model = open_model(str(folder), device="cpu")
    assert torch.equal(model.weights.unembedding, model.weights.token_embedding)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_is_computed_in_float32_and_the_run_says_so(dtype: str, folder: Path) -> None:
    names: list[str] = []
    changed_tensors(lambda tensors: tensors.update({n: t.to(getattr(torch, dtype)) for n, t in tensors.items()}))(
        folder
    )
    model = open_model(str(folder), device="cpu", say=names.append)
    assert model.dtype is torch.float32
    assert names == [f"The weights of {folder} are stored as {dtype}; everything is computed in float32"]
