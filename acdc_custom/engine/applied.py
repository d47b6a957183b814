"""A circuit as a model: the logits of prompts of one's own, with everything outside some edges ablated.

Owns what a user's prompts become, and the hooks that let a loaded model compute as a circuit. What edges compute is
`circuit_run.py`'s business, and where in a model it goes is `model/places.py`'s. Every model is compared with its own
code on the first prompts, as in a search.
"""

from __future__ import annotations

import contextlib
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from acdc_custom.choices import Ablation
from acdc_custom.circuit.subgraph import Subgraph
from acdc_custom.engine.ablation import AblatedActivations, prepare_ablation
from acdc_custom.engine.circuit_run import run_circuit
from acdc_custom.engine.inside import run_inside
from acdc_custom.engine.own_prompts import NEED_CORRUPTED, pairs
from acdc_custom.engine.spans import spans_of
from acdc_custom.engine.tokens import TokenBatch, padded, token_batch
from acdc_custom.errors import UsageError, count
from acdc_custom.files.reading import described
from acdc_custom.model.check import check_batch
from acdc_custom.model.given import is_bridge, is_hugging_face, load_model, read_model
from acdc_custom.model.model import Model
from acdc_custom.model.places import HookPoint, Inside, places
from acdc_custom.task.chat import frame_of
from acdc_custom.task.spans import END
from acdc_custom.task.tokens import Encoder

AT_ONCE = 16  # prompts in one forward pass


def run_edges(
    subgraph: Subgraph, model: Any, prompts: Any, ablation: Ablation | str | None = None, tokenizer: Any = None
) -> Tensor:
    """The logits after each prompt, with everything outside the edges of `subgraph` ablated: `[prompt, vocab]`.

    `model` is anything that `load_model` takes. `prompts` are pairs (clean, corrupted) of as many tokens each, a
    DataFrame or mappings with these keys, or a `Batch`; for the ablations zero and mean, clean texts do. `ablation` is
    by default the circuit's; `mean` is the mean over these prompts, at each position. They begin as those of the
    circuit's task do, with or without a beginning-of-text token, and in a chat template if those are. Raises
    `UsageError` for what does not fit.
    """
    kind = _ablation(subgraph, ablation)
    loaded = load_model(model, tokenizer)
    _check_shape(subgraph, loaded)
    frame = frame_of(loaded.tokenizer) if _said(subgraph, "chat") else None
    asked = pairs(prompts, Encoder(loaded.tokenizer), _said(subgraph, "prepend_bos"), frame, kind)
    tokens = token_batch(asked, loaded.max_positions, len(loaded.weights.unembedding), loaded.device)
    check_batch(loaded, tokens.clean, tokens.corrupted, tokens.is_prompt)
    carried = _carried(loaded, tokens, kind)
    edges = [kept.edge for kept in subgraph.edges]
    return _logits(loaded, torch.cat([run_circuit(loaded, chunk, edges, carried) for chunk in tokens.chunks(AT_ONCE)]))


@contextlib.contextmanager
def applied(
    subgraph: Subgraph,
    model: Any,
    corrupted: Any = None,
    ablation: Ablation | str | None = None,
    tokenizer: Any = None,
) -> Iterator[Any]:
    """While this lasts, `model` computes what these edges do, at every position; then it is as it was.

    `model` is a Hugging Face model, a TransformerBridge, or what `load_model` gave (call its `bridge`). `corrupted`
    are the prompts whose activations removed edges carry, as texts or as tokens `[prompt, pos]`, of as many tokens as
    those that the model is called with; the ablations zero and mean have no need of them. `mean` is the mean over the
    prompts of each call.

    Hooks put the circuit's own numbers into the model, where other hooks read them: queries, keys, values, scores,
    attention patterns, what heads and MLPs write, neurons, the final residual stream, the logits. Not the residual
    stream between layers and the norms that read it: receivers of a circuit read different sums, and what is seen
    there is the sum of what all nodes before write. Nothing that another hook changes reaches the logits, and no
    gradient goes through. Raises `UsageError`, also from within a call.
    """
    kind = _ablation(subgraph, ablation)
    module = _module(model)
    loaded = read_model(model, tokenizer)
    filled = list(_places(model, loaded))
    if loaded is model:
        loaded = replace(loaded, bridge=None)  # to be compared with its own code, it would have to be called: in a hook
    _check_shape(subgraph, loaded)
    if kind in NEED_CORRUPTED and corrupted is None:
        raise UsageError(f'the ablation {kind} needs corrupted prompts: give corrupted=, or ablation="mean" or "zero".')
    twins = None if corrupted is None else _tokens(corrupted, model, loaded)
    edges = [kept.edge for kept in subgraph.edges]

    now: list[tuple[Tensor, Inside]] = []  # of the call that lasts

    def begin(_: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        clean, lengths = _called_with(args, kwargs)
        there = clean if twins is None else twins.to(clean.device)
        if there.shape != clean.shape:
            raise UsageError(
                f"the model was called with {_size(clean)}, and the corrupted prompts are {_size(there)}: give as many."
            )
        ends = _batch(clean, there, lengths[:, None] - 1)
        everywhere = _batch(clean, there, torch.arange(clean.shape[1], device=clean.device).expand(*clean.shape))
        check_batch(loaded, ends.clean, ends.corrupted, ends.is_prompt)
        carried = _carried(loaded, ends, kind)
        normed, inside = run_inside(loaded, everywhere.chunks(AT_ONCE), edges, carried)
        logits = _logits(loaded, normed).view(*clean.shape, -1)  # [prompt, pos, vocab]
        now[:] = [(logits, inside)]

    def answer(_: Any, __: Any, output: Any) -> Any:
        ((logits, _inside),) = now
        now.clear()
        return _with_logits(output, logits)

    handles = []
    try:
        handles.append(module.register_forward_pre_hook(begin, with_kwargs=True))
        handles.extend(place.fill(lambda: now[0][1]) for place in filled)
        handles.append(module.register_forward_hook(answer))
        yield model
    finally:
        for handle in handles:
            handle.remove()


def _carried(model: Model, prompts: TokenBatch, kind: Ablation) -> AblatedActivations:
    """What removed edges carry, measured on `prompts`."""
    if kind is Ablation.MEAN and len(prompts.clean) == 1:
        raise UsageError("the mean over a single prompt is that prompt, and ablates nothing. Give more prompts.")
    return prepare_ablation(kind, model.weights, prompts.chunks(AT_ONCE))


@torch.no_grad()
def _logits(model: Model, normed: Tensor) -> Tensor:
    """`[answer row, vocab]`."""
    return model.weights.logits(normed)


def _places(model: Any, loaded: Model) -> Iterator[HookPoint]:
    """Where the circuit's numbers go in `model`, of which `loaded` was read."""
    if isinstance(model, tuple):
        return _places(model[0], loaded)
    if is_hugging_face(model):
        return places(loaded, model)
    return places(replace(loaded, bridge=model) if is_bridge(model) else loaded)


def _ablation(subgraph: Subgraph, ablation: Ablation | str | None) -> Ablation:
    try:
        return Ablation(ablation or subgraph.settings.ablation)
    except ValueError:
        raise UsageError(f'there is no ablation "{ablation}". There are: {", ".join(Ablation)}.') from None


def _check_shape(subgraph: Subgraph, model: Model) -> None:
    if any(kept.edge.span for kept in subgraph.edges):
        raise UsageError(
            "these edges are in positions, which prompts of one's own have not. Take circuit.at_all_spans."
        )
    if model.graph.shape != subgraph.shape:
        shape = model.graph.shape
        raise UsageError(
            f"these edges are of {subgraph.model.name}, and {model.name} has {shape.n_layers} layers of "
            f"{shape.n_heads} heads: it has other nodes. Give the model of the circuit."
        )


def _said(subgraph: Subgraph, key: str) -> bool | None:
    """What the file of the circuit's task says of how prompts begin; None for nothing."""
    try:
        said = tomllib.loads(subgraph.task.text).get(key)
    except tomllib.TOMLDecodeError:  # a task of rows that were given in Python
        return None
    return said if isinstance(said, bool) else None


def _module(model: Any) -> Any:
    """The module that is called with tokens, in the end."""
    if isinstance(model, tuple) and len(model) == 2:
        return _module(model[0])
    if isinstance(model, Model) and model.bridge is not None:
        return model.bridge.original_model
    if is_bridge(model):
        return model.original_model
    if is_hugging_face(model):
        return model
    raise UsageError(
        f"{described(model)} cannot be called. Give a Hugging Face model, a TransformerBridge, or what load_model "
        "gives; circuit.run takes a name."
    )


def _tokens(corrupted: Any, model: Any, loaded: Model) -> Tensor:
    """`[prompt, pos]`."""
    if isinstance(corrupted, Tensor):
        return corrupted[None] if corrupted.ndim == 1 else corrupted
    if is_bridge(model):
        made: Tensor = model.to_tokens(corrupted)
        return made
    if loaded.tokenizer is None:
        raise UsageError("corrupted prompts were given as texts, and no tokenizer. Give tokenizer=, or give tokens.")
    texts = [corrupted] if isinstance(corrupted, str) else list(corrupted)
    return padded([loaded.tokenizer(text)["input_ids"] for text in texts], 0)


def _called_with(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[Tensor, Tensor]:
    """Tokens `[prompt, pos]`, and how many of each prompt are no padding `[prompt]`. Raises `UsageError`."""
    tokens = kwargs.get("input_ids", args[0] if args else None)
    if not isinstance(tokens, Tensor) or tokens.ndim != 2 or tokens.is_floating_point():
        raise UsageError("a circuit is run on tokens: call the model with input_ids, [prompt, pos].")
    cache = kwargs.get("past_key_values")
    if cache is not None and cache.get_seq_length() > tokens.shape[1]:
        raise UsageError("a circuit reads whole prompts, and the model was called with a cache: give use_cache=False.")
    if kwargs.get("labels") is not None:
        raise UsageError(
            "a loss of the model's own would be that of the whole model. Leave labels away; use the logits."
        )
    mask = kwargs.get("attention_mask")
    if mask is None:
        return tokens, torch.full((len(tokens),), tokens.shape[1], device=tokens.device)
    lengths = mask.sum(1).long()
    if not bool((mask.bool() == (torch.arange(tokens.shape[1], device=mask.device) < lengths[:, None])).all()):
        raise UsageError('a circuit reads prompts from their beginning: pad on the right (padding_side="right").')
    return tokens, lengths


def _batch(clean: Tensor, corrupted: Tensor, positions: Tensor) -> TokenBatch:
    """A batch that is read at `positions`, `[prompt, position]`."""
    none = torch.zeros(len(clean), 0, dtype=torch.long, device=clean.device)
    changed = (clean != corrupted).int().cummax(dim=1).values.bool()
    one = spans_of([(END,)])  # of edges without positions: they are kept or removed at every token
    zeros = none.new_zeros(len(clean))
    return TokenBatch(
        clean, corrupted, positions, changed, none, none, zeros, none, zeros, torch.zeros_like(clean), one
    )


def _with_logits(output: Any, logits: Tensor) -> Any:
    """What the model gives, with other logits; of the last positions only, where it gives only these."""

    def instead(own: Tensor) -> Tensor:
        return logits[:, -own.shape[1] :].to(own)

    if isinstance(output, Tensor):
        return instead(output)
    if isinstance(output, tuple):
        return (instead(output[0]), *output[1:])
    if hasattr(output, "logits"):
        output.logits = instead(output.logits)
        return output
    raise UsageError(f"the model gives a {type(output).__name__}, which has no logits.")


def _size(tokens: Tensor) -> str:
    return f"{count(len(tokens), 'prompt')} of {tokens.shape[1]} tokens"
