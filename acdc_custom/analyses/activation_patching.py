"""Activation patching: put one activation of one run into the other run, and see how much of the answer comes with it.

Owns which activations are patched: the residual stream, attention outputs and MLP outputs at each layer and position,
and the output, queries, keys, values or pattern of each head at all positions. Denoising puts clean activations into
the corrupted run, noising the other way round (Meng et al. 2022, arXiv 2202.05262; Heimersheim and Nanda 2024, arXiv
2404.15255). The rest of the forward pass is computed anew, norms included. How that is done is `rerun.py`'s business.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from acdc_custom.analyses.positions import positions_of
from acdc_custom.analyses.rerun import Site
from acdc_custom.analyses.runs import Runs
from acdc_custom.choices import Direction, HeadPart
from acdc_custom.engine.prepared import PreparedBatch
from acdc_custom.errors import UsageError
from acdc_custom.figures.charts import heatmap
from acdc_custom.figures.theme import Figure, Theme
from acdc_custom.files.table import Row, Tabular
from acdc_custom.graph import Sender, Stage
from acdc_custom.model.layers import Layer
from acdc_custom.progress.protocol import Progress, silent

# What each part of a head takes from the other run. A pattern is made of queries and keys, an output of all three.
FROM_SOURCE = {
    HeadPart.Z: "qkv",
    HeadPart.Q: "q",
    HeadPart.K: "k",
    HeadPart.V: "v",
    HeadPart.PATTERN: "qk",
}


@dataclass(frozen=True, eq=False)
class Effects(Tabular):
    """What each of many patches does to the mean logit difference (logits)."""

    what: str
    direction: Direction
    logit_diff: np.ndarray  # [row, column]
    clean: float  # of the run on the clean prompts
    corrupted: float  # of the run on the corrupted prompts

    @property
    def title(self) -> str:
        """What was patched, in one line."""
        verb = {Direction.DENOISING: "brings back", Direction.NOISING: "takes away"}[self.direction]
        return f"{self.direction.value.capitalize()}: what patching the {self.what} {verb}"

    @property
    def normalised(self) -> np.ndarray:
        """`[row, column]`: 0 where the logit difference is the corrupted run's, 1 where it is the clean run's."""
        return (self.logit_diff - self.corrupted) / (self.clean - self.corrupted)

    @property
    def effect(self) -> np.ndarray:
        """`[row, column]`: how far a patch moves the normalised logit difference from its base run, signed."""
        return self.normalised - (0.0 if self.direction is Direction.DENOISING else 1.0)


@dataclass(frozen=True, eq=False)
class Patching(Effects):
    """Patches of every layer: `logit_diff` is `[layer, column]`."""

    columns: str  # what a column is: position, head, key/value head
    n_heads: int  # in a layer of the model
    labels: tuple[str, ...]  # of the columns

    def cells_of(self, heads: Collection[Sender]) -> set[tuple[int, int]]:
        """The cells `(layer, column)` in which these heads are patched; none if columns are positions."""
        if self.columns == "position":
            return set()
        return {(h.layer, h.head * len(self.labels) // self.n_heads) for h in heads if h.stage is Stage.HEAD}

    def to_rows(self) -> list[Row]:
        """One row per patch: `place` counts columns, and the rest as in the figure."""
        normalised = self.normalised
        return [
            {
                "layer": layer,
                "place": column,
                self.columns.replace("/", "_").replace(" ", "_"): self.labels[column],
                "logit_diff": float(self.logit_diff[layer, column]),
                "normalised": float(normalised[layer, column]),
            }
            for layer, column in np.ndindex(*self.logit_diff.shape)
        ]


def patch_residual(
    prepared: PreparedBatch, direction: Direction = Direction.DENOISING, on_progress: Progress = silent
) -> Patching:
    """Patch the residual stream before each layer, at each position."""
    runs = Runs.of(prepared, direction)

    def streams(layer: int) -> tuple[Tensor, Tensor]:
        return runs.base.layers[layer].before, runs.source.layers[layer].before

    return _by_position(runs, "residual stream before each layer", Site.BEFORE, 0, streams, on_progress)


def patch_attention(
    prepared: PreparedBatch, direction: Direction = Direction.DENOISING, on_progress: Progress = silent
) -> Patching:
    """Patch what the attention of each layer writes, at each position."""
    runs = Runs.of(prepared, direction)

    def streams(layer: int) -> tuple[Tensor, Tensor]:
        before = runs.base.layers[layer].before
        return before + runs.base.attention_output(layer), before + runs.source.attention_output(layer)

    return _by_position(runs, "attention output of each layer", Site.AFTER_ATTENTION, 0, streams, on_progress)


def patch_mlp(
    prepared: PreparedBatch, direction: Direction = Direction.DENOISING, on_progress: Progress = silent
) -> Patching:
    """Patch what the MLP of each layer writes, at each position. Raises `UsageError` if there are no MLPs."""
    if not prepared.model.graph.shape.has_mlp:
        raise UsageError(f"{prepared.model.name} has attention only: there is no MLP to patch.")
    runs = Runs.of(prepared, direction)

    def streams(layer: int) -> tuple[Tensor, Tensor]:
        base, source = runs.base.layers[layer], runs.source.layers[layer]
        assert base.mlp_output is not None and source.mlp_output is not None
        return base.after, base.after + source.mlp_output - base.mlp_output

    return _by_position(runs, "MLP output of each layer", Site.BEFORE, 1, streams, on_progress)


@torch.no_grad()
def patch_heads(
    prepared: PreparedBatch,
    part: HeadPart = HeadPart.Z,
    direction: Direction = Direction.DENOISING,
    on_progress: Progress = silent,
) -> Patching:
    """Patch one part of each head, at all positions. Keys and values that heads share are patched for all of them."""
    runs = Runs.of(prepared, direction)
    shape = prepared.model.graph.shape
    grouped = shape.grouped and part in (HeadPart.K, HeadPart.V)
    n_columns = shape.n_kv_heads if grouped else shape.n_heads
    first = runs.first_difference
    logit_diff = np.empty((runs.n_layers, n_columns))
    for layer in range(runs.n_layers):
        base = runs.base.layers[layer]
        total = base.attention.total(base.z[:, :, first:])
        change = (_patched_z(base, runs.source.layers[layer], part) - base.z)[:, :, first:]
        moved = base.attention.write(change)
        moved = moved.view(n_columns, -1, *moved.shape[1:]).sum(1)  # heads that share what is patched move together
        for start in range(0, n_columns, runs.base.at_once(first)):
            chunk = slice(start, start + runs.base.at_once(first))
            after = base.before[:, first:] + base.attention.finish(total + moved[chunk])
            logit_diff[layer, chunk] = runs.base.rerun(layer, Site.AFTER_ATTENTION, after, first).cpu().numpy()
            on_progress("Patching heads", min(chunk.stop, n_columns) - start, runs.n_layers * n_columns)
    columns = "key/value head" if grouped else "head"
    labels = tuple(map(str, range(n_columns)))
    return _result(runs, f"{part.about} of each head ({part.value})", columns, labels, logit_diff)


def _result(runs: Runs, what: str, columns: str, labels: tuple[str, ...], logit_diff: np.ndarray) -> Patching:
    full, corrupted = runs.prepared.full.logit_diff, runs.prepared.corrupted.logit_diff
    n_heads = runs.prepared.model.graph.shape.n_heads
    return Patching(what, runs.direction, logit_diff, full, corrupted, columns, n_heads, labels)


def _patched_z(base: Layer, source: Layer, part: HeadPart) -> Tensor:
    """z `[head, prompt, pos, d_head]` of the base run, with one part of every head taken from the source run."""
    taken = FROM_SOURCE[part]
    q, k, v = (getattr(source if name in taken else base, name) for name in "qkv")
    return base.attention.attend(q, k, v)


@torch.no_grad()
def _by_position(
    runs: Runs,
    what: str,
    site: Site,
    ahead: int,
    streams: Callable[[int], tuple[Tensor, Tensor]],
    on_progress: Progress,
) -> Patching:
    """Patch each column of positions at each layer.

    `streams` gives the residual stream `[prompt, pos, d_model]` at a layer's site, which is `ahead` layers further on,
    without and with the patch at every position.
    """
    prepared, base = runs.prepared, runs.base
    positions = positions_of(prepared.batch.prompts, prepared.tokens, prepared.model.tokenizer)
    # Before the first token that differs, both runs are the same, and patching changes nothing.
    effective = positions.mask & prepared.tokens.changed  # [column, prompt, pos]
    # A batch of columns is run from the first token that any of them changes, but never without some prompt's end.
    shortest = prepared.tokens.answer_positions.min()
    starts = effective.any(1).int().argmax(1).clamp_max(shortest).tolist()
    columns = sorted(effective.flatten(1).any(1).nonzero()[:, 0].tolist(), key=starts.__getitem__)
    logit_diff = np.full((runs.n_layers, len(positions.labels)), base.logit_diff())
    for layer in range(runs.n_layers):
        plain, patched = streams(layer)
        done = 0
        while done < len(columns):
            first = starts[columns[done]]
            chunk = columns[done : done + base.at_once(first)]
            mask = effective[chunk][:, :, first:, None]
            stream = torch.where(mask, patched[:, first:], plain[:, first:])  # [column, prompt, pos, d_model]
            logit_diff[layer, chunk] = base.rerun(layer + ahead, site, stream, first).cpu().numpy()
            done += len(chunk)
            on_progress(f"Patching the {what.partition(' of')[0]}", len(chunk), runs.n_layers * len(columns))
    return _result(runs, what, "position", positions.labels, logit_diff)


def draw_patching(result: Patching, marked: Collection[Sender] = (), theme: Theme = Theme.LIGHT) -> Figure:
    """A heat map of what patches change, in normalised logit differences; `marked` heads get a frame."""
    unit = "change of the normalised logit difference"
    labels = [str(layer) for layer in range(len(result.logit_diff))]
    return heatmap(
        result.effect,
        labels,
        result.labels,
        result.title,
        unit,
        "layer",
        result.columns,
        result.cells_of(marked),
        theme,
    )
