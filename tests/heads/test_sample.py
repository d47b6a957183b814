"""Heads that were asked for are measured as if all were; a sample stands for the rest, and says so."""

from __future__ import annotations

import pytest
from circuits import circuit_of
from handmade import INHIBITION, MOVER, NEGATIVE, cast, handmade_model, ioi_prompts
from tiny_task import prepared

from acdc_custom.engine.tokens import token_batch
from acdc_custom.graph import GraphShape, Sender, Stage
from acdc_custom.heads import sample
from acdc_custom.heads.evidence import Measure, Role
from acdc_custom.heads.find import find_roles
from acdc_custom.heads.measure import HeadMeasurements, measure_heads
from acdc_custom.heads.sample import SAMPLE, MeasuredHeads


def measured(asked: list[Sender] | None, seed: int = 0) -> HeadMeasurements:
    model, prompts = handmade_model(), ioi_prompts(8)
    tokens = token_batch(prompts, model.max_positions, 40, model.device)
    return measure_heads(model, tokens, prompts, cast(prompts), asked, seed)


def test_what_is_measured_of_a_head_does_not_depend_on_which_others_are(monkeypatch: pytest.MonkeyPatch) -> None:
    every = measured(None)
    monkeypatch.setattr(sample, "SAMPLE", 2)
    asked = [Sender.parse(name) for name in (INHIBITION, MOVER)]
    for seed in range(4):
        some = measured(asked, seed)
        assert len(some.scores) <= 4 and some.movers == every.movers
        for head in asked:
            assert set(some.scores[head]) == set(every.scores[head])
            for name, score in some.scores[head].items():
                if name not in (Measure.INDUCTION, Measure.DUPLICATE_TOKEN, Measure.PREVIOUS_TOKEN):  # seeded
                    assert score.value == pytest.approx(every.scores[head][name].value, abs=1e-4)
                    assert score.at == every.scores[head][name].at


def test_a_rank_is_among_the_heads_that_were_measured_and_the_null_is_the_samples(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sample, "SAMPLE", 3)
    some = measured([Sender.parse(MOVER)])
    drawn = [head for head in some.heads.sample if head != Sender.parse(MOVER)]
    evidence = some.verdicts[Sender.parse(MOVER)].evidence[0]
    assert evidence.measure is Measure.DIRECT_EFFECT
    assert evidence.measured == len(some.scores) == len({*drawn, Sender.parse(MOVER)})
    assert evidence.others is not None and evidence.others.n == len(drawn)
    assert evidence.control is not None and evidence.control.n == 3
    assert f"1st of {evidence.measured} heads measured" in str(evidence)


def test_movers_are_looked_for_among_the_heads_that_were_asked_for_alone() -> None:
    batch = prepared(handmade_model(), ioi_prompts(8))
    circuit = circuit_of(batch.model.graph.shape, {(INHIBITION, "logits"): 1.0, (NEGATIVE, "logits"): 1.0})
    table = find_roles(batch, circuit)
    assert table.movers == () and table.roles[Sender.parse(INHIBITION)] is Role.UNCLASSIFIED
    assert any(note.startswith("No head of the circuit is a mover") and "--all-heads" in note for note in table.notes)
    assert "S-inhibition cannot be told: no mover is known that comes after it" in table[Sender.parse(INHIBITION)].why
    every = [sender for sender in batch.model.graph.senders if sender.stage is Stage.HEAD]
    whole = find_roles(batch, circuit, every)
    assert [str(mover) for mover in whole.movers] == [MOVER]
    assert whole.roles[Sender.parse(INHIBITION)] is Role.S_INHIBITION


def test_the_draw_is_a_seeds_and_every_head_can_be_in_it() -> None:
    graph = handmade_model().graph.__class__(GraphShape(10, 12, 12))
    heads = [sender for sender in graph.senders if sender.stage is Stage.HEAD]
    draws = [MeasuredHeads.of(graph, heads[:3], seed) for seed in range(40)]
    assert draws[7] == MeasuredHeads.of(graph, heads[:3], 7) != draws[8]
    for draw in draws:
        assert len(set(draw.sample)) == SAMPLE and list(draw.sample) == sorted(draw.sample)
        assert set(draw.all) == {*heads[:3], *draw.sample} and not draw.is_whole
    times = [sum(head in draw.sample for draw in draws) for head in heads]
    assert min(times) > 0 and max(times) < 40  # 20 of 40 is what one expects


def test_when_all_are_asked_for_or_the_model_is_small_all_stand_for_all() -> None:
    small, large = (handmade_model().graph.__class__(GraphShape(n, 12, 12)) for n in (5, 10))
    heads = [sender for sender in small.senders if sender.stage is Stage.HEAD]
    assert list(MeasuredHeads.of(small, heads[:1]).sample) == heads
    whole = MeasuredHeads.of(large)
    assert whole.is_whole and whole.sample == whole.asked and len(whole.all) == 120
