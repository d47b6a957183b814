"""Which search gives the best circuit of its size?

    python benchmarks/curves.py FOLDER [TASK ...]

Circuits of the bundled model for three tasks, by every method: edges, and KL from the full model on the prompts of the
search and on 100 others. Searches that decide are made at several thresholds. `refined` goes on with what `acdc` has
left until no edge can go; `repaired` puts edges back into that (`repair.py`) and refines again; of a `path`, each
search is among the edges of the one before, from the smallest threshold up, and of `path, refined` each of them is
refined. Methods that score edges give circuits as large as those of `acdc`. Writes `curves.jsonl`, a line per circuit,
and `curves.svg` into the folder, and prints the lines. Give the command again to go on after it was stopped. Seconds
are the processor's, on one core.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from matplotlib.ticker import NullFormatter, StrMethodFormatter
from repair import repaired

from acdc_custom import load_model
from acdc_custom.choices import Metric, Ranking
from acdc_custom.circuit.settings import SearchSettings
from acdc_custom.engine.metrics import prepare
from acdc_custom.engine.prepared import PreparedBatch, prepare_batch
from acdc_custom.engine.scores import CircuitScorer
from acdc_custom.figures.theme import Figure, Theme
from acdc_custom.graph import Edge
from acdc_custom.search.held_out import prepare_draw
from acdc_custom.search.method import DecidingMethod, ScoringMethod, top_edges
from acdc_custom.search.passes import Passes
from acdc_custom.search.registry import method_named
from acdc_custom.task.given import load_task
from acdc_custom.task.selection import Draw

TASKS = ("ioi", "latest_s", "antonyms")
THRESHOLDS = (0.1, 0.03, 0.01, 0.003, 0.001, 0.0003)
REPAIRED = (0.03, 0.01, 0.003)
OF_ACDC = ("refined", "repaired", "path", "path, refined")
METHODS = ("acdc", "grouped", *OF_ACDC, "eap", "eap-ig", "relp", "edge-effects")
N = 100

Effects = dict[Edge, float]
Row = dict[str, Any]


@dataclass
class Bench:
    """One task: its prompts, and what has been found."""

    task: str
    prepared: PreparedBatch = field(init=False)

    def __post_init__(self) -> None:
        settings = SearchSettings.of(n=N)
        self.prepared = prepare_batch(load_task(self.task), load_model("demo-4l"), settings)
        test = prepare_draw(self.prepared, settings, Draw.TEST)
        assert test is not None
        self._own, self._test = CircuitScorer(self.prepared), test
        self._found: dict[tuple[str, float], Effects] = {}

    def rows(self, method: str) -> Iterator[Row]:
        """A line for each circuit of a method."""
        if not decides(method):
            yield from self._scored(method)
            return
        before: Effects | None = None
        for threshold in sorted(REPAIRED if method == "repaired" else THRESHOLDS):
            begun, more = time.process_time(), {}
            if method in ("path", "path, refined"):
                before = kept = self._searched("acdc", threshold, before, refine="refined" in method)
            elif method == "refined":
                kept = self._refined(threshold)
            elif method == "repaired":
                refined = self._refined(threshold)
                begun = time.process_time()
                larger, runs = repaired(self._own, refined, threshold)
                kept = self._searched("acdc", threshold, {edge: refined.get(edge, 0.0) for edge in larger}, refine=True)
                more = {"added": len(larger) - len(refined), "runs": runs}
            else:
                kept = self._once(method, threshold)
            yield self._row(method, kept, time.process_time() - begun, threshold=threshold, **more)

    def _once(self, method: str, threshold: float) -> Effects:
        key = method, threshold
        if key not in self._found:
            self._found[key] = self._searched(method, threshold)
        return self._found[key]

    def _refined(self, threshold: float) -> Effects:
        return self._searched("acdc", threshold, self._once("acdc", threshold), refine=True)

    def _searched(
        self, method: str, threshold: float, start: Mapping[Edge, float] | None = None, refine: bool = False
    ) -> Effects:
        """The edges that a search keeps, of all or of these, with their effects."""
        deciding = method_named(method)
        assert isinstance(deciding, DecidingMethod)
        settings = SearchSettings.of(method=method, threshold=threshold, refine=refine, n=N)
        weights = self.prepared.model.weights
        batch = [
            (chunk, prepare(Metric.KL, weights, chunk.tokens, chunk.model_normed)) for chunk in self.prepared.chunks
        ]
        passes = Passes(deciding, batch, settings, self.prepared.memory.window_bytes, start)
        last = {decision.edge: decision for decision in passes.decisions()}
        return {
            edge: decision.effect for edge, decision in last.items() if decision.kept and decision.effect is not None
        }

    def _scored(self, method: str) -> Iterator[Row]:
        scoring = method_named(method)
        assert isinstance(scoring, ScoringMethod)
        begun = time.process_time()
        scores = scoring.scores(self.prepared.chunks)
        seconds = time.process_time() - begun
        for size in sorted({len(self._once("acdc", threshold)) for threshold in THRESHOLDS}):
            yield self._row(method, top_edges(scores, size, Ranking.ABSOLUTE), seconds)

    def _row(self, method: str, edges: Collection[Edge], seconds: float, **more: Any) -> Row:
        own, test = self._own(edges), self._test(edges)
        empty, full = self._test.empty.logit_diff.mean(), self._test.full.logit_diff.mean()
        return {
            "task": self.task,
            "method": method,
            "edges": len(edges),
            "kl_on_search": round(float(own.kl.mean()), 5),
            "kl_on_test": round(float(test.kl.mean()), 5),
            "recovered_on_test": round(float((test.logit_diff.mean() - empty) / (full - empty)), 4),
            "seconds": round(seconds, 1),
            **more,
        }


def decides(method: str) -> bool:
    """Whether it searches by a threshold, and does not score edges."""
    return method in OF_ACDC or isinstance(method_named(method), DecidingMethod)


def picture(rows: list[Row], theme: Theme = Theme.LIGHT) -> Figure:
    """A panel per task: KL on test prompts over edges, a curve for each method."""
    about = "A panel per task: the KL of circuits from the full model on test prompts, over their number of edges."
    with theme.applied():
        figure = Figure("KL from the model on test prompts, by edges, in demo-4l", about, 9.6, 4.2, theme)
        panels = figure.subplots(1, len(TASKS), sharey=True)
        for axes, task in zip(panels, TASKS, strict=True):
            for place, method in enumerate(METHODS):
                its = [(r["edges"], r["kl_on_test"]) for r in rows if (r["task"], r["method"]) == (task, method)]
                if not its:
                    continue
                colour, marker = theme.look(place)
                line = "-" if decides(method) else ":"
                axes.plot(*zip(*its, strict=True), marker, ls=line, ms=4, color=colour, label=method)
            axes.set_xscale("log")
            axes.set_yscale("log")
            axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
            axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
            axes.xaxis.set_minor_formatter(NullFormatter())
            axes.set_xticks((25, 50, 100, 200))
            axes.set_title(task)
            axes.set_xlabel("edges")
            axes.grid(True)
            axes.set_axisbelow(True)
        panels[0].set_ylabel("KL on test prompts, nats")
        figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=5, fontsize=7.5)
    return figure


def main(folder: str, *tasks: str) -> None:
    """Do what is not in the file yet, then draw it all."""
    torch.set_num_threads(1)
    path = Path(folder) / "curves.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    done = {(row["task"], row["method"]) for row in rows}
    for task in tasks or TASKS:
        left = [method for method in METHODS if (task, method) not in done]
        bench = Bench(task) if left else None
        for method in left:
            assert bench is not None
            its = list(bench.rows(method))
            rows += its
            with path.open("a") as file:
                file.writelines(json.dumps(row) + "\n" for row in its)
            print(*its, sep="\n", flush=True)
    picture(rows).save(path.with_name("curves.svg"))


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("usage: python benchmarks/curves.py FOLDER [TASK ...]")
    main(*sys.argv[1:])
