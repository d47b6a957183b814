"""What makes a neuron fire: the texts in which its activation is largest, and how its activation is distributed.

Owns reading texts in batches, and what is kept of them. A neuron's activation is what it multiplies its output weights
by: behind a gate, act(gate) * up. A text of more than `longest` tokens is read in pieces of so many, each by itself.
The beginning-of-text token is read before each piece where the tokenizer puts it there, and is not counted. Batches are
the same whenever the work was stopped in between, and so is what is found.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from acdc_custom.analyses.neuron_names import Neuron
from acdc_custom.analyses.neuron_records import Asked, Example, FiredAt, NeuronExamples, NeuronRecord
from acdc_custom.analyses.neuron_words import likeness, neuron_weights
from acdc_custom.analyses.texts import Texts
from acdc_custom.errors import ModelError, UsageError
from acdc_custom.model.check import check
from acdc_custom.model.layers import layers
from acdc_custom.model.model import Model
from acdc_custom.model.weights import Mlp
from acdc_custom.progress.protocol import Progress, silent
from acdc_custom.task.tokens import Encoder

AT_ONCE = 16  # texts of a batch, and pieces of one forward pass
LONGEST = 256  # tokens of a piece, unless others are wanted or the model reads fewer
CHECKED = 32  # tokens on which the engine is checked against the model's own code
TOP = 20  # examples of a neuron
TOP_TOKENS = 50  # tokens at which a neuron fires most


@dataclass(frozen=True)
class _Piece:
    line: int
    start: int
    ids: tuple[int, ...]
    tokens: tuple[str, ...]


def what_is_asked(
    model: Model,
    texts: Texts,
    neurons: Sequence[Neuron],
    top: int = TOP,
    longest: int | None = None,
    prepend_bos: bool | None = None,
    seed: int = 0,
) -> Asked:
    """Raises `UsageError` for a neuron that the model has not, and for pieces that are longer than it reads."""
    shape, weights = model.graph.shape, model.weights
    if not shape.has_mlp:
        raise UsageError(f"{model.name} has attention only: there are no neurons.")
    if not neurons:
        raise UsageError("no neuron was given. Neurons are called L5N441.")
    first = weights.blocks[0].mlp
    assert first is not None
    for neuron in neurons:
        last = f"L{shape.n_layers - 1}N{first.weight_out.shape[0] - 1}"
        of = weights.blocks[neuron.layer].mlp if neuron.layer < shape.n_layers else None
        if of is None or neuron.number >= of.weight_out.shape[0]:
            raise UsageError(f"there is no neuron {neuron}: those of {model.name} are L0N0 to {last}.")
    begins = Encoder(model.tokenizer).beginning(prepend_bos)
    room = model.max_positions - len(begins)
    if longest is not None and not 1 <= longest <= room:
        raise UsageError(f"pieces of {longest} tokens: {model.name} reads 1 to {room} at once.")
    dtype = str(model.dtype).removeprefix("torch.")
    chosen = tuple(dict.fromkeys(neurons))
    longest = longest or min(LONGEST, room)
    return Asked(
        model.name,
        model.fingerprint,
        dtype,
        texts.name,
        texts.sha256,
        len(texts.texts),
        chosen,
        top,
        longest,
        begins,
        seed,
    )


@torch.no_grad()
def neuron_examples(
    model: Model,
    texts: Texts | Sequence[str],
    neurons: Sequence[Neuron | str],
    top: int = TOP,
    longest: int | None = None,
    prepend_bos: bool | None = None,
    seed: int = 0,
    earlier: NeuronExamples | None = None,
    on_batch: Callable[[NeuronExamples], object] = lambda found: None,
    on_progress: Progress = silent,
) -> NeuronExamples:
    """Read texts, and keep of each neuron the `top` ones in which its activation is largest.

    Goes on from `earlier`, if that is part of the same work. `on_batch` is told what has been found so far. Raises
    `UsageError` for neurons or sizes that this model has not, `ModelError` when the engine does not compute what the
    model's own code computes.
    """
    texts = texts if isinstance(texts, Texts) else Texts.of(texts)
    named = [one if isinstance(one, Neuron) else Neuron.parse(one) for one in neurons]
    asked = what_is_asked(model, texts, named, top, longest, prepend_bos, seed)
    if earlier is not None and earlier.asked != asked:
        raise UsageError("what was found earlier is of other neurons, texts, weights or settings.")
    found = earlier or NeuronExamples(asked, 0, 0, 0, (), tuple(NeuronRecord(neuron) for neuron in asked.neurons))
    encoder = Encoder(model.tokenizer)
    if not found.n_read:
        _check(model, encoder, texts, asked)
    on_progress("Reading texts", found.n_read, asked.n_texts)
    while not found.is_complete:
        before = found.n_read
        found = _with_batch(found, model, encoder, texts)
        on_batch(found)
        on_progress("Reading texts", found.n_read - before, asked.n_texts)
    return dataclasses.replace(found, neurons=tuple(_finished(model, found, record) for record in found.neurons))


def _check(model: Model, encoder: Encoder, texts: Texts, asked: Asked) -> None:
    """Whether the engine computes what the model's own code does, on the beginning of the first text."""
    piece = next(_pieces(encoder, texts.lines[0], texts.texts[0], min(asked.longest, CHECKED)), None)
    ids = torch.tensor([[*asked.begins, *(piece.ids if piece else ())]], device=model.device)
    if ids.numel() and model.bridge is not None:
        check(model, ids, torch.ones_like(ids, dtype=torch.bool))


def _pieces(encoder: Encoder, line: int, text: str, longest: int) -> Iterator[_Piece]:
    encoding = encoder.encode(text)
    tokens = encoding.pieces
    for start in range(0, len(encoding.ids), longest):
        some = slice(start, start + longest)
        yield _Piece(line, start, encoding.ids[some], tokens[some])


def _with_batch(found: NeuronExamples, model: Model, encoder: Encoder, texts: Texts) -> NeuronExamples:
    """What is found with a batch of texts more."""
    asked, some = found.asked, slice(found.n_read, found.n_read + AT_ONCE)
    per_text = [
        list(_pieces(encoder, line, text, asked.longest))
        for line, text in zip(texts.lines[some], texts.texts[some], strict=True)
    ]
    pieces = [piece for of_text in per_text for piece in of_text]
    records = list(found.neurons)
    for start in range(0, len(pieces), AT_ONCE):
        now = pieces[start : start + AT_ONCE]
        activations = _activations(model, asked, now)  # [neuron, piece, pos]
        if not np.isfinite(activations).all():
            raise ModelError(f"an activation of {model.name} is no finite number. Compute it in float32.")
        for row, record in enumerate(records):
            values = [of_piece[: len(p.ids)] for of_piece, p in zip(activations[row], now, strict=True)]
            records[row] = _with_pieces(record, asked, _is_gated(model, record.neuron), now, values)
    ids = [token for piece in pieces for token in piece.ids]
    return dataclasses.replace(
        found,
        n_read=found.n_read + len(per_text),
        n_cut=found.n_cut + sum(len(of_text) > 1 for of_text in per_text),
        n_unknown=found.n_unknown + ids.count(-1 if encoder.unknown_id is None else encoder.unknown_id),
        seen=tuple(sorted({*found.seen, *ids})),
        neurons=tuple(records),
    )


def _activations(model: Model, asked: Asked, pieces: Sequence[_Piece]) -> np.ndarray:
    """`[neuron, piece, pos]`, without the tokens before each piece; what stands in padding means nothing."""
    width = max(len(piece.ids) for piece in pieces)
    padded = [[*asked.begins, *piece.ids, *[0] * (width - len(piece.ids))] for piece in pieces]
    wanted = sorted({neuron.layer for neuron in asked.neurons})
    out = np.empty((len(asked.neurons), len(pieces), width))
    for number, layer in enumerate(layers(model.weights, torch.tensor(padded, device=model.device))):
        if number in wanted:
            rows = [row for row, neuron in enumerate(asked.neurons) if neuron.layer == number]
            columns = [asked.neurons[row].number for row in rows]
            assert layer.mlp_input is not None
            values = _hidden(model, number, columns, layer.mlp_input)[:, len(asked.begins) :]  # [piece, pos, neuron]
            out[rows] = values.double().cpu().numpy().transpose(2, 0, 1)
        if number == wanted[-1]:
            break
    return out


def _hidden(model: Model, layer: int, columns: list[int], read: Tensor) -> Tensor:
    """The activations of some neurons of a layer alone: `[..., neuron]`."""
    block = model.weights.blocks[layer]
    assert block.mlp is not None and block.mlp_norm is not None

    def some(x: Tensor | None) -> Tensor | None:
        return None if x is None else x[..., columns]

    mlp: Mlp = block.mlp
    part = dataclasses.replace(
        mlp,
        weight_in=mlp.weight_in[:, columns],
        bias_in=some(mlp.bias_in),
        weight_gate=some(mlp.weight_gate),
        bias_gate=some(mlp.bias_gate),
    )
    return part.hidden(block.mlp_norm(read))


def _is_gated(model: Model, neuron: Neuron) -> bool:
    mlp = model.weights.blocks[neuron.layer].mlp
    return mlp is not None and mlp.weight_gate is not None


def _with_pieces(
    record: NeuronRecord, asked: Asked, gated: bool, pieces: Sequence[_Piece], values: Sequence[np.ndarray]
) -> NeuronRecord:
    """A neuron's record with some pieces more, and its activations `[pos]` in each."""
    every = np.concatenate(values)
    examples = list(zip(pieces, values, strict=True))
    return dataclasses.replace(
        record,
        n_tokens=record.n_tokens + len(every),
        total=record.total + float(every.sum()),
        n_positive=record.n_positive + int((every > 0).sum()),
        histogram=record.histogram.with_values(every),
        highest=_first(record.highest, examples, asked.top, 1),
        lowest=_first(record.lowest, examples, asked.top, -1) if gated else (),
        fires_at=_fires_at(record.fires_at, examples),
    )


def _first(
    kept: Sequence[Example], more: Sequence[tuple[_Piece, np.ndarray]], top: int, sign: int
) -> tuple[Example, ...]:
    """The `top` examples of the largest peaks, times `sign`; of equal ones, the first that was read."""
    least = sign * kept[-1].value if len(kept) == top else -np.inf
    new = [
        Example(piece.line, piece.start, int((sign * values).argmax()), piece.tokens, tuple(values.tolist()))
        for piece, values in more
        if (sign * values).max() > least
    ]
    return tuple(sorted([*kept, *new], key=lambda example: -sign * example.value)[:top])


def _fires_at(kept: Sequence[FiredAt], more: Sequence[tuple[_Piece, np.ndarray]]) -> tuple[FiredAt, ...]:
    """The tokens of the largest activations. One that has fallen out comes back with a larger value, if at all, so that
    nothing else has to be remembered."""
    best = {one.token: one for one in kept}
    for piece, values in more:
        for token, text, value in zip(piece.ids, piece.tokens, values.tolist(), strict=True):
            if token not in best or value > best[token].activation:
                best[token] = FiredAt(token, text, value)
    return tuple(sorted(best.values(), key=lambda one: (-one.activation, one.token))[:TOP_TOKENS])


def _finished(model: Model, found: NeuronExamples, record: NeuronRecord) -> NeuronRecord:
    """With what the weights say, and whether the words at which the neuron fires are alike."""
    tokens = [one.token for one in record.fires_at if one.activation > 0]
    return dataclasses.replace(
        record,
        weights=neuron_weights(model, record.neuron),
        alike=likeness(model, tokens, found.seen, found.asked.seed),
    )
