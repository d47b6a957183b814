"""What methods found in known models, as lines for a terminal and as rows for a CSV file.

Owns the words and the columns. Imports no torch.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from acdc_custom.files.columns import left, paragraph, right, table, whole
from acdc_custom.files.table import Row
from acdc_custom.graph import Edge
from acdc_custom.known.beside import Beside, besides
from acdc_custom.known.result import BenchmarkResult

AREA = "area under the ROC curve of"
COLUMNS = (
    left("Model"),
    left("ablation"),
    left("method"),
    right("built", "circuit"),
    right("changing", "circuit"),
    right("right", "found"),
    right("wrong", "found"),
    right("missed", "found"),
    right("built", AREA),
    right("changing", AREA),
    right("nodes", AREA),
)
IN_POSITIONS = (
    left("Model"),
    left("ablation"),
    left("method"),
    right("edges", "that act"),
    right("at spans", "that act"),
    right("right", "found at spans"),
    right("wrong", "found at spans"),
    right("missed", "found at spans"),
    right("told apart"),
    right("no positions", "area of edges at spans"),
    right("positions", "area of edges at spans"),
)
KEYS = 3
INDENT = " " * 10
WIDER = " " * 14


def lines(trials: Sequence[BenchmarkResult]) -> Iterator[str]:
    """A line per model, ablation and method; what the columns mean; and what no search found. In positions, the same
    again below."""
    plain = [trial for trial in trials if not trial.spans]
    yield from table(COLUMNS, [_cells(trial) for trial in plain], keys=KEYS)
    yield ""
    yield from paragraph(
        "edges of the circuit that the model was made with; nodes: those that they leave", "built     ", INDENT
    )
    yield from paragraph("of these, edges whose removal changes what is read, with this ablation", "changing  ", INDENT)
    yield from paragraph(
        f"at the lowest threshold, {_lowest(plain):g}: right, wrong; missed: of those that change what is read",
        "found     ",
        INDENT,
    )
    yield from _never_found(plain)
    if pairs := besides(trials):
        yield ""
        yield from _in_positions(pairs)


def _in_positions(pairs: Sequence[Beside]) -> Iterator[str]:
    """Edges at spans: what is found of them in positions, and what would be without."""
    yield from table(IN_POSITIONS, [_cells_at_spans(pair) for pair in pairs], keys=KEYS)
    yield ""
    yield from paragraph(
        "edges whose removal alone, with this ablation, changes what a node writes where that is read on the way to "
        "the logits; and at how many spans they do",
        "that act      ",
        WIDER,
    )
    yield from paragraph(
        f"edges at spans, in positions, at the lowest threshold, {_lowest([pair.positioned for pair in pairs]):g}; "
        "right: those that act there",
        "found         ",
        WIDER,
    )
    yield from paragraph(
        "of the edges that act at some spans and not at others, those found at the very spans where they act; without "
        "positions none can be",
        "told apart    ",
        WIDER,
    )
    yield from paragraph("an edge that is found without positions counts at all its spans", "no positions  ", WIDER)
    yield from _never_found([pair.positioned for pair in pairs])


def _never_found(trials: Iterable[BenchmarkResult]) -> Iterator[str]:
    """What no search with a method that decides edges found."""
    for trial in trials:
        if trial.decided and trial.missed:
            where = f"{trial.name}, {trial.ablation} ablation" + ", in positions" * bool(trial.spans)
            yield from paragraph(f"{trial.method.title} never finds in {where}: {', '.join(_names(trial.missed))}")


def _lowest(trials: Iterable[BenchmarkResult]) -> float:
    return min(threshold for trial in trials for threshold, _ in trial.found)


def _cells(trial: BenchmarkResult) -> list[str]:
    counts = (len(trial.built), len(trial.changing), *_found(trial))
    areas = (trial.edge_auc, trial.changing_auc, trial.node_auc)
    return [trial.name, trial.ablation.value, trial.method.name, *map(str, counts), *map(three, areas)]


def _cells_at_spans(pair: Beside) -> list[str]:
    trial = pair.positioned
    counts = (len({edge.merged for edge in trial.changing}), len(trial.changing), *_found(trial))
    apart = whole(f"{len(pair.told_apart)} of {len(pair.to_tell_apart)}")
    areas = map(three, (pair.auc_without, pair.auc))
    return [trial.name, trial.ablation.value, trial.method.name, *map(str, counts), apart, *areas]


def _found(trial: BenchmarkResult) -> tuple[int, int, int]:
    """At the lowest threshold: how many edges are right, and how many wrong; and how many are found at none."""
    return len(trial.at_lowest - trial.wrong), len(trial.wrong), len(trial.missed)


def to_rows(trials: Sequence[BenchmarkResult]) -> list[Row]:
    """A row per model, ablation and method, and one more for each in positions."""
    pairs = {id(pair.positioned): pair for pair in besides(trials)}
    return [_row(trial, pairs.get(id(trial))) for trial in trials]


def _row(trial: BenchmarkResult, pair: Beside | None) -> Row:
    cells: dict[str, str | int | float | None] = {
        "model": trial.name,
        "ablation": trial.ablation.value,
        "method": trial.method.name,
        "n_spans": len(trial.spans),
        "metric": trial.metric.value,
        "prompts": trial.n,
        "edges": len(trial.every),
        "built": len(trial.built),
        "changing": len(trial.changing),
        "found": len(trial.at_lowest),
        "wrong": len(trial.wrong),
        "missed": len(trial.missed),
        "auc_edges": trial.edge_auc,
        "auc_nodes": trial.node_auc,
        "auc_changing": trial.changing_auc,
        "auc_without": pair.auc_without if pair else None,
        "to_tell_apart": len(pair.to_tell_apart) if pair else None,
        "told_apart": len(pair.told_apart) if pair else None,
    }
    return {name: "" if cell is None else cell for name, cell in cells.items()}


def three(area: float | None) -> str:
    """An area to three places, or a dash where there is none."""
    return "-" if area is None else f"{area:.3f}"


def _names(edges: Iterable[Edge]) -> list[str]:
    return [str(edge) for edge in sorted(edges)]
