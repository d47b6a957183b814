"""Copy scores, attention and repeated-token scores, on heads that are known and by other ways of computing them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from handmade import (
    DUPLICATE,
    INDUCTION,
    INHIBITION,
    MOVER,
    NEGATIVE,
    PREVIOUS,
    Numbers,
    cast,
    handmade_model,
    ioi_prompts,
)
from tiny import MAX_POSITIONS, NAMES, VOCAB, crossed, random_prompts, tiny, tiny_gpt2, tiny_llama
from torch import Tensor

from acdc_custom.engine.tokens import token_batch
from acdc_custom.errors import UsageError
from acdc_custom.graph import Sender, Stage
from acdc_custom.heads.attention import (
    attention_from,
    attention_output,
    attention_patterns,
    attention_to_places,
    attention_to_subject,
)
from acdc_custom.heads.copying import ov_scores
from acdc_custom.heads.evidence import Measure
from acdc_custom.heads.measure import measure_heads
from acdc_custom.heads.repeated import repeated_scores
from acdc_custom.heads.roles import classify
from acdc_custom.heads.words import WordPart, find_cast
from acdc_custom.model.layers import layers
from acdc_custom.model.model import Model
from acdc_custom.model.norm import Norm, NormKind


def heads_of(model: Model) -> list[Sender]:
    return [sender for sender in model.graph.senders if sender.stage is Stage.HEAD]


def test_who_is_who_is_found_by_comparing_words() -> None:
    found = cast(ioi_prompts(6))
    assert [(s.name, s.part, s.places, s.repeated) for s in found.subjects] == [
        ("IO", WordPart.ANSWER, ("IO",), False),
        ("S1", WordPart.FOIL, ("S1", "S2"), True),
    ]
    assert found.telling_places == ("S2",)
    unnamed = cast(ioi_prompts(6), ())
    assert [(s.name, s.part) for s in unnamed.subjects] == [("answer", WordPart.ANSWER), ("foil", WordPart.FOIL)]
    assert unnamed.telling_places == ("foil#2",)
    assert unnamed.subjects[1].occurrences == found.subjects[1].occurrences
    with pytest.raises(UsageError, match=r"no position is called .S3.\. There are: IO, S1, S2, END"):
        cast(ioi_prompts(2), ("S3",))


def test_movers_copy_and_negative_movers_write_the_opposite() -> None:
    model, prompts = handmade_model(), ioi_prompts(8)
    tokens = token_batch(prompts, model.max_positions, 40, model.device)
    heads = heads_of(model)
    scores = ov_scores(
        model, list(layers(model.weights, tokens.clean)), cast(prompts), [p.answer_ids[0] for p in prompts], heads
    )
    assert scores.of == 24 and scores.n_prompts == 8
    copied = {str(h): n for h, n in zip(heads, scores.copied, strict=True)}
    negative = {str(h): n for h, n in zip(heads, scores.negative, strict=True)}
    assert copied == {str(h): 24 if str(h) == MOVER else 0 for h in heads}
    assert negative == {str(h): 24 if str(h) == NEGATIVE else 0 for h in heads}
    # The mover writes one word; another prompt's word is as good as any other then, and ties do not count.
    assert sum(scores.copied_control) == sum(scores.negative_control) == 0
    assert set(scores.answers) == {"S1", "S2"} and not any(map(sum, scores.answers.values()))


@pytest.mark.parametrize("name", crossed(NAMES))
def test_copy_scores_of_every_architecture_are_what_a_plain_computation_finds(name: str) -> None:
    model = tiny(name, 3)
    prompts = random_prompts(1, n=4)
    for prompt in prompts:
        prompt.positions.update(first=2, second=3)
    found = find_cast(prompts, ("first", "second"), Numbers())
    tokens = token_batch(prompts, MAX_POSITIONS, VOCAB, model.device)
    answers = [p.answer_ids[0] for p in prompts]
    scores = ov_scores(model, list(layers(model.weights, tokens.clean)), found, answers, heads_of(model))
    with torch.no_grad():
        _, cache = model.bridge.run_with_cache(tokens.clean)
    embedded, after = cache["blocks.0.hook_resid_pre"], cache["blocks.1.hook_resid_pre"]
    weights = model.weights
    for number, head in enumerate(scores.heads):
        attention = weights.blocks[head.layer].attention
        group = head.head // model.graph.shape.group_size
        counts = dict.fromkeys(("copied", "negative", "answer"), 0)
        for prompt, answer in enumerate(answers):
            for place in (2, 3):
                before = (after if head.layer else embedded)[prompt, place]
                x = weights.blocks[head.layer].attention_norm(before) @ attention.value.weight[group]
                if attention.value.bias is not None:
                    x = x + attention.value.bias[group]
                x = x @ attention.out[head.head]
                x = x if attention.post_norm is None else attention.post_norm(x)
                own = int(tokens.clean[prompt, place])
                for kind, sign, word in (("copied", 1, own), ("negative", -1, own), ("answer", 1, answer)):
                    logits = weights.logits(weights.final_norm(sign * x))
                    counts[kind] += int(word in logits.topk(5).indices)
        assert scores.copied[number] == counts["copied"]
        assert scores.negative[number] == counts["negative"]
        assert sum(of[number] for of in scores.answers.values()) == counts["answer"]


def folded(norm: Norm, weight: Tensor, bias: Tensor | None) -> tuple[Tensor, Tensor]:
    """A matrix `[d_model, n]` and its bias, as `fold_ln=True` makes them: what they read is only centred and scaled."""
    own = torch.zeros(weight.shape[1], dtype=weight.dtype) if bias is None else bias
    return norm.weight[:, None] * weight, own if norm.bias is None else own + norm.bias @ weight


def bare(x: Tensor, norm: Norm) -> Tensor:
    """A norm whose weights have been folded into what reads it."""
    x = x - x.mean(-1, keepdim=True) if norm.kind is NormKind.LAYER else x
    return x / (x.pow(2).mean(-1, keepdim=True) + norm.eps).sqrt()


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("make", [tiny_gpt2, tiny_llama])
def test_copy_scores_are_those_of_the_ioi_code_which_folds_the_norms(make: Callable[..., Model], seed: int) -> None:
    model = make(seed, layers=4)
    prompts = random_prompts(seed, n=12)
    for prompt in prompts:
        prompt.positions.update(first=2, second=3)
    found = find_cast(prompts, ("first", "second"), Numbers())
    tokens = token_batch(prompts, MAX_POSITIONS, VOCAB, model.device)
    answers = [p.answer_ids[0] for p in prompts]
    scores = ov_scores(model, list(layers(model.weights, tokens.clean)), found, answers, heads_of(model))
    with torch.no_grad():
        _, cache = model.bridge.run_with_cache(tokens.clean)
    weights, second = model.weights, model.weights.blocks[1].attention_norm
    unembedding, unembedding_bias = folded(weights.final_norm, weights.unembedding.T, weights.unembedding_bias)
    copied, negative, answered = [], [], []
    for head in scores.heads:
        block = weights.blocks[head.layer]
        values, group = block.attention.value, head.head // model.graph.shape.group_size
        w_v, b_v = folded(
            block.attention_norm, values.weight[group], None if values.bias is None else values.bias[group]
        )
        start = cache["blocks.1.hook_resid_pre" if head.layer else "blocks.0.hook_resid_pre"]
        # The norm of block 1 for every layer, as in the paper's code: without weights they are all alike.
        written = (bare(start, second) @ w_v + b_v) @ block.attention.out[head.head]  # [prompt, pos, d_model]
        top = {
            sign: (bare(sign * written, weights.final_norm) @ unembedding + unembedding_bias).topk(5).indices
            for sign in (1, -1)
        }
        places = [(n, pos, int(tokens.clean[n, pos])) for n in range(len(prompts)) for pos in (2, 3)]
        copied.append(sum(own in top[1][n, pos] for n, pos, own in places))
        negative.append(sum(own in top[-1][n, pos] for n, pos, own in places))
        answered.append(sum(answers[n] in top[1][n, pos] for n, pos, _ in places))
    assert scores.copied == tuple(copied) and scores.negative == tuple(negative)
    assert [sum(of) for of in zip(*scores.answers.values(), strict=True)] == answered
    assert len(set(copied)) > 3  # heads differ


def test_heads_of_layer_0_are_scored_on_the_embedding_and_their_evidence_says_so() -> None:
    model, prompts = handmade_model(), ioi_prompts(8)
    tokens = token_batch(prompts, model.max_positions, 40, model.device)
    measured = measure_heads(model, tokens, prompts, cast(prompts))
    for head, scores in measured.scores.items():
        start = "" if head.layer else "from the embedding"
        assert scores[Measure.COPY].at == scores[Measure.NEGATIVE_COPY].at == start
        assert ("from the embedding" in scores[Measure.ANSWER_FROM_CUE].at) == (head.layer == 0)
    # Were it not for what it copies, the duplicate-token head would be a mover.
    duplicate, mover = Sender.parse(DUPLICATE), Sender.parse(MOVER)
    of_mover = (Measure.DIRECT_EFFECT, Measure.ATTENTION_TO_ANSWER)
    changed = measured.scores[duplicate] | {measure: measured.scores[mover][measure] for measure in of_mover}
    del changed[Measure.DUPLICATE_TOKEN], changed[Measure.NEGATIVE_COPY]
    verdicts = classify(measured.scores | {duplicate: changed})
    said = {head: [str(e) for e in verdicts[head].evidence if e.measure is Measure.COPY] for head in (duplicate, mover)}
    assert said[duplicate][0].startswith("copy score (from the embedding) 0.00 (at least 0.5")
    assert said[mover][0].startswith("copy score 1.00 (at least 0.5")


@pytest.mark.parametrize("name", crossed(NAMES))
def test_patterns_are_those_of_the_bridge(name: str) -> None:
    model = tiny(name, 0)
    tokens = torch.arange(16).reshape(2, 8) % VOCAB
    _, cache = model.bridge.run_with_cache(tokens)
    computed, heads = list(layers(model.weights, tokens)), heads_of(model)
    ours = attention_patterns(computed, heads)
    for number, head in enumerate(heads):
        theirs = cache[f"blocks.{head.layer}.attn.hook_pattern"][:, head.head]
        assert torch.allclose(ours[number], theirs.to(ours), atol=1e-5)
    assert torch.allclose(attention_from(computed, heads, [7, 5]), ours[:, [0, 1], [7, 5]], atol=1e-12)


def test_the_mover_attends_to_the_answer_and_writes_along_it() -> None:
    model, prompts = handmade_model(), ioi_prompts(8)
    tokens = token_batch(prompts, model.max_positions, 40, model.device)
    computed, found, heads = list(layers(model.weights, tokens.clean)), cast(prompts), heads_of(model)
    from_end = attention_from(computed, heads, [7] * 8)
    mover, inhibition = ([str(h) for h in heads].index(name) for name in (MOVER, INHIBITION))
    to = attention_to_places(from_end, found)
    assert to["IO"][mover] > 0.99 and to["S2"][inhibition] > 0.99
    to_subject = attention_to_subject(from_end, found.subjects[1])
    assert torch.allclose(to_subject[inhibition].mean(), to["S1"][inhibition] + to["S2"][inhibition])
    (io, s) = attention_output(model, computed, found, [7] * 8, [heads[mover]])
    assert (io.subject, s.subject) == ("IO", "S1")
    assert min(io.output) == pytest.approx(5, abs=1e-3) and max(s.output) < 1e-3


def test_attention_against_output_is_numpys_correlation() -> None:
    import numpy

    model, prompts = tiny("gpt2", 1), random_prompts(5, n=12)
    for prompt in prompts:
        prompt.positions.update(word=2, END=len(prompt.clean_ids) - 1)
    tokens = token_batch(prompts, MAX_POSITIONS, VOCAB, model.device)
    ends = [p.positions["END"] for p in prompts]
    with torch.no_grad():
        _, cache = model.bridge.run_with_cache(tokens.clean)
    head = Sender.parse("a1.h2")
    (result,) = attention_output(
        model, list(layers(model.weights, tokens.clean)), find_cast(prompts, ("word",), Numbers()), ends, [head]
    )
    x, y = [], []
    for n, (prompt, end) in enumerate(zip(prompts, ends, strict=True)):
        word = prompt.clean_ids[2]
        pattern = cache["blocks.1.attn.hook_pattern"][n, 2, end]
        x.append(sum(float(pattern[t]) for t, token in enumerate(prompt.clean_ids) if token == word))
        z = cache["blocks.1.attn.hook_z"][n, end, 2]
        y.append((z @ model.bridge.W_O[1, 2] @ model.bridge.W_U[:, word]).item())
    assert result.attention == pytest.approx(x, abs=1e-6) and result.output == pytest.approx(y, abs=1e-6)
    assert result.r == pytest.approx(float(numpy.corrcoef(x, y)[0, 1]))


def test_heads_are_known_by_repeated_random_tokens() -> None:
    scores = repeated_scores(handmade_model())
    assert scores.length == 16
    for kind, name in (("induction", INDUCTION), ("duplicate", DUPLICATE), ("previous", PREVIOUS)):
        values = {f"a{layer}.h{h}": x for layer, row in enumerate(getattr(scores, kind)) for h, x in enumerate(row)}
        assert values.pop(name) > 0.5
        assert max(values.values()) < 0.2
    assert max(map(max, scores.induction_control + scores.duplicate_control)) < 0.2


def test_the_same_seed_gives_the_same_scores() -> None:
    model = tiny("llama", 0)
    assert repeated_scores(model, seed=1) == repeated_scores(model, seed=1) != repeated_scores(model, seed=2)
