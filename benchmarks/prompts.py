"""How many prompts does a circuit need to hold on others, and what do they cost?

    python benchmarks/prompts.py FOLDER [MODEL]

Searches for three tasks at rising numbers of prompts, and tests each circuit on prompts that its search has not seen.
Writes `prompts.jsonl`, a line per search, and `prompts.svg` into the folder. Give the command again to go on after it
was stopped. Seconds are the processor's, on one core.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.ticker import NullFormatter, PercentFormatter, StrMethodFormatter

from acdc_custom import discover, load_model
from acdc_custom.figures.theme import Figure, Theme

TASKS = ("ioi", "latest_s", "antonyms")
PROMPTS = (8, 16, 32, 64, 100, 200)
SEARCHES: dict[str, dict[str, Any]] = {
    "acdc, KL, threshold 0.01": {"method": "acdc", "metric": "kl", "threshold": 0.01},
    "grouped, KL, threshold 0.01": {"method": "grouped", "metric": "kl", "threshold": 0.01},
    "acdc, logit difference, threshold 0.1": {"method": "acdc", "metric": "logit-diff", "threshold": 0.1},
}


def searched(model: Any, task: str, search: str, n: int) -> dict[str, Any]:
    """One search, as a line of the file."""
    begun = time.process_time()
    circuit = discover(task, model, n=n, progress=False, **SEARCHES[search])
    test = circuit.test
    reached = None if test is None else test.faithfulness
    return {
        "task": task,
        "search": search,
        "n": n,
        "searched": circuit.settings.prompts.n,
        "edges": len(circuit.edges),
        "evaluations": circuit.search.evaluations,
        "seconds": round(time.process_time() - begun, 1),
        "on_search": circuit.outcome.faithfulness,
        "on_test": None if reached is None else [reached.value, reached.low, reached.high],
        "kl_on_search": circuit.outcome.circuit.kl,
        "kl_on_test": None if test is None else test.circuit.kl,
    }


def picture(rows: list[dict[str, Any]], model: str, theme: Theme = Theme.LIGHT) -> Figure:
    """A panel per task: what circuits recover on test prompts, over how many prompts they were searched on."""
    about = "A panel per task: the share of the logit difference that circuits recover on test prompts, by prompts."
    with theme.applied():
        figure = Figure(f"Faithfulness on other prompts, by prompts of the search, in {model}", about, 9.6, 3.7, theme)
        panels = figure.subplots(1, len(TASKS), sharey=True)
        for axes, task in zip(panels, TASKS, strict=True):
            axes.axhline(1, color=theme.value.faint, lw=1)
            for place, search in enumerate(SEARCHES):
                of_both = [row for row in rows if row["task"] == task and row["search"] == search and row["on_test"]]
                if not of_both:
                    continue
                numbers = [row["searched"] for row in of_both]
                values, low, high = np.array([row["on_test"] for row in of_both]).T
                (line,) = axes.plot(numbers, values, "o-", ms=4, lw=1.5, color=theme.value.series[place], label=search)
                axes.fill_between(numbers, low, high, color=line.get_color(), alpha=0.13, lw=0)
            axes.set_xscale("log")
            axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
            axes.xaxis.set_minor_formatter(NullFormatter())
            axes.set_xticks(PROMPTS)
            axes.set_title(task)
            axes.set_xlabel("prompts searched")
            axes.grid(True)
            axes.set_axisbelow(True)
        panels[0].yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        panels[0].set_ylabel("logit difference recovered")
        figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=7.5)
    return figure


def main(folder: str, model_name: str = "demo-4l") -> None:
    """Do what is not in the file yet, then draw it all."""
    torch.set_num_threads(1)
    path = Path(folder) / "prompts.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    done = {(row["task"], row["search"], row["n"]) for row in rows}
    model = load_model(model_name)
    for n in PROMPTS:
        for task in TASKS:
            for search in SEARCHES:
                if (task, search, n) in done:
                    continue
                row = searched(model, task, search, n)
                rows.append(row)
                with path.open("a") as file:
                    file.write(json.dumps(row) + "\n")
                print(row, flush=True)
    picture(rows, model_name).save(path.with_name("prompts.svg"))


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit("usage: python benchmarks/prompts.py FOLDER [MODEL]")
    main(*sys.argv[1:])
