"""How well does a consensus do the task on prompts that no run has seen, beside the runs that it is made of?

    acdc-custom stability --task ioi --method grouped --runs 100 --out FOLDER
    python benchmarks/consensus.py FOLDER

Scores the consensus at every tenth, and all runs, on the test prompts of the study's settings: what is recovered of the
logit difference, and the KL from the model in nats. Of the runs, the median, and how many are nearer to the model than
the consensus.
"""

from __future__ import annotations

import sys
from collections.abc import Collection
from pathlib import Path

import numpy as np
import torch

from acdc_custom import Circuit, load_stability
from acdc_custom.engine.scores import CircuitScorer
from acdc_custom.graph import Edge
from acdc_custom.runs.reopen import reopen
from acdc_custom.search.held_out import prepare_draw
from acdc_custom.stability.consensus import consensus_edges
from acdc_custom.task.selection import Draw

SHARES = tuple(place / 10 for place in range(1, 11))


def measured(scorer: CircuitScorer, edges: Collection[Edge]) -> tuple[float, float]:
    """What it recovers, and its KL."""
    inside = scorer(edges).behaviour()
    full, empty = scorer.full.behaviour().logit_diff, scorer.empty.behaviour().logit_diff
    return (inside.logit_diff - empty) / (full - empty), inside.kl


def main(folder: str) -> None:
    """Print a line for each share, and one for the runs."""
    torch.set_num_threads(1)
    study, where = load_stability(folder), Path(folder)
    consensus = where / "consensus"
    settings = Circuit.load(consensus).settings
    scorer = prepare_draw(reopen(consensus).prepared, settings, Draw.TEST)
    if scorer is None:
        sys.exit("The study's task has no prompts left to test.")
    runs = [Circuit.load(path.parent) for path in sorted(where.glob("all-*/circuit.json"))]
    singles = np.array([measured(scorer, [kept.edge for kept in run.edges]) for run in runs])
    print(
        f"{len(runs)} runs: recovered, median {np.median(singles[:, 0]):.0%}; KL, median {np.median(singles[:, 1]):.3f}"
    )
    for share in SHARES:
        edges = [kept.edge for kept in consensus_edges(study.shares["edges"], share)]
        recovered, kl = measured(scorer, edges)
        better = int((singles[:, 1] < kl).sum())
        print(f"{share:>5.0%}{len(edges):>6} edges{recovered:>7.0%}{kl:>9.3f}   {better} runs are nearer")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python benchmarks/consensus.py FOLDER")
    main(sys.argv[1])
