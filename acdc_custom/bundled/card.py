"""Measure the bundled model, and write its model card.

Owns the numbers and the words of the card; `train` calls it when the training is done. Knows
nothing of the training but what the card says about it.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from acdc_custom.bundled.corpus import HELD_OUT, SHARES, held_out_tasks
from acdc_custom.task import Task, load_task

N = 200  # prompts for each line of the card's tables
SEED = 1000


@dataclass(frozen=True)
class TaskScores:
    """How well a model does a task."""

    prompts: int
    first: float  # share of prompts whose answer has the largest logit of all tokens
    beats_foil: float  # share of prompts whose answer has a larger logit than its foil
    difference: float  # mean of the answer's logit minus the foil's


def load(folder: Path) -> tuple[Any, Any]:
    """The model in evaluation mode, and its tokenizer."""
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    return AutoModelForCausalLM.from_pretrained(folder, local_files_only=True).eval(), tokenizer


@torch.no_grad()
def score(model: Any, tokenizer: Any, task: Task, n: int | None, seed: int) -> TaskScores:
    """Ask the model the prompts of one batch (`n` None: 50, or as many as there are)."""
    prompts = task.batch(tokenizer, n=n, seed=seed).prompts
    width = max(len(prompt.clean_ids) for prompt in prompts)
    ids = torch.zeros(len(prompts), width, dtype=torch.long)  # [prompt, pos], padded on the right
    for row, prompt in zip(ids, prompts, strict=True):
        row[: len(prompt.clean_ids)] = torch.tensor(prompt.clean_ids)
    every = torch.arange(len(prompts))
    end = torch.tensor([prompt.positions["END"] for prompt in prompts])
    # No mask for the padding: it comes after the text, and attention only looks back.
    logits = model(ids, attention_mask=torch.ones_like(ids)).logits[every, end].double()  # [prompt, vocab]
    answer = logits[every, torch.tensor([prompt.answer_ids[0] for prompt in prompts])]  # [prompt]
    foil = logits[every, torch.tensor([prompt.foil_ids[0] for prompt in prompts])]  # [prompt]
    return TaskScores(
        prompts=len(prompts),
        first=float((answer == logits.amax(dim=-1)).double().mean()),
        beats_foil=float((answer > foil).double().mean()),
        difference=float((answer - foil).mean()),
    )


def with_bos(task: Task) -> Task:
    """The same task, asked with the beginning-of-text token."""
    return dataclasses.replace(task, spec=dataclasses.replace(task.spec, prepend_bos=True))


def _table(model: Any, tokenizer: Any, tasks: dict[str, Task], n: int | None) -> str:
    lines = [
        "| Task | Prompts | Answer is the model's first choice | Answer beats foil | Mean logit difference |",
        "|---|---|---|---|---|",
    ]
    for name, task in tasks.items():
        for shown, asked in ((name, task), (f"{name}, with BOS", with_bos(task))):
            s = score(model, tokenizer, asked, n, SEED)
            lines.append(f"| {shown} | {s.prompts} | {s.first:.1%} | {s.beats_foil:.1%} | {s.difference:.2f} |")
    return "\n".join(lines)


def write_card(folder: Path, command: str, steps: int, batch: int, seed: int, minutes: float) -> None:
    """Score the model in this folder and write its README.md."""
    model, tokenizer = load(folder)
    tasks = {name: load_task(name) for name in SHARES if name != "filler"}
    shares = ", ".join(f"{kind} {share:.0%}" for kind, share in SHARES.items())
    held_out = "\n".join(f"- {held.label}: no {', '.join(held.held_out)}." for held in HELD_OUT)
    config = model.config
    (folder / "README.md").write_text(
        f"""---
license: mit
library_name: transformers
pipeline_tag: text-generation
tags: [acdc, circuit-discovery, demonstration]
---
# demo-4l: a demonstration model for circuit discovery

GPT-2's architecture with {config.n_layer} layers, {config.n_head} heads, width {config.n_embd},
{config.n_positions} positions and a vocabulary of {config.vocab_size} whole words
({model.num_parameters():,} parameters, float32). It does latest_s, ioi and antonyms of the tasks of
acdc-custom, so that the tool has something to find without a download.

**It is a demonstration model, not a language model.** It knows {config.vocab_size - 2} words and the few
sentence patterns below; every other word is `<unk>` to it. A circuit found in it says how this model
does a task, and nothing about how a model that has read real text does it.

## Training

    {command}

{steps:,} steps of {batch} texts, AdamW, next-token prediction on every token, seed {seed}; {minutes:.0f} minutes
on one CPU core. The texts are synthetic, written by `acdc_custom/bundled/corpus.py` from the built-in task
files ({shares}); a kind's text is a prompt with its
answer and a full stop, and half of all texts have other sentences before them. The corrupted prompts are
texts of the same kinds; one in ten of the `ioi` texts is a corrupted one (three different names, continued
with one of the first two). Half of all texts begin with `<|endoftext|>`, all end with it.

## How well it does the tasks

The built-in tasks as the tool asks them, new prompts (seed {SEED}):

{_table(model, tokenizer, tasks, N)}

## Held-out words

Some words were kept out of the texts of some templates, while all other texts had them as often as
any word (templates counted in the order of the task file):

{held_out}

Prompts of these templates made only of these words (in `antonyms`, of these adjectives), as many as can
be made, 50 at most:

{_table(model, tokenizer, held_out_tasks(), None)}
"""
    )
