"""Behaviour, copy scores, attention and scatters on the bundled model and the built-in tasks."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tiny import tiny_gpt2
from tiny_task import prepared

from acdc_custom.analyses import behaviour_spread as spread
from acdc_custom.analyses.attention import draw_attention, head_attention
from acdc_custom.analyses.behaviour_spread import behaviour_spread, draw_behaviour_spread
from acdc_custom.analyses.copying import copy_scores, draw_copying
from acdc_custom.analyses.scatter import attention_scatter, draw_scatter
from acdc_custom.engine.prepared import PreparedBatch, prepare_batch
from acdc_custom.errors import UsageError
from acdc_custom.graph import Sender
from acdc_custom.model.model import Model
from acdc_custom.model.open import open_model
from acdc_custom.task import load_task


@pytest.fixture(scope="module")
def model() -> Model:
    return open_model("demo-4l")  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def batch(model: Model) -> PreparedBatch:
    return prepare_batch(load_task("ioi"), model, n=12)


def test_the_spread_over_the_first_prompts_is_that_of_a_batch_of_so_many(model: Model, batch: PreparedBatch) -> None:
    result = behaviour_spread(batch.task, model, (12, 30))
    first, every = result.to_rows()
    assert (first["n"], every["n"]) == (12, 30)
    assert first["mean"] == pytest.approx(batch.full.logit_diff, abs=1e-5)
    assert first["corrupted_mean"] == pytest.approx(batch.corrupted.logit_diff, abs=1e-5)
    assert first["correct"] == batch.full.correct
    assert first["std"] == pytest.approx(np.std(result.clean[:12], ddof=1))
    assert every["standard_error"] == pytest.approx(every["std"] / 30**0.5)
    with torch.no_grad():
        logits = model.bridge(batch.tokens.clean)
    ends = batch.tokens.answer_positions[:, 0]
    p = logits[range(12), ends].softmax(-1)[range(12), batch.tokens.answers[:, 0]]
    assert np.allclose(result.probability[:12], p.numpy(), atol=1e-5)
    assert "30 prompts" in draw_behaviour_spread(result).to_svg()


def test_the_spread_does_not_depend_on_how_many_prompts_run_at_once(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[int, int]] = []
    once = behaviour_spread(load_task("ioi"), model, (7,))
    monkeypatch.setattr(spread, "AT_ONCE", 3)
    again = behaviour_spread(load_task("ioi"), model, (7,), on_progress=lambda what, *n: told.append(n))
    assert np.allclose(once.clean, again.clean, atol=1e-5) and told == [(3, 7), (3, 7), (1, 7)]


def test_a_size_beyond_what_the_task_can_make_is_all_there_are(model: Model) -> None:
    task = load_task("ioi")
    assert len(task.up_to(60, model.tokenizer).prompts) == 60
    assert task.up_to(20, model.tokenizer).prompts == task.batch(model.tokenizer, n=20).prompts
    result = behaviour_spread(task, model, (3, 5, 10))
    assert result.sizes == (3, 5, 10) and result.asked == 10


def test_copy_scores_are_shares_of_word_places_for_every_head(batch: PreparedBatch) -> None:
    result = copy_scores(batch)
    assert result.copying.shape == (4, 8)
    row = result.to_rows()[8 + 2]
    assert row["head"] == "a1.h2" and result.copying[1, 2] == pytest.approx(100 * row["copied"] / row["of"])
    assert row["of"] == 12 * 3  # IO, S1, S2
    assert draw_copying(result, [Sender.parse("a1.h2")]).main.patches


def test_the_pattern_that_is_shown_is_the_models_own(model: Model, batch: PreparedBatch) -> None:
    heads = [Sender.parse("a3.h3"), Sender.parse("a0.h4")]
    result = head_attention(batch, heads, prompt=1)
    assert result.heads == (heads[1], heads[0])
    prompt = batch.batch.prompts[1]
    _, cache = model.bridge.run_with_cache(torch.tensor([prompt.clean_ids]))
    for number, head in enumerate(result.heads):
        theirs = cache[f"blocks.{head.layer}.attn.hook_pattern"][0, head.head].numpy()
        assert np.allclose(result.pattern[number], theirs, atol=1e-5)
    rows = result.to_rows()
    n = len(prompt.clean_ids)
    assert len(rows) == 2 * n * (n + 1) // 2
    assert sum(float(row["attention"]) for row in rows) == pytest.approx(2 * n, abs=1e-3)
    assert set(result.to_places) >= {"IO", "S1", "S2"}
    assert {"L0H4", "L3H3"} <= {axes.get_title(loc="left") for axes in draw_attention(result).axes}


def test_the_scatter_has_a_point_per_prompt_for_every_head_and_subject(batch: PreparedBatch) -> None:
    result = attention_scatter(batch, [Sender.parse("a3.h3"), Sender.parse("a0.h4")])
    assert [(str(pair.head), pair.subject) for pair in result.pairs] == [
        ("a0.h4", "IO"),
        ("a0.h4", "S1"),
        ("a3.h3", "IO"),
        ("a3.h3", "S1"),
    ]
    rows = result.to_rows()
    assert len(rows) == 4 * 12
    last = [row for row in rows if (row["head"], row["subject"]) == ("a3.h3", "IO")]
    r = np.corrcoef([float(row["attention"]) for row in last], [float(row["output"]) for row in last])[0, 1]
    assert last[0]["r"] == pytest.approx(r)
    assert f"r = {r:.2f}" in draw_scatter(result).to_svg()


def test_prompts_that_name_no_word_have_nothing_to_copy_or_attend_to() -> None:
    batch = prepared(tiny_gpt2(0))
    with pytest.raises(UsageError, match="names no word of its prompts, so there is nothing to copy"):
        copy_scores(batch)
    with pytest.raises(UsageError, match="nothing to attend to"):
        attention_scatter(batch, [Sender.parse("a0.h0")])
