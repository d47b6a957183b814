"""A circuit as a model: what it answers is what `run_circuit` computes, wherever it is run."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import pytest
import torch
from circuits import circuit_of
from random_circuits import random_circuit
from tiny import VOCAB, random_prompts, tiny, tiny_hf, with_answers
from tiny_task import TASK, NumberTokenizer, as_prompt

from acdc_custom.choices import Ablation
from acdc_custom.circuit.circuit import Circuit, KeptEdge
from acdc_custom.engine.ablation import prepare_ablation
from acdc_custom.engine.circuit_run import run_circuit
from acdc_custom.engine.own_prompts import OwnPrompt
from acdc_custom.engine.prepared import run_batch
from acdc_custom.engine.tokens import token_batch
from acdc_custom.errors import UsageError
from acdc_custom.graph import Graph, GraphShape
from acdc_custom.model.given import load_model
from acdc_custom.model.model import Model
from acdc_custom.task import Batch

CLEAN = torch.tensor([[1, 2, 3, 4, 5, 6], [7, 8, 9, 10, 11, 12], [1, 2, 9, 4, 0, 3]])
CORRUPTED = torch.tensor([[1, 2, 13, 4, 5, 7], [7, 8, 2, 10, 11, 12], [1, 2, 4, 4, 0, 3]])
SHAPE = GraphShape(2, 4, 4)
ARCHITECTURES = ("gpt2", "llama", "gemma2", "phi")  # heads of their own; shared keys; norms after heads; in parallel


def as_text(ids: torch.Tensor) -> str:
    return "".join(f" w{int(token)}" for token in ids)


PAIRS = [(as_text(clean), as_text(corrupted)) for clean, corrupted in zip(CLEAN, CORRUPTED, strict=True)]


def expected(circuit: Circuit, model: Model, ablation: Ablation) -> torch.Tensor:
    """`[prompt, vocab]`, by the search's own run."""
    prompts = [OwnPrompt(tuple(a.tolist()), tuple(b.tolist())) for a, b in zip(CLEAN, CORRUPTED, strict=True)]
    tokens = token_batch(prompts, model.max_positions, VOCAB, model.device)
    carried = prepare_ablation(ablation, model.weights, [tokens])
    return model.weights.logits(run_circuit(model, tokens, [kept.edge for kept in circuit.edges], carried))


def whole(shape: GraphShape) -> Circuit:
    return replace(circuit_of(shape, {}), edges=tuple(KeptEdge(edge, 1.0) for edge in Graph(shape).edges()))


@pytest.mark.parametrize(
    ("name", "ablation"),
    [
        pytest.param(
            name, ablation, marks=() if name == "gemma2" or ablation is Ablation.CORRUPTED else pytest.mark.slow
        )
        for name, ablation in itertools.product(ARCHITECTURES, Ablation)
    ],
)
def test_run_and_applied_are_what_run_circuit_computes(name: str, ablation: Ablation) -> None:
    mine = tiny_hf(name, 0)
    model = tiny(name, 0)
    circuit = random_circuit(model.graph.shape, 40, 1)
    right = expected(circuit, model, ablation)
    assert torch.allclose(circuit.run(mine, PAIRS, ablation, NumberTokenizer()), right, atol=1e-9)
    with circuit.applied(mine, CORRUPTED, ablation) as inside:
        assert torch.allclose(inside(CLEAN).logits[:, -1], right, atol=1e-9)
    with circuit.applied(model, CORRUPTED, ablation):
        assert torch.allclose(model.bridge(CLEAN)[:, -1], right, atol=1e-9)


def test_a_transformer_lens_bridge_answers_as_the_circuit_and_then_as_itself() -> None:
    model = tiny("gpt2", 0)
    bridge = model.bridge
    circuit = random_circuit(SHAPE, 40, 2)
    with torch.no_grad():
        before = bridge(CLEAN)
        with circuit.applied(bridge, CORRUPTED):
            inside = bridge(CLEAN)
            loss = bridge(CLEAN, return_type="loss")
        after = bridge(CLEAN)
    assert torch.allclose(inside[:, -1], expected(circuit, model, Ablation.CORRUPTED), atol=1e-9)
    assert torch.equal(before, after) and not torch.allclose(inside, before)
    log_probabilities = inside[:, :-1].log_softmax(-1).gather(-1, CLEAN[:, 1:, None])
    assert torch.allclose(loss, -log_probabilities.mean()), "the loss is that of the circuit"


def test_hooks_of_a_user_change_nothing_of_what_the_circuit_answers() -> None:
    model, circuit = tiny("gpt2", 0), random_circuit(SHAPE, 40, 2)
    bridge, name, right = model.bridge, "blocks.0.hook_resid_post", expected(circuit, model, Ablation.CORRUPTED)
    with torch.no_grad(), circuit.applied(bridge, CORRUPTED):
        changed = bridge.run_with_hooks(CLEAN, fwd_hooks=[(name, lambda value, hook: 0 * value)])
    assert torch.allclose(changed[:, -1], right, atol=1e-9)
    mine = tiny_hf("gpt2", 0)
    block = mine.transformer.h[0].register_forward_hook(lambda *given: 0 * given[2])
    with torch.no_grad(), circuit.applied(mine, CORRUPTED):
        assert torch.allclose(mine(CLEAN).logits[:, -1], right, atol=1e-9)
    block.remove()


def test_the_whole_graph_is_the_model_and_no_edge_is_the_corrupted_run_at_every_position() -> None:
    mine = tiny_hf("gpt2", 0)
    with torch.no_grad():
        clean, corrupted = mine(CLEAN).logits, mine(CORRUPTED).logits
        with whole(SHAPE).applied(mine, CORRUPTED):
            assert torch.allclose(mine(CLEAN).logits, clean, atol=1e-9)
        with circuit_of(SHAPE, {}).applied(mine, CORRUPTED):
            assert torch.allclose(mine(CLEAN).logits, corrupted, atol=1e-9)


def test_every_position_is_the_end_of_a_shorter_prompt() -> None:
    mine, circuit = tiny_hf("gpt2", 0), random_circuit(SHAPE, 40, 3)
    with circuit.applied(mine, CORRUPTED):
        logits = mine(CLEAN).logits
    for end in range(3, 6):
        shorter = [(as_text(a[:end]), as_text(b[:end])) for a, b in zip(CLEAN, CORRUPTED, strict=True)]
        assert torch.allclose(logits[:, end - 1], circuit.run((mine, NumberTokenizer()), shorter), atol=1e-9)


def test_prompts_may_have_several_lengths_and_padding_on_the_right_changes_nothing() -> None:
    mine, circuit = tiny_hf("gpt2", 0), random_circuit(SHAPE, 40, 3)
    pairs = [PAIRS[0], (as_text(CLEAN[1, :4]), as_text(CORRUPTED[1, :4]))]
    logits = circuit.run((mine, NumberTokenizer()), pairs)
    alone = torch.cat([circuit.run((mine, NumberTokenizer()), [pair]) for pair in pairs])
    assert torch.allclose(logits, alone, atol=1e-9)
    mask = torch.ones(2, 6, dtype=torch.long)
    mask[1, 4:] = 0
    with circuit.applied(mine, CORRUPTED[:2]):
        padded = mine(input_ids=CLEAN[:2], attention_mask=mask).logits
    assert torch.allclose(padded[1, 3], logits[1], atol=1e-9)


def test_rows_frames_and_batches_are_prompts_too() -> None:
    import pandas as pd

    model = load_model("demo-4l")
    from acdc_custom.task import load_task

    batch = load_task("latest_s").batch(model.tokenizer, n=3)
    circuit = random_circuit(model.graph.shape, 60, 0)
    rows = [{"clean": prompt.clean, "corrupted": prompt.corrupted} for prompt in batch.prompts]
    right = circuit.run(model, batch)
    assert torch.equal(circuit.run("demo-4l", rows), right)
    assert torch.equal(circuit.run(model, pd.DataFrame(rows)), right)


def test_nothing_is_left_on_a_model_when_a_call_fails() -> None:
    mine, circuit = tiny_hf("gpt2", 0), random_circuit(SHAPE, 40, 3)
    message = "was called with 2 prompts of 6 tokens, and the corrupted prompts are 3"
    with pytest.raises(UsageError, match=message), circuit.applied(mine, CORRUPTED):
        mine(CLEAN[:2])
    assert not mine._forward_hooks


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ({"input_ids": CLEAN, "labels": CLEAN}, "Leave labels away"),
        ({"inputs_embeds": torch.zeros(3, 6, 16, dtype=torch.float64)}, "call the model with input_ids"),
        ({"input_ids": CLEAN, "attention_mask": torch.tensor([[0, 1, 1, 1, 1, 1]] * 3)}, "pad on the right"),
    ],
)
def test_a_call_that_no_circuit_can_answer_is_told(call: dict[str, Any], message: str) -> None:
    mine = tiny_hf("gpt2", 0)
    with pytest.raises(UsageError, match=message), whole(SHAPE).applied(mine, CORRUPTED):
        mine(**call)


def test_a_cache_is_refused() -> None:
    mine = tiny_hf("gpt2", 0)
    with pytest.raises(UsageError, match="use_cache=False"), whole(SHAPE).applied(mine, ablation="zero"):
        mine.generate(CLEAN, max_new_tokens=3, do_sample=False, pad_token_id=0)


@pytest.mark.parametrize(
    ("prompts", "ablation", "message"),
    [
        ([], None, "holds no prompts"),
        (5, None, r"5 \(int\) holds no prompts"),
        ([" w1 w2"], None, "prompt 1 has no corrupted twin"),
        ([(" w1 w2", " w1")], None, "prompt 1 has 2 tokens, and its corrupted twin 1"),
        ([("", "")], None, "prompt 1 is empty"),
        ([(" w1", 3)], None, r"prompt 1 is \(' w1', 3\) \(tuple\)"),
        ([" w1 w2"], "mean", "the mean over a single prompt"),
        ([" w1 w2"], "none", 'there is no ablation "none"'),
    ],
)
def test_prompts_that_cannot_be_run_are_told(prompts: Any, ablation: str | None, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        whole(SHAPE).run((tiny_hf("gpt2", 0), NumberTokenizer()), prompts, ablation)


def test_what_cannot_be_applied_is_told() -> None:
    with pytest.raises(UsageError, match=r"'demo-4l' \(str\) cannot be called"), whole(SHAPE).applied("demo-4l"):
        pass
    with pytest.raises(UsageError, match="needs corrupted prompts"), whole(SHAPE).applied(tiny_hf("gpt2", 0)):
        pass
    with pytest.raises(UsageError, match="has 2 layers of 4 heads: it has other nodes"):
        whole(GraphShape(3, 4, 4)).run((tiny_hf("gpt2", 0), NumberTokenizer()), PAIRS)


class ChatTokenizer(NumberTokenizer):
    """One with a chat template that puts two words before what the user says, and one after it."""

    chat_template = "anything"

    def apply_chat_template(self, turns: list[dict[str, str]], **how: Any) -> str:
        return f" w3 w4{turns[0]['content']} w5"


def test_prompts_are_put_into_the_chat_template_of_the_circuits_task() -> None:
    circuit = random_circuit(SHAPE, 40, 3)
    task = replace(circuit.provenance.task, text="chat = true\n")
    in_chat = replace(circuit, provenance=replace(circuit.provenance, task=task))
    framed = [(f" w3 w4{clean} w5", f" w3 w4{corrupted} w5") for clean, corrupted in PAIRS]
    mine = tiny_hf("gpt2", 0)
    found = in_chat.run(mine, PAIRS, tokenizer=ChatTokenizer())
    assert torch.equal(found, circuit.run(mine, framed, tokenizer=NumberTokenizer()))
    assert not torch.equal(found, circuit.run(mine, PAIRS, tokenizer=NumberTokenizer()))


def test_the_logits_after_an_answer_of_several_tokens_are_those_where_answer_and_foil_differ() -> None:
    model = replace(tiny("gpt2", 0), tokenizer=NumberTokenizer())
    prompts = with_answers(random_prompts(1, n=2), (3, 3))
    batch = Batch(tuple(map(as_prompt, prompts)), "tiny", "given", 0, ())
    circuit = random_circuit(SHAPE, 40, 2)
    cut = Batch(tuple(prompt.at_contrast for prompt in batch.prompts), "tiny", "given", 0, ())
    normed = run_batch(TASK, cut, model).outputs_of([kept.edge for kept in circuit.edges])
    assert torch.allclose(circuit.run(model, batch), model.weights.logits(torch.cat(normed)), atol=1e-9)
    assert [len(prompt.behind) for prompt in cut.prompts] == [2, 0]  # told apart at the last token, and at the first
