"""What a sweep along a path costs beside one that searches the whole model at each threshold, and what it finds.

    python benchmarks/paths.py [TASK,... [METHOD [MODEL]]]

The thresholds are those of `acdc-custom sweep`, with 50 prompts; test numbers are of 100 others. At each threshold both
searches are made one after the other, and seconds are those of the processor. The scores of methods that a sweep sets
beside its circuits are not counted: they cost both the same.
"""

from __future__ import annotations

import sys
import time

from acdc_custom.circuit.circuit import Circuit
from acdc_custom.circuit.settings import SearchSettings
from acdc_custom.engine.prepared import PreparedBatch, prepare_batch
from acdc_custom.search.discover import search
from acdc_custom.search.held_out import prepare_draw, score
from acdc_custom.sweep.plan import DEFAULT_THRESHOLDS
from acdc_custom.task.selection import Draw


def main(tasks: str = "ioi,latest_s", method: str = "acdc", model: str = "demo-4l") -> None:
    """Print a table for each task."""
    for task in tasks.split(","):
        settings = SearchSettings.of(n=50, method=method)
        prepared = prepare_batch(task, model, settings)
        test = prepare_draw(prepared, settings, Draw.TEST)
        assert test is not None
        print(f"{task} in {prepared.model.name}, {method}, {len(prepared.batch.prompts)} prompts")
        print(f"{'':>10}{'separate searches':^44}{'along a path':^44}")
        print(f"{'threshold':>10}" + 2 * f"{'edges':>8}{'KL':>8}{'test':>7}{'evaluations':>13}{'s':>8}")
        before, totals = None, [[0, 0.0], [0, 0.0]]
        for threshold in DEFAULT_THRESHOLDS:
            cells = f"{threshold:>10g}"
            for start, total in zip((None, before), totals, strict=True):
                circuit, seconds = timed(prepared, settings.with_(threshold=threshold), start)
                recovered = score(test, circuit).faithfulness
                share = "-" if recovered is None else f"{recovered.value:.0%}"
                total[0] += circuit.search.evaluations
                total[1] += seconds
                cells += f"{len(circuit.edges):>8}{circuit.outcome.circuit.kl:>8.3f}{share:>7}"
                cells += f"{circuit.search.evaluations:>13,}{seconds:>8.1f}"
            before = circuit
            print(cells, flush=True)
        print(f"{'all':>10}" + "".join(f"{'':>23}{n:>13,}{seconds:>8.1f}" for n, seconds in totals))


def timed(prepared: PreparedBatch, settings: SearchSettings, start: Circuit | None) -> tuple[Circuit, float]:
    """A circuit, and what its search took."""
    began = time.process_time()
    circuit = search(prepared, settings, start=start)
    return circuit, time.process_time() - began


if __name__ == "__main__":
    main(*sys.argv[1:])
