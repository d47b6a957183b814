"""Activation patching of single MLP neurons, at all positions at once.

Owns which neurons are patched and in what layers. Direction, numbers and their meaning are those of
`activation_patching.py`; a neuron's activation is what it multiplies its output weights by.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from acdc_custom.analyses.rerun import Site
from acdc_custom.analyses.runs import Runs
from acdc_custom.choices import Direction
from acdc_custom.engine.prepared import PreparedBatch
from acdc_custom.errors import UsageError
from acdc_custom.figures.charts import bars
from acdc_custom.figures.theme import Figure, Theme
from acdc_custom.files.table import Row, Tabular
from acdc_custom.model.products import product
from acdc_custom.model.weights import Block
from acdc_custom.progress.protocol import Progress, silent

SHOWN = 20  # neurons in the figure


@dataclass(frozen=True, eq=False)
class NeuronPatching(Tabular):
    """What patching each neuron does to the mean logit difference (logits)."""

    direction: Direction
    layers: tuple[int, ...]
    logit_diff: np.ndarray  # [layer, neuron]
    whole: np.ndarray  # [layer]: when all neurons of the layer are patched together
    clean: float
    corrupted: float

    @property
    def effect(self) -> np.ndarray:
        """`[layer, neuron]`: how far a patch moves the normalised logit difference from its base run, signed."""
        return self._moved(self.logit_diff)

    @property
    def whole_effect(self) -> np.ndarray:
        """`[layer]`: the same for all neurons of a layer together."""
        return self._moved(self.whole)

    def _moved(self, logit_diff: np.ndarray) -> np.ndarray:
        base = self.corrupted if self.direction is Direction.DENOISING else self.clean
        return (logit_diff - base) / (self.clean - self.corrupted)

    def strongest(self, n: int) -> list[tuple[int, int]]:
        """The `n` (layer, neuron) of largest effect of either sign."""
        order = np.argsort(-np.abs(self.effect), axis=None, kind="stable")[:n]
        rows = (divmod(int(place), self.effect.shape[1]) for place in order)
        return [(self.layers[row], neuron) for row, neuron in rows]

    def to_rows(self) -> list[Row]:
        """One row per neuron."""
        effect = self.effect
        return [
            {
                "layer": self.layers[row],
                "neuron": neuron,
                "logit_diff": float(self.logit_diff[row, neuron]),
                "effect": float(effect[row, neuron]),
            }
            for row, neuron in np.ndindex(*effect.shape)
        ]


@torch.no_grad()
def patch_neurons(
    prepared: PreparedBatch,
    layers: Sequence[int] | None = None,
    direction: Direction = Direction.DENOISING,
    on_progress: Progress = silent,
) -> NeuronPatching:
    """Patch every neuron of some layers, one at a time.

    By default those of one layer: the one whose MLP does most when it is patched as a whole. Raises `UsageError` for a
    layer that is not there, and for a model without MLPs.
    """
    runs = Runs.of(prepared, direction)
    n_layers = len(runs.base.layers)
    if not prepared.model.graph.shape.has_mlp:
        raise UsageError(f"{prepared.model.name} has attention only: there are no neurons to patch.")
    for layer in layers or ():
        if not 0 <= layer < n_layers:
            raise UsageError(f"layer {layer}: {prepared.model.name} has layers 0 to {n_layers - 1}.")
    whole = np.array([_patch_whole(runs, layer) for layer in range(n_layers)])
    base_run = runs.base.logit_diff()
    chosen = tuple(layers or [int(np.abs(whole - base_run).argmax())])
    results = [_patch_each(runs, layer, len(chosen), on_progress) for layer in chosen]
    full, corrupted = prepared.full.logit_diff, prepared.corrupted.logit_diff
    return NeuronPatching(direction, chosen, np.stack(results), whole[list(chosen)], full, corrupted)


def _patch_whole(runs: Runs, layer: int) -> float:
    base, source = runs.base.layers[layer], runs.source.layers[layer]
    assert base.mlp_output is not None and source.mlp_output is not None
    first = runs.first_difference
    after = (base.after - base.mlp_output + source.mlp_output)[None, :, first:]
    return float(runs.base.rerun(layer + 1, Site.BEFORE, after, first))


def _patch_each(runs: Runs, layer: int, n_layers: int, on_progress: Progress) -> np.ndarray:
    """The mean logit difference `[neuron]` with each neuron of a layer patched, which is one of so many."""
    block, base, first = runs.base.model.weights.blocks[layer], runs.base.layers[layer], runs.first_difference
    assert block.mlp is not None and base.mlp_output is not None
    own, theirs = (
        _activations(block, run.layers[layer].mlp_input, first) for run in (runs.base, runs.source)
    )  # [prompt, pos, d_mlp]
    change = theirs - own
    total = product(own, block.mlp.weight_out, block.mlp.bias_out)
    without = (base.after - base.mlp_output)[:, first:]
    n_neurons = change.shape[-1]
    results = np.empty(n_neurons)
    size = runs.base.at_once(first)
    for start in range(0, n_neurons, size):
        some = slice(start, start + size)
        moved = torch.einsum("npm,md->mnpd", change[..., some], block.mlp.weight_out[some])
        out = total + moved
        if block.mlp.post_norm is not None:
            out = block.mlp.post_norm(out)
        results[some] = runs.base.rerun(layer + 1, Site.BEFORE, without + out, first).cpu().numpy()
        on_progress("Patching neurons", min(some.stop, n_neurons) - start, n_layers * n_neurons)
    return results


def _activations(block: Block, read: Tensor | None, first: int) -> Tensor:
    assert block.mlp is not None and block.mlp_norm is not None and read is not None
    return block.mlp.hidden(block.mlp_norm(read[:, first:]))


def draw_neuron_patching(result: NeuronPatching, theme: Theme = Theme.LIGHT) -> Figure:
    """The neurons that change most."""
    found = result.strongest(SHOWN)
    values = [result.effect[result.layers.index(layer), neuron] for layer, neuron in found]
    where = f"layer{'s' * (len(result.layers) > 1)} {', '.join(map(str, result.layers))}"
    title = f"{result.direction.value.capitalize()}: the single MLP neurons of {where} that change most"
    labels = [f"L{layer} N{neuron}" for layer, neuron in found]
    return bars(labels, values, title, "neuron", "change of the normalised\nlogit difference", theme=theme)
