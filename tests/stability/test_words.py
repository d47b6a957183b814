"""The verdict says what was found, and does not promise more."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

from studies import FOUR, ORDERS, PROMPTS, runs_of, study

from acdc_custom.stability.words import summarize_stability, verdict

PAIRS = [
    {("m1", "logits"): 1.0, **{(f"a1.h{head}", "m1"): 0.5 for head in heads}} for heads in combinations(range(4), 2)
]


def test_runs_that_are_the_same_are_stable() -> None:
    said = verdict(study(runs_of([FOUR[0]] * 12)))
    assert said.startswith("This circuit is stable: of the edges that either of two runs keeps, both keep 100%")
    assert "Trust what at least 90% of the runs keep: 3 edges and 2 heads (L1H0, L1H2)." in said
    assert "Do not build" not in said and "few" not in said


def test_runs_that_share_little_are_not() -> None:
    apart: list[dict[tuple[str, str], float]] = [{(name, "logits"): 1.0} for name in ("m0", "m1", "embed")]
    said = verdict(study(runs_of(apart)))
    assert said.startswith("This circuit is not stable") and "heads" not in said
    assert "No edge is kept by 90% of the runs" in said and "Do not build on the 3 edges of 3" in said
    assert "3 runs are few" in said and "(44% to 100% of all such runs keep it" in said


def test_a_kind_of_variation_is_named_only_where_it_is_clear() -> None:
    same, varied = [FOUR[0]] * 6, PAIRS
    clear = study([*runs_of(varied), *runs_of(same, PROMPTS), *runs_of(varied, ORDERS)])
    assert "Of what was varied, orders change it most (Jaccard alone: orders 0.44, prompts 1.00)" in verdict(clear)
    unclear = study([*runs_of(varied), *runs_of(varied, PROMPTS), *runs_of(varied, ORDERS)])
    assert "No kind of variation clearly changes it more" in verdict(unclear)
    assert "ariation" not in verdict(study(runs_of(varied)))


def test_no_edges_at_all_are_no_circuit() -> None:
    assert verdict(study(runs_of([{}, {}]))) == (
        "No run keeps any edge: there is no circuit at this threshold. Try a lower one."
    )
    assert "0 to 0 edges" in summarize_stability(study(runs_of([{}, {}])))


def test_the_summary_has_the_numbers() -> None:
    text = summarize_stability(study([*runs_of(FOUR), *runs_of(FOUR[:3], PROMPTS)]))
    for line in (
        "runs 4 varying prompts, orders; 3 more that vary one of these alone",
        "sizes 1 to 3 edges, median 3",
        "L1H0 75% (30% to 95%)",
        "50% 3 0 75% 0.500 75% <- consensus/",
        "Note: A note.",
    ):
        assert line in (" ".join(said.split()) for said in text.splitlines()), text


def test_the_verdict_says_what_the_consensus_recovers_beside_single_runs() -> None:
    apart: list[dict[tuple[str, str], float]] = [
        {("m1", "logits"): 1.0, **{(f"a{layer}.h{head}", "m1"): 0.5 for head in range(4)}} for layer in (0, 1)
    ]
    said = verdict(study(runs_of(apart), share=1.0))
    assert "The consensus of 1 edge recovers 25% of the logit difference, a single run 125% in the median: less" in said
    assert "consensus of 3 edges recovers 75% of the logit difference, a single run 75% in the median." in verdict(
        study(runs_of([FOUR[0]] * 2))
    )


def test_a_model_that_does_not_do_the_task_is_told() -> None:
    found = study(runs_of(FOUR))
    found = replace(found, full=replace(found.full, logit_diff=-0.5))
    assert "The model does not do this task: it prefers the foil." in verdict(found)
