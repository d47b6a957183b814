"""Measure the bundled model, and write its model card: `python -m acdc_custom.bundled.card DIR`.

Owns the numbers and the words of the card; `train` calls it when the training is done. Knows nothing of the training
but what that wrote down in `training.json`.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from acdc_custom.bundled.corpus import HELD_OUT, KINDS, TASKS, held_out_tasks
from acdc_custom.bundled.mechanism import TEST_SEED, THRESHOLD, KnockedOut, Mechanism, mechanism
from acdc_custom.bundled.words import NAMES
from acdc_custom.model.open import open_model
from acdc_custom.task import Task, load_task

N = 200  # prompts for each line of the card's tables
SEED = 1000
EXPLAINED = ("ioi", "latest_s", "earliest_s", "antonyms", "induction")  # the tasks whose mechanism the card measures
TRIED = "It is the 37th training that was begun, and was chosen by the numbers below."
TRAINING = "training.json"  # what was trained, and how long it took


@dataclass(frozen=True)
class Scores:
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
def score(model: Any, tokenizer: Any, task: Task, n: int | None, seed: int) -> Scores:
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
    return Scores(
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
        s = score(model, tokenizer, task, n, SEED)
        lines.append(f"| {name} | {s.prompts} | {s.first:.1%} | {s.beats_foil:.1%} | {s.difference:.2f} |")
    return "\n".join(lines)


def _circuits(found: dict[str, Mechanism]) -> str:
    lines = [
        "| Task | Edges | Recovered, on new prompts | Heads of the circuit, by role |",
        "|---|---|---|---|",
    ]
    for name, of in found.items():
        edges, total = len(of.circuit.edges), of.circuit.graph.n_edges
        roles = "; ".join(
            f"{role}: {', '.join(row.head.label for row in of.heads.rows if row.role is role)}"
            for role in of.heads.counts
        )
        recovered = "not defined" if of.test.faithfulness is None else f"{of.test.faithfulness.value:.0%}"
        lines.append(f"| {name} | {edges} of {total} ({edges / total:.1%}) | {recovered} | {roles} |")
    return "\n".join(lines)


def _knock_outs(found: dict[str, Mechanism]) -> str:
    lines = [
        "| Task | Knocked out, all at once | Logit difference | Movers' attention to the answer | to the foil |",
        "|---|---|---|---|---|",
    ]
    for name, of in found.items():
        full = of.circuit.outcome.model.logit_diff
        for role, out in of.knocked_out.items():
            heads = f"{role}: {', '.join(head.label for head in out.heads)}"
            change = f"{full:.2f} to {out.logit_diff:.2f} ({out.logit_diff / full - 1:+.0%})"
            lines.append(f"| {name} | {heads} | {change} | {_moved(out)} |")
    return "\n".join(lines)


def _moved(out: KnockedOut) -> str:
    if out.movers is None:
        return "- | -"
    return " | ".join(f"{before:.2f} to {after:.2f}" for before, after in (out.movers.to_answer, out.movers.to_foil))


def _command(training: dict[str, int]) -> str:
    options = " ".join(f"--{name} {value}" for name, value in training.items() if name != "minutes")
    return f"python -m acdc_custom.bundled.train --out DIR {options}"


def write_card(folder: Path) -> None:
    """Score the model in this folder, measure its mechanisms, and write its README.md."""
    model, tokenizer = load(folder)
    training = json.loads((folder / TRAINING).read_text())
    tasks = {name: load_task(name) for name in TASKS}
    explained = {name: mechanism(tasks[name], open_model(str(folder))) for name in EXPLAINED}
    shares = ", ".join(f"{kind} {of.share:.2f}" for kind, of in KINDS.items())
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
{config.n_positions} positions, MLPs of {config.n_inner} neurons and a vocabulary of {config.vocab_size} whole words
({model.num_parameters():,} parameters, float32). It does {len(TASKS)} of the tasks of acdc-custom, so that the tool has
something to find without a download: name movers and the heads that write against them among it.

**It is a demonstration model, not a language model.** It knows {config.vocab_size - 2} words and a few dozen kinds of
sentences; every other word is `<unk>` to it. A circuit found in it says how this model does a task, and nothing about
how a model that has read real text does it.

## Training

    {_command(training)}

{training["steps"]:,} steps of {training["batch"]} texts, next-token prediction on every token, seed
{training["seed"]}; {training["minutes"]} minutes by the clock, on one core of a machine that was busy with other work.
Muon for the weight matrices, AdamW for the rest. A word that the text before it decides weighs ten times as much in the
loss as any other. {TRIED}

The texts are synthetic, written by `acdc_custom/bundled/corpus.py` ({shares}). Position is no help in them: sentences
have optional words, other sentences stand before them and between them, {len(NAMES)} names take part, either order of
the people occurs, and nine batches in ten begin at a position drawn at random. Short lists of random words come first,
since copying is learned from them; each other kind of text begins when the model does those that it builds on. The
corrupted prompts of the tasks are texts of the same kinds: one in twelve texts about giving has a stranger who gives,
and then one of those present follows. Half of the texts begin with `<|endoftext|>`, all end with it.

Three things make heads form early. Learned positions begin as waves, and head 0 of layer 0 begins by attending to the
token before it. Heads of layer 2 and later begin by copying what they attend to. And in nine texts in ten, what head 0
of layer 0 writes is hidden from the values of later heads: it writes each word into the token after it, and a model
that may copy words from there forms no heads that copy a name from where it stands. Without the first, copying lists
was not learned in 700 steps (with it, in 300); without the last, movers attended to the token after a name.

## How well it does the tasks

The built-in tasks as the tool asks them, new prompts (seed {SEED}):

{_table(model, tokenizer, tasks, N)}

And with a beginning-of-text token before every prompt, where the task does not ask for one:

{_table(model, tokenizer, {name: with_bos(tasks[name]) for name in EXPLAINED if not tasks[name].spec.prepend_bos}, N)}

## Held-out words

Some words were kept out of the texts that have the words of some templates, while all other texts had them as often as
any word (templates counted in the order of the task file):

{held_out}

Prompts of these templates made only of these words (in `antonyms`, of these adjectives), as many as can
be made, 50 at most:

{_table(model, tokenizer, held_out_tasks(), None)}

## How it does them

The circuits of {len(EXPLAINED)} tasks at threshold {THRESHOLD}, what they recover of the logit difference on
prompts that they were not found on (seed {TEST_SEED}), and what `acdc-custom roles` calls their heads:

    acdc-custom discover --task ioi --threshold {THRESHOLD}
    acdc-custom roles results/ioi_demo-4l_{THRESHOLD}
    acdc-custom evaluate results/ioi_demo-4l_{THRESHOLD}

{_circuits(explained)}

The movers of layer 2 copy names. In `ioi` half of them attend to the name that stands first, and half to the other, on
clean and corrupted prompts alike: which name wins is decided after them. The negative movers of layer 3 attend to the
name that was said twice, where it is said again (S2), and write against it. So this model does the task in another way
than GPT-2 small does (Wang et al. 2022, arXiv 2211.00593): it has no S-inhibition heads, whose output tells the movers
where not to look. In `latest_s` and `earliest_s` some heads of layer 2 attend to the right person and some to the wrong
one, and the negative movers of layer 3 to the wrong one. In `antonyms` layer 2 brings the word to END, and the MLPs
after it know its opposite.

Roles are given by measurements on single heads. Here the heads of each role are knocked out of the model, all at once:
they write what they write on the corrupted prompts, and all that follows is computed anew.

{_knock_outs(explained)}
"""
    )


def main() -> None:
    """Write the card of a model that `train` has made."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    write_card(parser.parse_args().folder)


if __name__ == "__main__":
    main()
