"""What each component writes towards the answer, read off the residual stream where the answer is given.

Owns direct logit attribution and the logit lens. A component's attribution is its output at END, through the final norm
with the scale that the whole residual stream has there, times the unembedding's direction from foil to answer
(Elhage et al. 2021, "A Mathematical Framework for Transformer Circuits"; TransformerLens,
`ActivationCache.logit_attrs`). Where logits are soft-capped, everything is before the cap.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from acdc_custom.engine.metrics import exact, logit_diff_direction
from acdc_custom.engine.prepared import PreparedBatch
from acdc_custom.engine.spans import ANSWER
from acdc_custom.figures.charts import bars, head_heatmap, lines
from acdc_custom.figures.theme import Figure, Theme
from acdc_custom.files.table import Row, Tabular
from acdc_custom.graph import LOGITS, Sender, Stage
from acdc_custom.model.norm import Norm, NormKind


@dataclass(frozen=True, eq=False)
class LogitLens(Tabular):
    """The logit difference (logits) that the residual stream holds after each component, and what each one adds.

    Means over prompts, with the standard deviation between prompts. `accumulated` uses the final scale, so that its
    steps are the contributions and its last point is the model's logit difference; `own_scale` is the lens proper: the
    stream as it is there, through the final norm.
    """

    components: tuple[str, ...]
    accumulated: np.ndarray  # [component]
    accumulated_std: np.ndarray
    own_scale: np.ndarray
    contribution: np.ndarray  # [component]: output biases are part of their component
    contribution_std: np.ndarray
    constant: float  # what the final norm's and the unembedding's biases add, whatever the input

    def to_rows(self) -> list[Row]:
        """One row per component, in the order of the model."""
        return [
            {
                "component": name,
                "accumulated": float(self.accumulated[i]),
                "accumulated_std": float(self.accumulated_std[i]),
                "own_scale": float(self.own_scale[i]),
                "contribution": float(self.contribution[i]),
                "contribution_std": float(self.contribution_std[i]),
            }
            for i, name in enumerate(self.components)
        ]


@dataclass(frozen=True, eq=False)
class HeadAttribution(Tabular):
    """What each head writes towards the answer, in logits: mean and standard deviation over prompts."""

    attribution: np.ndarray  # [layer, head]: output biases are no head's
    std: np.ndarray  # [layer, head]

    def strongest(self, n: int) -> tuple[Sender, ...]:
        """The `n` heads of largest attribution, whatever its sign."""
        order = np.argsort(-np.abs(self.attribution), axis=None, kind="stable")[:n]
        return tuple(
            Sender(int(i) // self.attribution.shape[1], Stage.HEAD, int(i) % self.attribution.shape[1]) for i in order
        )

    def to_rows(self) -> list[Row]:
        """One row per head."""
        return [
            {
                "head": str(Sender(layer, Stage.HEAD, head)),
                "layer": layer,
                "index": head,
                "attribution": float(self.attribution[layer, head]),
                "std": float(self.std[layer, head]),
            }
            for layer, head in np.ndindex(*self.attribution.shape)
        ]


@torch.no_grad()
def logit_lens(prepared: PreparedBatch) -> LogitLens:
    """The logit lens and every component's contribution, at END."""
    prepared = prepared.at_contrast
    weights, graph = prepared.model.weights, prepared.model.graph
    outputs = _outputs(prepared)
    names, written = ["embed"], [outputs[0]]
    for layer, block in enumerate(weights.blocks):
        first = graph.index[Sender(layer, Stage.HEAD, 0)]
        heads = outputs[first : first + graph.shape.n_heads].sum(0)
        names.append(f"L{layer} attn")
        written.append(_plus(heads, block.attention.out_bias))
        if block.mlp is not None:
            names.append(f"L{layer} MLP")
            written.append(outputs[graph.index[Sender(layer, Stage.MLP)]])
    components = torch.stack(written)  # [component, prompt, d_model]
    direction, constant = readout(prepared)
    contribution = torch.einsum("cpd,pd->cp", exact(components), direction)
    accumulated = constant + contribution.cumsum(0)
    unembedding, bias = logit_diff_direction(weights, prepared.tokens)
    streams = exact(weights.final_norm(components.cumsum(0)))
    own_scale = torch.einsum("cpd,pd->cp", streams, unembedding) + bias
    return LogitLens(
        tuple(names),
        _mean(accumulated),
        _std(accumulated),
        _mean(own_scale),
        _mean(contribution),
        _std(contribution),
        float(constant.mean()),
    )


@torch.no_grad()
def head_attribution(prepared: PreparedBatch) -> HeadAttribution:
    """Direct logit attribution of every head, at END."""
    prepared = prepared.at_contrast
    graph, shape = prepared.model.graph, prepared.model.graph.shape
    direction, _ = readout(prepared)
    heads = [i for sender, i in graph.index.items() if sender.stage is Stage.HEAD]
    values = torch.einsum("cpd,pd->cp", exact(_outputs(prepared)[heads]), direction)
    return HeadAttribution(
        _mean(values).reshape(shape.n_layers, shape.n_heads), _std(values).reshape(shape.n_layers, shape.n_heads)
    )


def readout(prepared: PreparedBatch) -> tuple[Tensor, Tensor]:
    """The direction `[prompt, d_model]` along which what a component writes at END adds to the logit difference.

    Float64. The final norm has the scale of the clean run, so that contributions add up; the second part, `[prompt]`,
    is what its bias and the unembedding's add in any case.
    """
    norm = prepared.model.weights.final_norm
    unembedding, constant = logit_diff_direction(prepared.model.weights, prepared.tokens)
    if norm.kind is NormKind.NONE:
        return unembedding, constant
    final = exact(torch.cat([chunk.residual(LOGITS, ANSWER) for chunk in prepared.chunks]))
    direction = unembedding * exact(norm.weight)
    if norm.bias is not None:
        constant = constant + unembedding @ exact(norm.bias)
    if norm.kind is NormKind.LAYER:
        direction = direction - direction.mean(-1, keepdim=True)
    return direction * _inverse_scale(norm, final), constant


def _inverse_scale(norm: Norm, x: Tensor) -> Tensor:
    if norm.kind is NormKind.LAYER:
        x = x - x.mean(-1, keepdim=True)
    return norm.scale(x)


def _outputs(prepared: PreparedBatch) -> Tensor:
    """What every sender writes at END: `[sender, prompt, d_model]`."""
    senders = list(prepared.model.graph.senders)
    return torch.cat([chunk.clean_output(senders, ANSWER) for chunk in prepared.chunks], dim=1)


def _plus(out: Tensor, bias: Tensor | None) -> Tensor:
    return out if bias is None else out + bias


def _mean(values: Tensor) -> np.ndarray:
    return values.mean(1).cpu().numpy()


def _std(values: Tensor) -> np.ndarray:
    return values.std(1, correction=0).cpu().numpy()


def draw_logit_lens(result: LogitLens, theme: Theme = Theme.LIGHT) -> Figure:
    """The accumulated logit difference after each component, with its spread between prompts."""
    return lines(
        result.components,
        {"with the final scale (mean, band: 1 sd)": result.accumulated, "with its own scale": result.own_scale},
        "Logit lens: the logit difference in the residual stream at END",
        "after",
        "logit difference (logits)",
        {"with the final scale (mean, band: 1 sd)": result.accumulated_std},
        theme,
    )


def draw_contributions(result: LogitLens, theme: Theme = Theme.LIGHT) -> Figure:
    """What each component adds to the logit difference, with its spread between prompts."""
    return bars(
        result.components,
        result.contribution,
        "What each component adds to the logit difference at END (mean, bar: 1 sd)",
        "component",
        "logits",
        result.contribution_std,
        theme,
    )


def draw_head_attribution(
    result: HeadAttribution, marked: Collection[Sender] = (), theme: Theme = Theme.LIGHT
) -> Figure:
    """A layer x head heat map of the attributions; `marked` heads get a frame."""
    title = "Direct logit attribution: what each head writes towards the answer at END"
    return head_heatmap(result.attribution, title, "logits", marked, theme)
