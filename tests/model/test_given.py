"""What a user has a model as is read, and left exactly as it was."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from tiny import VOCAB, tiny_hf, tiny_llama
from tiny_task import NumberTokenizer

from acdc_custom.errors import ModelError, UsageError
from acdc_custom.model.catalogue import DEFAULT_MODEL, BundledModel, find
from acdc_custom.model.check import check
from acdc_custom.model.given import load_model, read_model
from acdc_custom.model.model import Model

TOKENS = torch.arange(12).view(2, 6) % VOCAB


def bundled_folder() -> str:
    found = find(DEFAULT_MODEL)
    assert isinstance(found, BundledModel)
    return str(found.directory)


def hugging_face() -> Any:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = bundled_folder()
    return AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)


def bridge() -> Any:
    from transformer_lens.model_bridge import TransformerBridge

    return TransformerBridge.boot_transformers(bundled_folder())


def state(module: Any) -> list[Any]:
    """Everything that may not change: names and kinds of modules, their mode and hooks, all numbers, gradients."""
    inner = getattr(module, "original_model", module)
    modules = [*module.named_modules(), *inner.named_modules()]
    hooks = [(len(m._forward_hooks), len(m._forward_pre_hooks), len(getattr(m, "fwd_hooks", ()))) for _, m in modules]
    tensors = [*inner.named_parameters(), *inner.named_buffers()]
    return [
        [(name, type(m), m.training) for name, m in modules],
        hooks,
        [
            (n, id(t), t.dtype, str(t.device), t.requires_grad, None if t.grad is None else id(t.grad))
            for n, t in tensors
        ],
        [t.detach().float().sum().item() for _, t in tensors] + [t._version for _, t in tensors],
        repr(inner.config),
    ]


@pytest.fixture(scope="module")
def by_name() -> Model:
    return load_model("demo-4l")


@pytest.mark.parametrize("mode", ["train", "eval"])
@pytest.mark.parametrize("kind", ["Hugging Face", "TransformerLens"])
def test_a_loaded_model_is_left_exactly_as_it_was(kind: str, mode: str, by_name: Model) -> None:
    tokens = TOKENS % 100
    if kind == "Hugging Face":
        mine, tokenizer = hugging_face()
        mine.transformer.h[0].register_forward_hook(lambda module, args, output: None)
    else:
        mine, tokenizer = bridge(), None
        mine.add_hook("blocks.0.hook_out", lambda value, hook: value)
    getattr(mine, mode)()
    mine(tokens)
    before = state(mine)
    loaded = load_model(mine, tokenizer)
    assert check(loaded, tokens) < 1e-4
    assert state(mine) == before
    assert loaded.graph == by_name.graph and loaded.dtype is torch.float32
    embedding = loaded.weights.token_embedding
    assert torch.equal(embedding, by_name.weights.token_embedding)
    inner = getattr(mine, "original_model", mine)
    assert embedding.data_ptr() in {p.data_ptr() for p in inner.parameters()}, "the numbers are shared, not copied"


def test_a_hugging_face_model_has_the_fingerprint_of_the_same_model_by_name(by_name: Model) -> None:
    assert load_model(hugging_face()).fingerprint == by_name.fingerprint


def test_hooks_of_the_user_are_no_part_of_the_model(by_name: Model) -> None:
    mine, tokenizer = hugging_face()
    mine.transformer.h[0].register_forward_hook(lambda module, args, output: torch.zeros_like(output))
    loaded = load_model(mine, tokenizer)
    tokens = TOKENS % 100
    with torch.no_grad():
        assert torch.equal(loaded.bridge(tokens), by_name.bridge(tokens))


@pytest.mark.parametrize("name", ["gpt2", "llama", "gemma2", "qwen3", "phi"])
def test_every_kind_of_model_still_answers_the_same_afterwards(name: str) -> None:
    mine = tiny_hf(name, 0)
    with torch.no_grad():
        before = mine(TOKENS).logits
        loaded = load_model(mine, NumberTokenizer(), name="mine")
        assert check(loaded, TOKENS) < 1e-4
        assert torch.equal(mine(TOKENS).logits, before)
    assert loaded.name == "mine" and loaded.dtype is torch.float64


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_float32_and_stays_what_it_is(dtype: torch.dtype) -> None:
    mine = tiny_hf("gpt2", 0, dtype)
    loaded = load_model(mine, NumberTokenizer())
    assert loaded.dtype is torch.float32 and mine.dtype is dtype
    assert torch.equal(loaded.weights.token_embedding, mine.transformer.wte.weight.float())
    assert load_model(mine, NumberTokenizer(), dtype="float64").dtype is torch.float64


def test_what_load_model_gave_is_taken_as_it_is() -> None:
    model = tiny_llama(0)
    assert read_model(model) is model


WRONG: dict[str, tuple[Callable[[], Any], str]] = {
    "a number": (lambda: (5, None), r"5 \(int\) is no model\. Give a name such as demo-4l"),
    "a module": (lambda: (torch.nn.Linear(2, 2), None), "a Linear is no model that can be read"),
    "no tokenizer": (lambda: (tiny_hf("gpt2", 0), None), "was given without its tokenizer"),
    "no tokenizer but a number": (lambda: (tiny_hf("gpt2", 0), 4), r"4 \(int\) is no tokenizer"),
    "a tokenizer beside a name": (lambda: ("demo-4l", NumberTokenizer()), "which comes with its own"),
    "two tokenizers": (lambda: ((tiny_hf("gpt2", 0), NumberTokenizer()), NumberTokenizer()), "was given twice"),
}


@pytest.mark.parametrize("given", WRONG)
def test_what_is_no_model_is_told_in_one_line(given: str) -> None:
    make, message = WRONG[given]
    with pytest.raises(UsageError, match=message) as error:
        load_model(*make())
    assert "\n" not in str(error.value)


def test_quantised_and_missing_weights_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    quantised = tiny_hf("gpt2", 0)
    quantised.transformer.wte.weight = torch.nn.Parameter(torch.ones(2, 2, dtype=torch.int8), requires_grad=False)
    with pytest.raises(ModelError, match="are quantised"):
        load_model(quantised, NumberTokenizer())
    with pytest.raises(ModelError, match="has no weights on any device"):
        load_model(tiny_hf("gpt2", 0).to("meta"), NumberTokenizer())
    spread = tiny_hf("gpt2", 0)
    spread.transformer._hf_hook = object()
    with pytest.raises(ModelError, match="is spread over several devices"):
        load_model(spread, NumberTokenizer())
