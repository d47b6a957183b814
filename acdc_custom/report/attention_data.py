"""Where heads look in some prompts of a batch, for the attention viewer.

Owns which texts and which heads are shown when not all fit. The patterns are `heads/attention.py`'s.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from acdc_custom.engine.prepared import PreparedBatch
from acdc_custom.errors import ResultError
from acdc_custom.files.writing import write_file
from acdc_custom.graph import Sender
from acdc_custom.heads.attention import attention_patterns
from acdc_custom.model.layers import layers
from acdc_custom.model.model import Model
from acdc_custom.report.attention_view import (
    AttentionData,
    AttentionHead,
    AttentionPrompt,
    attention_page,
    what_fits,
)
from acdc_custom.report.prompts import choose, pieces


def attention_data(
    prepared: PreparedBatch, heads: Sequence[Sender], rows: Sequence[int], about: Mapping[Sender, str]
) -> AttentionData | None:
    """The first of these heads and of these prompts, clean and corrupted, that fit on a page; None if nothing does.

    The first head is the one that is shown when the page opens. `rows` count the prompts of the batch; `about` says a
    few words about some heads.
    """
    model, prompts = prepared.model, prepared.batch.prompts
    ids = [(row, kind, getattr(prompts[row], f"{kind}_ids")) for row in rows for kind in ("clean", "corrupted")]
    n_heads, n_texts = what_fits(len(heads), [len(tokens) for _, _, tokens in ids])
    if not n_heads:
        return None
    shown, ids = sorted(heads[:n_heads]), ids[:n_texts]
    texts = [
        AttentionPrompt(
            f"Prompt {rows.index(row) + 1}, {kind}",
            tuple(pieces(getattr(prompts[row], kind), len(tokens), model.tokenizer, prompts[row].behind)),
        )
        for row, kind, tokens in ids
    ]
    per_text = [patterns_of(model, shown, tokens) for _, _, tokens in ids]
    named = [AttentionHead(str(head), head.label, about.get(head, "")) for head in shown]
    return AttentionData.of(named, texts, list(zip(*per_text, strict=True)), shown.index(heads[0]))


@torch.no_grad()
def patterns_of(model: Model, heads: Sequence[Sender], ids: Sequence[int]) -> Tensor:
    """Attention in one text, `[head, query, key]`."""
    tokens = torch.tensor([ids], device=model.device)
    return attention_patterns(list(layers(model.weights, tokens)), heads)[:, 0].cpu()


def save_attention_page(prepared: PreparedBatch, heads: Sequence[Sender], path: str | Path, first: int = 0) -> Path:
    """Write a page with nothing but the viewer, for these heads; prompt number `first` is shown before some others.

    Raises `ResultError` when it cannot be written, or when the prompts are too long for a page.
    """
    rows = list(dict.fromkeys([first, *choose(prepared.batch.prompts)]))
    data = attention_data(prepared, heads, rows, {})
    if data is None:
        raise ResultError("the prompts are too long for a page that shows attention. Use shorter prompts.")
    title = f"Attention in {prepared.model.name} on {prepared.task.name}"
    return write_file(path, attention_page(data, title, prepared.task.description))
