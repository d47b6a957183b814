"""Path patching against a plain computation of one path at a time, and against hooks of TransformerBridge."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from typing import Any

import oracle
import pytest
import torch
from handmade import DUPLICATE, INHIBITION, MOVER, NEGATIVE, cast, handmade_model, ioi_prompts
from tiny import KINDS, MAX_POSITIONS, NAMES, VOCAB, WITH_POST_NORMS, TinyPrompt, random_prompts, small, tiny
from torch import Tensor

from acdc_custom.choices import Effect
from acdc_custom.engine.tokens import TokenBatch, token_batch
from acdc_custom.errors import UsageError
from acdc_custom.graph import LOGITS, Place, Port, Reading, Receiver, Sender, Stage
from acdc_custom.heads import path_patching
from acdc_custom.heads.names import coming_before
from acdc_custom.heads.path_patching import patched_attention, patched_reads, path_patch
from acdc_custom.heads.walk import run_passes
from acdc_custom.model.model import Model
from acdc_custom.model.weights import Weights


class Naive:
    """One prompt, one sender, one node at a time; shares with the engine the weights alone."""

    def __init__(self, weights: Weights, prompt: TinyPrompt) -> None:
        self.weights = weights
        self.tokens = torch.tensor(prompt.clean_ids)
        self.clean, _, self.scales = oracle.forward(weights, self.tokens)
        self.corrupted, *_ = oracle.forward(weights, torch.tensor(prompt.corrupted_ids))
        self.kv_of = len(weights.blocks[0].attention.out) // len(weights.blocks[0].attention.key.weight)

    def forward(
        self, fixed: dict[str, Tensor], given: dict[str, Tensor], at: dict[str, list[int]]
    ) -> tuple[dict[str, Tensor], Tensor]:
        """What every receiver reads, and the logits. `fixed` nodes write that; `given` receivers read that at `at`."""
        w = self.weights
        outputs = {"embed": fixed.get("embed", self.clean["embed"])}
        reads, biases = {}, torch.zeros_like(outputs["embed"])

        def read(receiver: str, without: tuple[str, ...] = ()) -> Tensor:
            total = biases + sum(out for name, out in outputs.items() if name not in without)
            for place in at[receiver] if receiver in given else ():
                total[place] = given[receiver][place]
            reads[receiver] = total
            return total

        for layer, block in enumerate(w.blocks):
            a, written, before = block.attention, {}, biases
            for head in range(len(a.out)):
                group = head // self.kv_of
                owner = f"a{layer}.h{head}" if self.kv_of == 1 else f"a{layer}.kv{group}"
                names = (f"a{layer}.h{head}.q", f"{owner}.k", f"{owner}.v")
                q, k, v = (
                    oracle.project(oracle.norm(read(name), block.attention_norm), projection, number)
                    for name, projection, number in zip(
                        names, (a.query, a.key, a.value), (head, group, group), strict=True
                    )
                )
                pattern = oracle.attend(oracle.rotate(q, a.query.rotary), oracle.rotate(k, a.key.rotary), a)
                out = pattern @ v @ a.out[head]
                if a.post_norm is not None:
                    out = oracle.norm(out, a.post_norm, self.scales[layer])
                written[f"a{layer}.h{head}"] = fixed.get(f"a{layer}.h{head}", out)
            outputs |= written
            after = biases if a.out_bias is None else biases + a.out_bias
            if block.mlp is not None:
                biases = before if block.parallel else after
                x = read(f"m{layer}", tuple(written) if block.parallel else ())
                outputs[f"m{layer}"] = fixed.get(
                    f"m{layer}", oracle.multilayer(oracle.norm(x, block.mlp_norm), block.mlp)
                )
            biases = after
        logits = oracle.norm(read("logits"), w.final_norm) @ w.unembedding.T
        if w.unembedding_bias is not None:
            logits = logits + w.unembedding_bias
        return reads, oracle.capped(logits[-1], w.logit_soft_cap)

    def patch(self, sender: str, at: dict[str, list[int]], effect: Effect, span: list[int] | None = None) -> Tensor:
        """The logits, when receivers read at places `at`, and the sender is patched at the places of `span`, or all."""
        frozen = {
            Effect.EDGE: self.clean,
            Effect.DIRECT: {name: out for name, out in self.clean.items() if name[0] != "m"},
            Effect.TOTAL: {},
        }[effect]
        patched = self.clean[sender].clone()
        for place in range(len(patched)) if span is None else span:
            patched[place] = self.corrupted[sender][place]
        reads, logits = self.forward({**frozen, sender: patched}, {}, {})
        if list(at) == ["logits"]:
            return logits
        return self.forward({}, {name: reads[name] for name in at}, at)[1]


def by_effect(names: Sequence[str], every: Sequence[str]) -> list[Any]:
    """Names and effects for `parametrize`: quick with each effect on `every`, and with the total one on each kind."""
    return [
        pytest.param(name, effect, marks=() if name in quick else pytest.mark.slow)
        for effect in Effect
        for name in names
        for quick in (KINDS if effect is Effect.TOTAL else every,)
    ]


def batch(model: Model, prompts: list[TinyPrompt]) -> TokenBatch:
    return token_batch(prompts, MAX_POSITIONS, VOCAB, model.device)


def later_senders(model: Model, receivers: list[Receiver], n: int, seed: int) -> list[Sender]:
    before = max(model.graph.n_senders_before(receiver) for receiver in receivers)
    senders = list(model.graph.senders[:before])
    return sorted(random.Random(seed).sample(senders, min(n, len(senders))))


def some_receivers(model: Model) -> list[list[Receiver]]:
    """The logits, an MLP if there is one, and inputs of heads of the last layer, alone and together."""
    last = [r for r in model.graph.receivers if r.layer == 1]
    q, k, v = ([r for r in last if r.port is port] for port in (Port.Q, Port.K, Port.V))
    mlps = [[r] for r in last if r.stage is Stage.MLP]
    early = next(r for r in model.graph.receivers if r.layer == 0 and r.port is Port.V)
    return [[LOGITS], *mlps, [q[0]], [k[-1]], [v[0]], [q[1], v[-1], early]]


@pytest.mark.parametrize(("name", "effect"), by_effect(NAMES, every=("gpt-neox", "gemma2")))
def test_every_path_is_that_of_a_plain_computation(name: str, effect: Effect) -> None:
    model = small(name, 2)
    prompts = random_prompts(4, n=2)
    passes = run_passes(model, batch(model, prompts))
    naive = [Naive(model.weights, prompt) for prompt in prompts]
    positions = torch.tensor([[3, 4], [4, 3]])
    for receivers, where in itertools.product(some_receivers(model), (None, positions)):
        senders = later_senders(model, receivers, 2, seed=len(receivers))
        patched = path_patch(passes, senders, receivers, where, effect)
        logits = model.weights.logits(patched.normed)
        for n, prompt in enumerate(prompts):
            at = list(range(len(prompt.clean_ids))) if where is None else where[n].tolist()
            for i, sender in enumerate(senders):
                expected = naive[n].patch(str(sender), {str(r): at for r in receivers}, effect)
                assert torch.allclose(logits[i, n], expected, atol=1e-9), f"{sender} -> {receivers} of prompt {n}"
                difference = oracle.logit_diff(prompt, expected[None])
                assert float(patched.logit_diffs(passes.tokens)[0][i, n]) == pytest.approx(difference, abs=1e-9)


def at_spans(prompt: TinyPrompt, span: str) -> list[int]:
    """The places of a prompt in a span; "" is all of them."""
    return [place for place, name in enumerate(prompt.spans) if span in ("", name)]


@pytest.mark.parametrize("effect", Effect)
@pytest.mark.parametrize("name", ["gpt2", "llama"])
def test_a_sender_at_a_span_and_receivers_at_spans_are_those_of_a_plain_computation(name: str, effect: Effect) -> None:
    """The second prompt has no S, and its A..END is of another length."""
    model = tiny(name, 2)
    prompts = [
        TinyPrompt((3, 4, 5, 6, 7, 8), (3, 9, 5, 11, 7, 8), positions={"A": 1, "S": 3}),
        TinyPrompt((3, 4, 5, 6), (3, 12, 5, 6), positions={"A": 1}),
    ]
    naive = [Naive(model.weights, prompt) for prompt in prompts]
    passes = run_passes(model, batch(model, prompts))
    q, v = (next(r for r in model.graph.receivers if r.layer == 1 and r.port is port) for port in (Port.Q, Port.V))
    for reads in (["logits@END"], [f"{q}@END", f"{v}@S", f"{v}@A"], [f"{v}@A..S", str(q)]):
        places = [Place.read(name) for name in ("a0.h2@S", "embed@A", "a0.h2@END", "a0.h2", "m0@A")]
        readings = [Reading.read(text) for text in reads]
        patched = path_patch(passes, places, readings, effect=effect)
        assert patched.places == tuple(sorted(places))
        logits = model.weights.logits(patched.normed)
        for n, prompt in enumerate(prompts):
            at: dict[str, list[int]] = {}
            for reading in readings:
                at.setdefault(str(reading.receiver), []).extend(at_spans(prompt, reading.span))
            for i, place in enumerate(patched.places):
                expected = naive[n].patch(str(place.node), at, effect, at_spans(prompt, place.span))
                assert torch.allclose(logits[i, n], expected, atol=1e-9), f"{place} -> {reads} of prompt {n}"


def test_a_sender_patched_at_each_span_by_itself_and_read_along_edges_adds_up_to_the_whole() -> None:
    model, prompts = handmade_model(), ioi_prompts(4)
    passes = run_passes(model, token_batch(prompts, model.max_positions, 40, model.device))
    spans, value = passes.tokens.spans.names, Receiver.parse(f"{INHIBITION}.v")
    whole = patched_reads(passes, [Place.read(DUPLICATE)], [value], 0, Effect.EDGE)[value][0]
    parts = patched_reads(passes, [Place(Sender.parse(DUPLICATE), span) for span in spans], [value], 0, Effect.EDGE)
    assert torch.allclose(parts[value].sum(0), whole) and float(whole.abs().max()) > 0.1
    # The duplicate-token head says at S2 that there is a duplicate, and nowhere else.
    patched = path_patch(passes, [Place(Sender.parse(DUPLICATE), span) for span in spans], [value])
    changes = {place.span: change for place, change in zip(patched.places, patched.changes().tolist(), strict=True)}
    assert changes.pop("S2") < -50 and max(map(abs, changes.values())) < 1e-6


@pytest.mark.parametrize(
    ("name", "effect"), by_effect([name for name in NAMES if name not in WITH_POST_NORMS], every=("gpt2",))
)  # where the scale is held: see walk.py
def test_every_path_is_that_of_the_bridges_hooks(name: str, effect: Effect) -> None:
    model = tiny(name, 2)
    tokens = batch(model, random_prompts(4, n=2))
    passes, bridge = run_passes(model, tokens), model.bridge
    ends = tokens.answer_positions[:, 0]
    with torch.no_grad():
        _, clean = bridge.run_with_cache(tokens.clean)
        _, corrupted = bridge.run_with_cache(tokens.corrupted)

    def run(replaced: dict[str, Tensor], read: str) -> tuple[Tensor, Tensor]:
        seen = {}

        def keep(x: Tensor, hook: object) -> None:
            seen["read"] = x.clone()

        hooks = [(key, lambda x, hook, value=value: value) for key, value in replaced.items()]
        with torch.no_grad():
            logits = bridge.run_with_hooks(tokens.clean, fwd_hooks=[*hooks, (read, keep)])
        return seen["read"], logits[[0, 1], ends]

    for port, kind in ((Port.Q, "q"), (Port.K, "k"), (Port.V, "v"), (Port.IN, "")):
        receiver = next(r for r in model.graph.receivers if r.port is port and r.layer == 1) if kind else LOGITS
        if kind == "":
            receiver = LOGITS
        for head in (0, 3):
            sender = Sender(0, Stage.HEAD, head)
            z = clean["blocks.0.attn.hook_z"].clone()
            z[:, :, head] = corrupted["blocks.0.attn.hook_z"][:, :, head]
            replaced = {"blocks.0.attn.hook_z": z}
            if effect is not Effect.TOTAL:
                replaced["blocks.1.attn.hook_z"] = clean["blocks.1.attn.hook_z"]
            if effect is Effect.EDGE and model.graph.shape.has_mlp:
                replaced |= {f"blocks.{layer}.hook_mlp_out": clean[f"blocks.{layer}.hook_mlp_out"] for layer in (0, 1)}
            hook = f"blocks.1.attn.hook_{kind or 'z'}"
            read, logits = run(replaced, hook)
            if kind:
                given = clean[hook].clone()
                given[:, :, receiver.head] = read[:, :, receiver.head]
                _, logits = run({hook: given}, hook)
            ours = model.weights.logits(path_patch(passes, [sender], [receiver], None, effect).normed[0])
            assert torch.allclose(ours, logits, atol=1e-5), f"{sender} -> {receiver}"


def test_how_many_are_patched_at_once_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny("llama", 1)
    passes = run_passes(model, batch(model, random_prompts(3)))
    receivers = [r for r in model.graph.receivers if r.port is Port.Q and r.layer == 1]
    senders = later_senders(model, receivers, 6, seed=0)
    done: list[int] = []
    together = path_patch(passes, senders, receivers, on_sender=done.append)
    assert done == [len(senders)]
    monkeypatch.setattr(path_patching, "CHUNK", 1)
    singly = path_patch(passes, senders, receivers, on_sender=done.append)
    assert done[1:] == [1] * len(senders)
    assert torch.allclose(together.normed, singly.normed, atol=1e-12)


def test_nothing_moves_where_the_corrupted_prompt_is_the_clean_one() -> None:
    model, prompts = tiny("gpt2", 1), random_prompts(3)
    same = [TinyPrompt(p.clean_ids, p.clean_ids) for p in prompts]
    patched = path_patch(run_passes(model, batch(model, same)), model.graph.senders, [LOGITS], effect=Effect.TOTAL)
    assert float(patched.changes().abs().max()) < 1e-9


def test_the_handmade_heads_have_the_effects_that_paper_says() -> None:
    model, prompts = handmade_model(), ioi_prompts(8)
    tokens = token_batch(prompts, model.max_positions, 40, model.device)
    passes = run_passes(model, tokens)
    heads = [s for s in model.graph.senders if s.stage is Stage.HEAD]

    def changes(receivers: list[Receiver], positions: Tensor | None = None) -> dict[str, float]:
        senders = coming_before(model.graph, heads, receivers)
        patched = path_patch(passes, senders, receivers, positions)
        return {str(s): c for s, c in zip(patched.senders, patched.changes().tolist(), strict=True)}

    # Logit difference 5 - 1 = 4. Without the mover's 5: -1, which is 125 % less; without the negative mover's: 5.
    direct = changes([LOGITS])
    assert (direct.pop(MOVER), direct.pop(NEGATIVE)) == pytest.approx((-125, 25), abs=0.1)
    assert max(map(abs, direct.values())) < 1e-6
    # Uninhibited, the mover attends to the subject's two places and to the answer's one: 5 (1 - 2) / 3 - 1 = -2.67.
    to_query = changes([Receiver.parse(f"{MOVER}.q")], tokens.answer_positions)
    assert to_query.pop(INHIBITION) == pytest.approx(100 * (-5 / 3 - 1 - 4) / 4, abs=0.5)
    assert max(map(abs, to_query.values())) < 1e-6
    # The duplicate-token head tells the S-inhibition head, through its values at S2, whom to inhibit.
    s2 = torch.tensor([[p.positions["S2"]] for p in prompts])
    to_value = changes([Receiver.parse(f"{INHIBITION}.v")], s2)
    assert to_value.pop(DUPLICATE) < -50
    assert max(map(abs, to_value.values())) < 1e-6
    # Patching S-inhibition takes attention from the answer and gives it to the subject.
    found = cast(prompts)
    clean = passes.clean[2].pattern([0], tokens.answer_positions)[0, :, 0]
    after = patched_attention(passes, [Sender.parse(INHIBITION)], [Sender.parse(MOVER)])[0, 0]
    change = (after - clean).mean(0)
    assert found.places["S2"] == (5,) * 8
    assert float(change[5]) == pytest.approx(1 / 3, abs=0.01)


@pytest.mark.parametrize(
    ("sender", "receiver", "message"),
    [
        ("a1.h0", "a0.h0.q", "a1.h0 does not come before a0.h0.q: no path leads from it to there"),
        ("a7.h0", "logits", r"no a7.h0 \(L7H0\) in this model: it has 2 layers of 4 heads in 2 groups, counted from 0"),
        ("a0.h0@END", "logits@changed1", "logits@changed1: the logits are read at END only. Leave @changed1 away"),
        (
            "a0.h0@chnged1",
            "logits",
            'no span is called "chnged1". Did you mean "changed1"\\? These prompts have: .*END',
        ),
        ("a0.h0", "m1@S9", 'no span is called "S9".* These prompts have: start, changed1'),
        ("a0.h0", "a1.h0.k", "there is no a1.h0.k in this model: .* Query heads share keys and values here: a9.kv1.k"),
    ],
)
def test_impossible_paths_are_told(sender: str, receiver: str, message: str) -> None:
    model = tiny("llama", 0)
    passes = run_passes(model, batch(model, random_prompts(0)))
    with pytest.raises(UsageError, match=message):
        path_patch(passes, [Place.read(sender)], [Reading.read(receiver)])
