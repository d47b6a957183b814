"""Patching many activations at once gives what patching one at a time with TransformerBridge's hooks gives."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pytest
import torch
from hooked import hooked_logit_diff
from tiny import NAMES, TinyPrompt, crossed, random_prompts, tiny, tiny_gpt2, tiny_llama
from tiny_task import prepared

from acdc_custom.analyses import rerun
from acdc_custom.analyses.activation_patching import (
    Patching,
    draw_patching,
    patch_attention,
    patch_heads,
    patch_mlp,
    patch_residual,
)
from acdc_custom.analyses.positions import positions_of
from acdc_custom.analyses.span_patching import draw_span_patching, patch_heads_at_spans
from acdc_custom.choices import Direction, HeadPart
from acdc_custom.engine.prepared import PreparedBatch
from acdc_custom.errors import UsageError
from acdc_custom.graph import Place, Sender

CLOSE = 2e-5  # Hugging Face computes softmaxes in float32 even in a float64 model
HOOKS = {patch_residual: "hook_resid_pre", patch_attention: "hook_attn_out", patch_mlp: "hook_mlp_out"}


def ids(batch: PreparedBatch, direction: Direction) -> tuple[Any, Any]:
    """The tokens that are patched, and those that the patches come from."""
    clean, corrupted = batch.tokens.clean, batch.tokens.corrupted
    return (corrupted, clean) if direction is Direction.DENOISING else (clean, corrupted)


def by_hooks_per_position(batch: PreparedBatch, hook: str, direction: Direction) -> np.ndarray:
    """One hooked run for each layer and column."""
    base, source = ids(batch, direction)
    _, cache = batch.model.bridge.run_with_cache(source)
    positions = positions_of(batch.batch.prompts, batch.tokens, batch.model.tokenizer)
    values = np.empty((batch.model.graph.shape.n_layers, len(positions.labels)))
    for layer, column in np.ndindex(*values.shape):
        name = f"blocks.{layer}.{hook}"

        def put(x: Any, hook: Any, name: str = name, column: int = column) -> Any:
            return torch.where(positions.mask[column][..., None], cache[name], x)

        values[layer, column] = hooked_logit_diff(batch, base, [(name, put)])
    return values


def every(first: Iterable[Any], usual: Any, names: Iterable[str]) -> list[Any]:
    """What is patched in every architecture: the usual in one of each kind is quick, the others in `names` only."""
    return [
        pytest.param(*case.values, each, id=f"{case.values[0]}-{getattr(each, '__name__', each)}",
                     marks=case.marks if each is usual or case.values[0] in names else pytest.mark.slow)
        for case in crossed(NAMES)
        for each in first
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "patch"), every(HOOKS, patch_residual, ("gpt-neox", "gemma2", "attention only, rotary"))
)
def test_layers_and_positions_agree_with_hooks(name: str, patch: Callable[..., Patching]) -> None:
    batch = prepared(tiny(name, 0))
    if patch is patch_mlp and not batch.model.graph.shape.has_mlp:
        with pytest.raises(UsageError, match="attention only"):
            patch(batch)
        return
    expected = by_hooks_per_position(batch, HOOKS[patch], Direction.DENOISING)
    assert np.allclose(patch(batch).logit_diff, expected, atol=CLOSE)
    assert np.ptp(expected) > 0.1


GROUPED_PARTS = (HeadPart.K, HeadPart.V)  # which heads share, in some models
HEAD_HOOKS = {
    HeadPart.Z: "hook_z",
    HeadPart.Q: "hook_q",
    HeadPart.K: "hook_k",
    HeadPart.V: "hook_v",
    HeadPart.PATTERN: "hook_pattern",
}


# TransformerLens cannot change the pattern of these, and says so: there, z is made from the pattern and the values.
PATTERN_IS_FIXED = ("gpt-neo", "gpt-j", "opt")


def by_hooks_per_head(batch: PreparedBatch, part: HeadPart, direction: Direction, n_columns: int) -> np.ndarray:
    """One hooked run for each head, or key/value head."""
    base, source = ids(batch, direction)
    (_, kept), (_, cache) = (batch.model.bridge.run_with_cache(tokens) for tokens in (base, source))
    through_z = part is HeadPart.PATTERN and batch.model.name.removeprefix("tiny-") in PATTERN_IS_FIXED
    n_parts = batch.model.graph.shape.n_heads if part is HeadPart.Z or through_z else n_columns
    values = np.empty((batch.model.graph.shape.n_layers, n_columns))
    for layer, column in np.ndindex(*values.shape):
        attention = f"blocks.{layer}.attn."
        name = attention + HEAD_HOOKS[HeadPart.Z if through_z else part]
        theirs = cache[attention + HEAD_HOOKS[part]]
        if through_z:
            v = kept[attention + "hook_v"]
            theirs = torch.einsum("nhpt,nthe->nphe", theirs, v.reshape(*v.shape[:2], n_parts, -1))

        def put(x: Any, hook: Any, theirs: Any = theirs, column: int = column) -> Any:
            if part is HeadPart.PATTERN and not through_z:  # [prompt, head, pos, key]
                changed, other = x.clone(), theirs
                changed[:, column] = other[:, column]
                return changed
            # Hooks see [prompt, pos, head, d_head], or all heads side by side.
            changed, other = (t.reshape(*t.shape[:2], n_parts, -1) for t in (x.clone(), theirs))
            changed[:, :, column] = other[:, :, column]
            return changed.reshape(x.shape)

        values[layer, column] = hooked_logit_diff(batch, base, [(name, put)])
    return values


@pytest.mark.parametrize(("name", "part"), every(HeadPart, HeadPart.Z, ("gpt2", "llama")))
def test_parts_of_heads_agree_with_hooks(name: str, part: HeadPart) -> None:
    if name == "olmo2" and part in (HeadPart.Q, HeadPart.K):
        pytest.skip("TransformerLens changes them before the norm over all heads, which then changes the others")
    batch = prepared(tiny(name, 0))
    result = patch_heads(batch, part)
    expected = by_hooks_per_head(batch, part, Direction.DENOISING, len(result.labels))
    assert np.allclose(result.logit_diff, expected, atol=CLOSE)
    assert np.ptp(expected) > 0.01


@pytest.mark.parametrize("patch", [*HOOKS, patch_heads], ids=lambda patch: patch.__name__)
def test_noising_agrees_with_hooks(patch: Callable[..., Patching]) -> None:
    batch = prepared(tiny_llama(3))
    result = patch(batch, direction=Direction.NOISING)
    if patch is patch_heads:
        expected = by_hooks_per_head(batch, HeadPart.Z, Direction.NOISING, 4)
    else:
        expected = by_hooks_per_position(batch, HOOKS[patch], Direction.NOISING)
    assert np.allclose(result.logit_diff, expected, atol=CLOSE)
    assert np.allclose(result.effect, result.normalised - 1)


def test_keys_and_values_that_heads_share_are_patched_for_the_group() -> None:
    result = patch_heads(prepared(tiny_llama(0, kv_heads=2)), HeadPart.K)
    assert result.columns == "key/value head" and result.logit_diff.shape == (2, 2)
    assert result.cells_of([Sender.parse("a1.h1"), Sender.parse("a0.h2"), Sender.parse("m0")]) == {(1, 0), (0, 1)}
    assert "key_value_head" in result.to_rows()[0]


@pytest.mark.parametrize(
    ("name", "part"),
    [
        pytest.param(name, part, marks=() if name == "gpt2" or part in GROUPED_PARTS else pytest.mark.slow)
        for name in ("gpt2", "llama")
        for part in HeadPart
    ],
)
def test_parts_of_heads_at_spans_agree_with_hooks(name: str, part: HeadPart) -> None:
    """The second prompt has no S."""
    prompts = [
        TinyPrompt((3, 4, 5, 6, 7, 8), (3, 9, 5, 11, 7, 8), positions={"A": 1, "S": 3}),
        TinyPrompt((3, 4, 5, 6), (3, 12, 5, 6), positions={"A": 1}),
    ]
    batch = prepared(tiny(name, 0), prompts)
    result = patch_heads_at_spans(batch, [Sender.parse("a0.h3"), Sender.parse("a1.h0")], part)
    grouped = name == "llama" and part in (HeadPart.K, HeadPart.V)
    assert result.labels == (("L0 kv1", "L1 kv0") if grouped else ("L0H3", "L1H0"))
    assert {"A", "S", "A..END"} < set(result.spans) and result.spans[-1] == "END"
    _, cache = batch.model.bridge.run_with_cache(batch.tokens.clean)
    expected = np.empty(result.logit_diff.shape)
    for row, column in np.ndindex(*expected.shape):
        layer, number = result.heads[row]
        hook = f"blocks.{layer}.attn.{HEAD_HOOKS[part]}"
        within = batch.tokens.within(result.spans[column])

        def put(x: Any, hook: Any, theirs: Any = cache[hook], number: int = number, within: Any = within) -> Any:
            changed = x.clone()
            if part is HeadPart.PATTERN:  # [prompt, head, pos, key]
                changed[:, number] = torch.where(within[..., None], theirs[:, number], x[:, number])
            else:  # [prompt, pos, head, d_head]
                changed[:, :, number] = torch.where(within[..., None], theirs[:, :, number], x[:, :, number])
            return changed

        expected[row, column] = hooked_logit_diff(batch, batch.tokens.corrupted, [(hook, put)])
    assert np.allclose(result.logit_diff, expected, atol=CLOSE) and np.ptp(expected) > 0.001


def test_the_outputs_of_a_head_at_its_spans_are_framed_and_named() -> None:
    batch = prepared(tiny_gpt2(0))
    heads = [Sender.parse("a1.h2"), Sender.parse("a0.h1")]
    result = patch_heads_at_spans(batch, heads, direction=Direction.NOISING)
    marked = [Place(heads[0], "END"), Place(heads[1])]
    end = result.spans.index("END")
    assert result.cells_of(marked) == {(1, end)} | {(0, column) for column in range(len(result.spans))}
    figure = draw_span_patching(result, marked)
    assert len(figure.main.patches) == len(draw_span_patching(result).main.patches) + 1 + len(result.spans)
    assert "output of heads at spans" in figure.to_svg() and dict(result.cells())["L1H2@END"] == result.effect[1, end]
    row = result.to_rows()[len(result.spans) + end]
    assert (row["layer"], row["head"], row["span"], row["logit_diff"]) == (1, 2, "END", result.logit_diff[1, end])
    whole = patch_heads(batch, direction=Direction.NOISING)
    last = patch_heads_at_spans(prepared(tiny_gpt2(0)), [heads[0]], direction=Direction.NOISING)
    assert np.allclose(last.logit_diff[0], result.logit_diff[1]) and last.clean == whole.clean


def test_patching_everything_at_the_first_layer_gives_the_other_run() -> None:
    batch = prepared(tiny_gpt2(0), random_prompts(2, n=4))
    mask = positions_of(batch.batch.prompts, batch.tokens, batch.model.tokenizer).mask
    assert torch.equal(mask.any(0), batch.tokens.is_prompt)
    clean, corrupted = rerun.Base.clean(batch), rerun.Base.corrupted(batch)
    stream = torch.where(mask.any(0)[..., None], clean.layers[0].before, corrupted.layers[0].before)
    assert float(corrupted.rerun(0, rerun.Site.BEFORE, stream[None], 0)) == pytest.approx(batch.full.logit_diff)
    assert corrupted.logit_diff() == pytest.approx(batch.corrupted.logit_diff)


def test_the_size_of_a_batch_of_patches_never_changes_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    batch = prepared(tiny("mistral", 1))
    at_once = [patch(batch).logit_diff for patch in (*HOOKS, patch_heads)]
    told: list[tuple[int, int]] = []
    monkeypatch.setattr(rerun, "LARGEST_ON_CPU", 1)
    one_by_one = [
        patch(batch, on_progress=lambda what, *n: told.append(n)).logit_diff for patch in (*HOOKS, patch_heads)
    ]
    assert all(np.allclose(a, b, atol=1e-12) for a, b in zip(at_once, one_by_one, strict=True))
    assert len(told) == 3 * 4 + 8 and {n[0] for n in told} == {1} and told[-1] == (1, 8)


def test_a_patch_before_the_first_difference_does_nothing() -> None:
    prompts = [TinyPrompt((3, 4, 5, 6, 7), (3, 4, 9, 6, 7)), TinyPrompt((8, 4, 5, 6, 9), (8, 4, 5, 1, 9))]
    batch = prepared(tiny_gpt2(0), prompts)
    result = patch_residual(batch)
    assert result.labels == ("token 0", "w4", "w5", "w6", "END")
    assert np.allclose(result.normalised[:, :2], 0) and not np.allclose(result.normalised[:, 2], 0)


def test_a_role_may_stand_beyond_the_end_of_a_prompt_in_which_it_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """S is changed at position 5 of the long prompt; in the short one it is the first token, which is the same."""
    monkeypatch.setattr(rerun, "LARGEST_ON_CPU", 1)
    prompts = [
        TinyPrompt((3, 4, 5, 6, 7, 8, 9), (3, 4, 5, 6, 7, 2, 9), positions={"S": 5}, template=0),
        TinyPrompt((3, 4, 5), (3, 9, 5), positions={"S": 0}, template=1),
    ]
    batch = prepared(tiny_gpt2(0), prompts)
    expected = by_hooks_per_position(batch, HOOKS[patch_residual], Direction.DENOISING)
    assert np.allclose(patch_residual(batch).logit_diff, expected, atol=CLOSE)


def test_two_runs_of_the_same_logit_difference_cannot_be_patched() -> None:
    prompts = [TinyPrompt((3, 4, 5), (3, 9, 5)), TinyPrompt((3, 9, 5), (3, 4, 5))]
    with pytest.raises(UsageError, match="the same logit difference"):
        patch_residual(prepared(tiny_gpt2(0), prompts))


def test_a_row_names_its_layer_and_its_place() -> None:
    batch = prepared(tiny_gpt2(0))
    result = patch_heads(batch)
    row = result.to_rows()[5]
    assert (row["layer"], row["place"], row["head"]) == (1, 1, "1")
    assert row["logit_diff"] == result.logit_diff[1, 1] and row["normalised"] == result.normalised[1, 1]


def test_the_figure_says_what_was_patched_and_frames_the_heads_of_a_circuit() -> None:
    result = patch_heads(prepared(tiny_gpt2(0)))
    plain, framed = (draw_patching(result, marked) for marked in ([], [Sender.parse("a1.h2")]))
    assert len(framed.main.patches) == len(plain.main.patches) + 1
    assert "output of each head" in plain.to_svg()
