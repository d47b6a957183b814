"""Tiny models with prompts on them, prepared as for a search; offline, and with no task file."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tiny import TinyPrompt, random_prompts

from acdc_custom.choices import Ablation
from acdc_custom.engine.ablation import AblatedActivations
from acdc_custom.engine.caches import build_caches
from acdc_custom.engine.circuit_run import run_circuit
from acdc_custom.engine.footprint import plan
from acdc_custom.engine.performance import task_performance
from acdc_custom.engine.prepared import PreparedBatch
from acdc_custom.engine.tokens import token_batch
from acdc_custom.model.model import Model
from acdc_custom.task import Batch, Task
from acdc_custom.task.batch import Prompt
from acdc_custom.task.spec import RowSpec, Spec


@dataclass(frozen=True)
class NumberTokenizer:
    """Every token is a word: 7 is `w7`."""

    bos_token_id: int | None = None

    def decode(self, ids: list[int]) -> str:
        return "".join(f" w{token}" for token in ids)

    def __call__(self, text: str, *, add_special_tokens: bool) -> dict[str, list[int]]:
        return {"input_ids": [int(word.removeprefix("w")) for word in text.split()]}


TASK = Task(
    "tiny",
    "tiny.toml",
    Path("tiny.toml"),
    "",
    "0" * 64,
    Spec("", "", "", False, "kl", "given", {}, RowSpec("", "", ())),
)


def as_prompt(tiny: TinyPrompt) -> Prompt:
    """A whole prompt: its text is its tokens, and END is always a position."""
    clean, corrupted, answer, foil = (
        tuple(f" w{token}" for token in ids)
        for ids in (tiny.clean_ids, tiny.corrupted_ids, tiny.answer_ids, tiny.foil_ids)
    )
    return Prompt(
        "".join(clean),
        "".join(corrupted),
        answer,
        foil,
        tiny.clean_ids,
        tiny.corrupted_ids,
        tiny.answer_ids,
        tiny.foil_ids,
        {**tiny.positions, "END": len(tiny.clean_ids) - 1},
        tiny.template,
    )


def prepared(model: Model, prompts: list[TinyPrompt] | None = None) -> PreparedBatch:
    """What `prepare_batch` gives, on these prompts, or on random ones of several lengths and templates."""
    batch = Batch(tuple(map(as_prompt, prompts or random_prompts(1))), "tiny", "given", 0, ())
    model = replace(model, tokenizer=NumberTokenizer())
    tokens = token_batch(batch.prompts, model.max_positions, len(model.weights.unembedding), model.device)
    chunk = build_caches(model, tokens, AblatedActivations(Ablation.CORRUPTED, None))
    corrupted = task_performance([chunk], [run_circuit(model, tokens, (), chunk.carried)])
    full = task_performance([chunk], [chunk.model_normed])
    return PreparedBatch(TASK, batch, model, tokens, plan(model, tokens, None), (chunk,), full, corrupted, corrupted)


def hooked_logit_diff(prepared: PreparedBatch, ids: Any, hooks: list[tuple[str, Any]]) -> float:
    """The mean logit difference of TransformerBridge on `ids` `[prompt, pos]`, with hooks: the second way."""
    import torch

    with torch.no_grad():
        logits = prepared.model.bridge.run_with_hooks(ids, fwd_hooks=hooks)
    differences = []
    for row, prompt in enumerate(prepared.batch.prompts):
        last = logits[row, prompt.positions["END"]]
        differences.append(last[list(prompt.answer_ids)].mean() - last[list(prompt.foil_ids)].mean())
    return float(sum(differences)) / len(differences)
