"""Every metric, computed by hand on prompts with several answers and several foils."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tiny import TinyPrompt, tiny_gpt2
from torch import Tensor

from acdc_custom.choices import CustomMetric, Metric, parse_metric
from acdc_custom.engine.metrics import load_function, prepare
from acdc_custom.engine.tokens import TokenBatch, token_batch
from acdc_custom.model.weights import Weights
from acdc_custom.task.answers import Forced

# The best answer is not the first one, and the prompts differ in how many there are: the tensors have padding.
PROMPTS = [
    TinyPrompt((1, 2), (1, 3), answer_ids=(1, 0), foil_ids=(2,)),
    TinyPrompt((1, 2), (1, 3), answer_ids=(3,), foil_ids=(0, 1, 4)),
]
MODEL = [[0.2, 0.2, 0.2, 0.2, 0.2]] * 2  # what comes next in the full model
CIRCUIT = [[0.4, 0.2, 0.1, 0.2, 0.1], [0.1, 0.3, 0.2, 0.15, 0.25]]
DIFFERENCES = [
    (math.log(0.4) + math.log(0.2)) / 2 - math.log(0.1),
    math.log(0.15) - (math.log(0.1) + math.log(0.3) + math.log(0.25)) / 3,
]
EXPECTED = {
    Metric.KL: [sum(0.2 * math.log(0.2 / p) for p in row) for row in CIRCUIT],
    Metric.LOGIT_DIFF: [-difference for difference in DIFFERENCES],
    Metric.LOGIT_DIFF_DISTANCE: [abs(difference) for difference in DIFFERENCES],  # the model's are 0
    Metric.ANSWER_LOGPROB: [-math.log(0.4 + 0.2), -math.log(0.15)],
    Metric.ANSWER_RANK: [0.0, 3.0],
}
CAP = 4.0
BIAS = torch.tensor([0.5, -1.0, 0.25, 0.0, 2.0], dtype=torch.float64)


def tokens() -> TokenBatch:
    return token_batch(PROMPTS, 8, 5, torch.device("cpu"))


def outputs(weights: Weights, probabilities: list[list[float]]) -> Tensor:
    """`[prompt, d_model]`: what has to come out of the final norm for these probabilities to come next."""
    logits = torch.tensor(probabilities, dtype=torch.float64).log()
    if weights.logit_soft_cap is not None:
        logits = weights.logit_soft_cap * (logits / weights.logit_soft_cap).atanh()
    return logits if weights.unembedding_bias is None else logits - weights.unembedding_bias


@pytest.fixture(params=["plain", "with a bias", "soft-capped", "soft-capped with a bias"])
def weights(request: pytest.FixtureRequest) -> Weights:
    """A model of five words whose unembedding changes nothing."""
    return replace(
        tiny_gpt2(0).weights,
        unembedding=torch.eye(5, dtype=torch.float64),
        unembedding_bias=BIAS if "bias" in request.param else None,
        logit_soft_cap=CAP if "capped" in request.param else None,
    )


@pytest.mark.parametrize("metric", Metric)
def test_a_metric_of_several_answers_and_foils_is_what_it_is_by_hand(weights: Weights, metric: Metric) -> None:
    objective = prepare(metric, weights, tokens(), outputs(weights, MODEL))
    both = torch.stack([outputs(weights, MODEL), outputs(weights, CIRCUIT)])  # [candidate, prompt, d_model]
    values = objective(both)
    assert values[1].tolist() == pytest.approx(EXPECTED[metric], abs=1e-9)
    if metric is Metric.ANSWER_RANK and weights.logit_soft_cap is not None:
        return  # all words are equal there, up to rounding: which come before the answer is chance
    at_the_model = {Metric.ANSWER_LOGPROB: [-math.log(0.4), -math.log(0.2)]}.get(metric, [0.0, 0.0])
    assert values[0].tolist() == pytest.approx(at_the_model, abs=1e-9)


# An answer of two tokens, 0 and 4, told apart from its foil at the second; and one of one token, 3 or 1.
SEVERAL = [
    TinyPrompt((1, 2, 0), (1, 3, 0), (4,), (2,), forced=Forced((0, 4), ("a", "b"), contrast=1)),
    TinyPrompt((1, 2), (1, 3), answer_ids=(3, 1), foil_ids=(2,)),
]
ROWS = [[0.4, 0.2, 0.1, 0.2, 0.1], [0.1, 0.3, 0.2, 0.15, 0.25], [0.3, 0.1, 0.2, 0.25, 0.15]]
KLS = [sum(0.2 * math.log(0.2 / p) for p in row) for row in ROWS]
DIFFERENCES_OF_SEVERAL = [math.log(0.25) - math.log(0.2), (math.log(0.25) + math.log(0.1)) / 2 - math.log(0.2)]
EXPECTED_OF_SEVERAL = {
    Metric.KL: [(KLS[0] + KLS[1]) / 2, KLS[2]],
    Metric.LOGIT_DIFF: [-difference for difference in DIFFERENCES_OF_SEVERAL],
    Metric.LOGIT_DIFF_DISTANCE: [abs(difference) for difference in DIFFERENCES_OF_SEVERAL],
    Metric.ANSWER_LOGPROB: [-math.log(0.4) - math.log(0.25), -math.log(0.25 + 0.1)],
    Metric.ANSWER_RANK: [(0 + 1) / 2, 1.0],
}


@pytest.mark.parametrize("metric", Metric)
def test_a_metric_of_an_answer_of_two_tokens_is_what_it_is_by_hand(weights: Weights, metric: Metric) -> None:
    several = token_batch(SEVERAL, 8, 5, torch.device("cpu"))
    objective = prepare(metric, weights, several, outputs(weights, [MODEL[0]] * 3))
    assert objective(outputs(weights, ROWS)[None])[0].tolist() == pytest.approx(EXPECTED_OF_SEVERAL[metric], abs=1e-9)


def test_a_users_own_metric_has_the_tokens_of_an_answer_as_prompts(
    weights: Weights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "per_token.py").write_text(
        "import torch\n"
        "def first_answer(logits, batch):\n"
        "    assert [list(a) for a in batch.answers] == [[0], [4], [3, 1]]\n"
        "    assert [list(f) for f in batch.foils] == [[], [2], [2]]\n"
        "    return torch.stack([logits[:, row, answers[0]] for row, answers in enumerate(batch.answers)], dim=-1)\n"
    )
    monkeypatch.chdir(tmp_path)
    several = token_batch(SEVERAL, 8, 5, torch.device("cpu"))
    objective = prepare(parse_metric("per_token:first_answer"), weights, several, outputs(weights, [MODEL[0]] * 3))
    values = objective(outputs(weights, ROWS)[None])[0]
    assert values.tolist() == pytest.approx([(math.log(0.4) + math.log(0.25)) / 2, math.log(0.25)])


def test_a_users_own_metric_is_told_of_every_answer_and_foil(
    weights: Weights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own_metric.py").write_text(
        "import torch\n"
        "def second_foil(logits, batch):\n"
        "    assert [list(a) for a in batch.answers] == [[1, 0], [3]]\n"
        "    assert [list(f) for f in batch.foils] == [[2], [0, 1, 4]]\n"
        "    return torch.stack([logits[:, 0, batch.foils[0][-1]], logits[:, 1, batch.foils[1][1]]], dim=-1)\n"
    )
    monkeypatch.chdir(tmp_path)
    metric = parse_metric("own_metric:second_foil")
    assert isinstance(metric, CustomMetric)
    values = prepare(metric, weights, tokens(), outputs(weights, MODEL))(outputs(weights, CIRCUIT)[None])
    assert values[0].tolist() == pytest.approx([math.log(0.1), math.log(0.3)])


def test_a_users_module_is_read_as_it_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder, text in (
        ("a", "def one(): return 1"),
        ("b", "def other(): return 22"),
        ("b", "def other(): return 333"),
    ):
        (tmp_path / folder).mkdir(exist_ok=True)
        monkeypatch.chdir(tmp_path / folder)
        Path("edited_metric.py").write_text(text)
        name = text[4 : text.index("(")]
        assert load_function(f"edited_metric:{name}")() == int(text.split()[-1])  # type: ignore[call-arg]
    assert load_function("math:sqrt") is math.sqrt
