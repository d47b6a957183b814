"""Does the engine's arithmetic agree with the model's own code? Asked at load, never assumed.

Compares the plain forward pass with TransformerBridge on real prompts: the embedding, what the attention and
the MLP of every layer write (after the norms that follow them in Gemma 2: the bridge's hooks of these names stand
there), and the logits. The first disagreement is an error that names the component. A model that was built by hand has
no other code than the engine's: there is nothing to ask.
"""

from __future__ import annotations

import torch
from torch import Tensor

from acdc_custom.errors import ModelError
from acdc_custom.files.reading import shortened
from acdc_custom.graph import Sender, Stage
from acdc_custom.model.forward import run
from acdc_custom.model.model import Model
from acdc_custom.model.quiet import quiet

# Largest difference allowed, as a share of the component's largest number. Both sides compute in the model's
# dtype, but Hugging Face code computes some norms and all softmaxes in float32 even in a float64 model.
TOLERANCE = 1e-4
CHECKED_PROMPTS = 4  # of each kind that a batch has


def check_batch(model: Model, clean: Tensor, corrupted: Tensor, present: Tensor) -> None:
    """Compare on the first prompts of a batch, `[prompt, pos]` each; `present` is true where there is no padding.

    A model without a bridge has nothing to be compared with. Raises `ModelError` as `check` does.
    """
    if model.bridge is None:
        return
    first = slice(CHECKED_PROMPTS)
    check(model, torch.cat((clean[first], corrupted[first])), torch.cat((present[first], present[first])))


@torch.no_grad()
def check(model: Model, tokens: Tensor, present: Tensor | None = None) -> float:
    """Compare on `tokens` `[prompt, pos]`, where `present` is true; gives the largest relative difference found.

    Padding is left out: nothing reads what a model makes of it, and there rounding can grow a hundredfold.
    Raises `ModelError` naming the first component that differs by more than `TOLERANCE`.
    """
    try:
        ours = run(model.weights, tokens)
        with quiet():
            logits, cache = model.bridge.run_with_cache(tokens)
    except torch.OutOfMemoryError:
        raise
    except Exception as error:  # of the model's own code, or of weights that do not go together
        why = shortened(" ".join(str(error).split()) or type(error).__name__, 300)
        raise ModelError(
            f"{model.name} ({model.architecture}) cannot be run; look at its config.json: {why}."
        ) from error
    index, shape = model.graph.index, model.graph.shape
    embedded = cache["blocks.0.hook_resid_pre"]
    pairs = [("the embedding", ours.outputs[0], embedded)]
    for layer, block in enumerate(model.weights.blocks):
        first = index[Sender(layer, Stage.HEAD, 0)]
        heads = ours.outputs[first : first + shape.n_heads].sum(0)
        theirs = cache[f"blocks.{layer}.hook_attn_out"]
        pairs.append((f"the attention of layer {layer}", _plus(heads, block.attention.out_bias), theirs))
        if block.mlp is not None:
            mlp = ours.outputs[index[Sender(layer, Stage.MLP)]]
            theirs = cache[f"blocks.{layer}.hook_mlp_out"]
            pairs.append((f"the MLP of layer {layer}", mlp, theirs))
    final = model.weights.final_norm(ours.residuals[-1])
    pairs.append(("the logits", model.weights.logits(final), logits))

    worst = 0.0
    where = torch.ones_like(tokens, dtype=torch.bool) if present is None else present
    for component, all_mine, all_theirs in pairs:
        mine, theirs = all_mine[where], all_theirs[where]
        difference = float((mine - theirs).abs().max() / theirs.abs().max().clamp_min(1e-6))
        if not difference <= TOLERANCE:
            raise ModelError(
                f"the engine does not reproduce {model.name} ({model.architecture}): {component} differs by "
                f"{difference:.1e} of its largest value, {TOLERANCE:.0e} is allowed. This model's configuration "
                "uses something that the engine does not know; its circuits could not be trusted."
            )
        worst = max(worst, difference)
    return worst


def _plus(out: Tensor, bias: Tensor | None) -> Tensor:
    return out if bias is None else out + bias
