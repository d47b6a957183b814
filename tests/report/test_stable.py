"""What a page says of a study of stability."""

from __future__ import annotations

from dataclasses import replace

from circuits import circuit_of
from studies import FOUR, SHAPE, runs_of, study

from acdc_custom.report.stable import MOST_HEADS, stable_of
from acdc_custom.stability.record import FinishedRun
from acdc_custom.stability.words import verdict

STABILITY = study(runs_of(FOUR))


def test_a_run_is_told_how_many_of_its_edges_come_back() -> None:
    stable = stable_of(STABILITY, circuit_of(SHAPE, FOUR[2]))  # kept by four, three and one of four runs
    assert stable.own == (
        "The circuit on this page is that of one of the 4 runs of the study.",
        "Of its 3 edges, at least 90 % of the 4 runs keep 1, and fewer than half of them keep 1.",
    )
    assert stable.verdict == verdict(STABILITY)
    assert stable.notes == ("A note.",)


def test_a_consensus_says_what_it_is_the_consensus_of() -> None:
    circuit = circuit_of(SHAPE, FOUR[0])
    consensus = replace(circuit, search=replace(circuit.search, runs=4, share=0.5))
    first, second = stable_of(STABILITY, consensus).own
    assert first == "The circuit on this page is the consensus of 4 runs, edges kept by at least 50%."
    assert second.endswith("and fewer than half of them keep none.")
    assert len(stable_of(STABILITY, replace(consensus, edges=())).own) == 1


def test_heads_have_their_shares_the_most_often_kept_first() -> None:
    lines = stable_of(STABILITY, circuit_of(SHAPE, FOUR[2])).heads
    assert [(line.label, line.share, line.inside) for line in lines] == [("L1H0", 0.75, True), ("L1H2", 0.5, False)]
    assert lines[0].interval == "30 % to 95 %"  # Wilson's, of 3 of 4


def test_of_many_heads_the_rest_is_counted() -> None:
    shape = replace(SHAPE, n_heads=MOST_HEADS + 6)
    circuit = circuit_of(shape, {(f"a1.h{n}", "logits"): 1.0 for n in range(MOST_HEADS + 6)})
    runs = [FinishedRun(f"run-{n}", runs_of(FOUR)[0].varied, circuit) for n in (1, 2)]
    stable = stable_of(study(runs), circuit)
    assert (len(stable.heads), stable.more_heads) == (MOST_HEADS, 6)
